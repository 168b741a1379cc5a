import type { Grant, GranteeKey, GranteeKind, GrantId, SubjectKey } from './grant.ts';
import { granteeKinds } from './grant.ts';

/** EIP-712: what a patient's wallet shows and signs. The contract's type hashes are made from the same strings. */
export interface TypedDataDomain {
  readonly name: 'Consentry';
  readonly version: '1';
  readonly chainId: number;
  readonly verifyingContract: string;
}

export interface TypedData {
  readonly domain: TypedDataDomain;
  readonly types: Readonly<Record<string, readonly { readonly name: string; readonly type: string }[]>>;
  readonly primaryType: 'Grant' | 'Narrow' | 'Revoke' | 'Delegate' | 'Rebind';
  readonly message: Readonly<Record<string, unknown>>;
}

/** The scope of a grant in the units of the contract. */
export type GrantScope = Pick<
  Grant,
  'actions' | 'purposes' | 'classes' | 'labels' | 'conditions' | 'from' | 'until' | 'dataFrom' | 'dataUntil'
>;

/** What a patient signs to grant: a grant without what the chain adds, and a nonce that tells equal grants apart. */
export interface GrantTerms extends GrantScope {
  readonly subject: SubjectKey;
  readonly granteeKind: GranteeKind;
  readonly grantee: GranteeKey;
  readonly effect: 'permit' | 'deny';
  readonly terms: string;
  /** Decimal digits; any number below 2^64 that was not used with the same subject, grantee and terms. */
  readonly nonce: string;
}

const scopeType = [
  { name: 'actions', type: 'uint8' },
  { name: 'purposes', type: 'uint16' },
  { name: 'classes', type: 'uint32' },
  { name: 'labels', type: 'uint16' },
  { name: 'conditions', type: 'uint8' },
  { name: 'from', type: 'uint40' },
  { name: 'until', type: 'uint40' },
  { name: 'dataFrom', type: 'uint40' },
  { name: 'dataUntil', type: 'uint40' },
] as const;

const nameType = [
  { name: 'subject', type: 'bytes32' },
  { name: 'granteeKind', type: 'uint8' },
  { name: 'grantee', type: 'bytes32' },
  { name: 'terms', type: 'bytes32' },
  { name: 'nonce', type: 'uint64' },
] as const;

export function consentDomain(chainId: number, contract: string): TypedDataDomain {
  return { name: 'Consentry', version: '1', chainId, verifyingContract: contract };
}

export function scopeOf(terms: GrantScope): GrantScope {
  const { actions, purposes, classes, labels, conditions, from, until, dataFrom, dataUntil } = terms;
  return { actions, purposes, classes, labels, conditions, from, until, dataFrom, dataUntil };
}

/** The arguments `name`, `effect` and `scope` of the contract's `grant`. */
export function grantArguments(terms: GrantTerms) {
  return {
    name: {
      subject: terms.subject,
      granteeKind: granteeKinds.indexOf(terms.granteeKind),
      grantee: terms.grantee,
      terms: terms.terms,
      nonce: terms.nonce,
    },
    effect: terms.effect === 'deny' ? 1 : 0,
    scope: scopeOf(terms),
  };
}

export function grantTypedData(domain: TypedDataDomain, terms: GrantTerms, deadline: number): TypedData {
  return {
    domain,
    primaryType: 'Grant',
    types: {
      Grant: [
        { name: 'name', type: 'GrantName' },
        { name: 'effect', type: 'uint8' },
        { name: 'scope', type: 'Scope' },
        { name: 'deadline', type: 'uint40' },
      ],
      GrantName: nameType,
      Scope: scopeType,
    },
    message: { ...grantArguments(terms), deadline },
  };
}

export function narrowTypedData(
  domain: TypedDataDomain,
  subject: SubjectKey,
  grant: GrantId,
  scope: GrantScope,
): TypedData {
  return {
    domain,
    primaryType: 'Narrow',
    types: {
      Narrow: [
        { name: 'subject', type: 'bytes32' },
        { name: 'grant', type: 'bytes32' },
        { name: 'scope', type: 'Scope' },
      ],
      Scope: scopeType,
    },
    message: { subject, grant, scope: scopeOf(scope) },
  };
}

export function revokeTypedData(domain: TypedDataDomain, subject: SubjectKey, grant: GrantId): TypedData {
  return {
    domain,
    primaryType: 'Revoke',
    types: {
      Revoke: [
        { name: 'subject', type: 'bytes32' },
        { name: 'grant', type: 'bytes32' },
      ],
    },
    message: { subject, grant },
  };
}

/** Rights of a delegate, as the contract's bits. A guardian, who acts wholly in the subject's place, has them all. */
export const delegateRights = { grant: 1, withdraw: 2, delegate: 4, rebind: 8 } as const;
export interface DelegateTerms {
  readonly subject: SubjectKey;
  readonly delegate: string;
  readonly rights: number;
  readonly until: number;
  /** The subject's count of such messages so far, from the contract's `subjectOf`. */
  readonly nonce: string;
  readonly deadline: number;
}

export function delegateTypedData(domain: TypedDataDomain, terms: DelegateTerms): TypedData {
  const { subject, delegate, rights, until, nonce, deadline } = terms;
  return {
    domain,
    primaryType: 'Delegate',
    types: {
      Delegate: [
        { name: 'subject', type: 'bytes32' },
        { name: 'delegate', type: 'address' },
        { name: 'rights', type: 'uint8' },
        { name: 'until', type: 'uint40' },
        { name: 'nonce', type: 'uint64' },
        { name: 'deadline', type: 'uint40' },
      ],
    },
    message: { subject, delegate, rights, until, nonce, deadline },
  };
}

export interface RebindTerms {
  readonly subject: SubjectKey;
  readonly controller: string;
  readonly nonce: string;
  readonly deadline: number;
}

export function rebindTypedData(domain: TypedDataDomain, terms: RebindTerms): TypedData {
  const { subject, controller, nonce, deadline } = terms;
  return {
    domain,
    primaryType: 'Rebind',
    types: {
      Rebind: [
        { name: 'subject', type: 'bytes32' },
        { name: 'controller', type: 'address' },
        { name: 'nonce', type: 'uint64' },
        { name: 'deadline', type: 'uint40' },
      ],
    },
    message: { subject, controller, nonce, deadline },
  };
}
