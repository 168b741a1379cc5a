import { Interface, keccak256, zeroPadValue } from 'ethers';
import type { EpochSeconds, GrantCondition, GrantId, SubjectKey } from '../../domain/consent/grant.ts';
import { grantConditions } from '../../domain/consent/grant.ts';
import { type GrantScope, grantArguments, scopeOf } from '../../domain/consent/typed-data.ts';
import { consentRegistryAbi } from './generated/consent-registry.ts';
import type { Effect, RelayItem } from './relay-queue.ts';
import type {
  Signature,
  SignedDelegation,
  SignedGrant,
  SignedNarrowing,
  SignedRebinding,
  SignedRevocation,
} from './sign.ts';

/** A call of the registry with how much gas to allow it, and how to see that it has had its effect. */
export type RelayCall = Omit<RelayItem, 'id'>;

export interface AttestRequest {
  readonly grant: GrantId;
  readonly condition: GrantCondition;
  readonly until: EpochSeconds;
  readonly commitment: string;
}

export const registry = new Interface(consentRegistryAbi);
const allBits = `0x${'f'.repeat(64)}`;
const statusBits = '0x3';

export function registerCall(subject: SubjectKey, controller: string): RelayCall {
  return {
    kind: 'register',
    key: `register:${subject}`,
    subject,
    data: registry.encodeFunctionData('registerSubject', [subject, controller]),
    gas: 90_000,
    effect: boundTo(subject, controller),
  };
}

export function grantCall(signed: SignedGrant): RelayCall {
  const { name, effect, scope } = grantArguments(signed.terms);
  const parameters = [name, effect, scope, signed.deadline, signed.signer, signed.signature];
  const { subject } = signed.terms;
  return {
    kind: 'grant',
    key: `grant:${signed.id}`,
    subject,
    grant: signed.id,
    data: registry.encodeFunctionData('grantBySig', parameters),
    gas: 100_000 + signatureGas(signed),
    // Granted, or granted and revoked since: either way the signature is spent.
    effect: { view: wordOf(subject, signed.id), mask: statusBits, value: 'any' },
  };
}

export function narrowCall(signed: SignedNarrowing): RelayCall {
  const { subject, id, scope, signer, signature } = signed;
  const data = registry.encodeFunctionData('narrowBySig', [subject, id, scopeOf(scope), signer, signature]);
  return {
    kind: 'narrow',
    key: `narrow:${id}:${keccak256(data)}`,
    subject,
    grant: id,
    data,
    gas: 90_000 + signatureGas(signed),
    effect: { view: wordOf(subject, id), mask: `0x${'f'.repeat(62)}00`, value: scopeWord(scope) },
  };
}

export function revokeCall(signed: SignedRevocation): RelayCall {
  const { subject, id, signer, signature } = signed;
  return {
    kind: 'revoke',
    key: `revoke:${id}`,
    subject,
    grant: id,
    data: registry.encodeFunctionData('revokeBySig', [subject, id, signer, signature]),
    gas: 90_000 + signatureGas(signed),
    effect: { view: wordOf(subject, id), mask: statusBits, value: '0x2' },
  };
}

/** What the patient or a delegate signed, out of a call made from it. */
export function signedRevocationOf(data: string): SignedRevocation | undefined {
  const call = registry.parseTransaction({ data });
  if (call?.name !== 'revokeBySig') return undefined;
  const [subject, id, signer, signature] = call.args as unknown as readonly [SubjectKey, GrantId, string, string];
  return { subject, id, signer, signature };
}

export function attestCall(fact: AttestRequest): RelayCall {
  const condition = grantConditions.indexOf(fact.condition);
  return {
    kind: 'attest',
    key: `attest:${fact.grant}:${condition}:${fact.until}`,
    grant: fact.grant,
    data: registry.encodeFunctionData('attest', [fact.grant, condition, fact.until, fact.commitment]),
    gas: 110_000,
    effect: attested(fact.grant, condition, fact.until),
  };
}

export function withdrawCall(grant: GrantId, condition: GrantCondition): RelayCall {
  const bit = grantConditions.indexOf(condition);
  return {
    kind: 'withdraw',
    key: `withdraw:${grant}:${bit}`,
    grant,
    data: registry.encodeFunctionData('withdraw', [grant, bit]),
    gas: 90_000,
    effect: attested(grant, bit, 0),
  };
}

export function delegateCall(signed: SignedDelegation): RelayCall {
  const { subject, delegate, rights, until, nonce, deadline } = signed.terms;
  const parameters = [subject, delegate, rights, until, nonce, deadline, signed.signer, signed.signature];
  const data = registry.encodeFunctionData('setDelegateBySig', parameters);
  return {
    kind: 'delegate',
    key: `delegate:${subject}:${keccak256(data)}`,
    subject,
    data,
    gas: 150_000 + signatureGas(signed),
    // The first word of the answer is the rights.
    effect: {
      view: registry.encodeFunctionData('delegationOf', [subject, delegate]),
      mask: allBits,
      value: hex(BigInt(rights)),
    },
  };
}

export function rebindCall(signed: SignedRebinding): RelayCall {
  const { subject, controller, nonce, deadline } = signed.terms;
  const parameters = [subject, controller, nonce, deadline, signed.signer, signed.signature];
  const data = registry.encodeFunctionData('rebindBySig', parameters);
  return {
    kind: 'rebind',
    key: `rebind:${subject}:${keccak256(data)}`,
    subject,
    data,
    gas: 90_000 + signatureGas(signed),
    effect: boundTo(subject, controller),
  };
}

export type SignedCall = SignedGrant | SignedRevocation | SignedNarrowing | SignedDelegation | SignedRebinding;

/** The call that carries what was signed, by its fields. */
export function signedCall(signed: SignedCall): RelayCall {
  if (!('terms' in signed)) return 'scope' in signed ? narrowCall(signed) : revokeCall(signed);
  const { terms } = signed;
  if ('delegate' in terms) return delegateCall({ ...signed, terms });
  return 'controller' in terms ? rebindCall({ ...signed, terms }) : grantCall(signed as SignedGrant);
}

const ACCOUNT_LENGTH = 42;
/** 0x and 65 bytes: what an account's key makes, and some contract wallets ask for. */
const ECDSA_LENGTH = 132;

/** A passkey or a contract wallet is verified by code of unknown cost. */
function signatureGas({ signer, signature }: Signature): number {
  return signer.length === ACCOUNT_LENGTH && signature.length === ECDSA_LENGTH ? 0 : 500_000;
}

function wordOf(subject: SubjectKey, id: string): string {
  return registry.encodeFunctionData('wordOf', [subject, id]);
}

function boundTo(subject: SubjectKey, controller: string): Effect {
  return {
    view: registry.encodeFunctionData('subjectOf', [subject]),
    mask: `0x${'f'.repeat(40)}`,
    value: zeroPadValue(controller, 32),
  };
}

function attested(grant: string, condition: number, until: number): Effect {
  return {
    view: registry.encodeFunctionData('attestedUntil', [grant, condition]),
    mask: allBits,
    value: hex(BigInt(until)),
  };
}

/** The scope as GrantWord.sol packs it. */
function scopeWord(scope: GrantScope): string {
  const at = (value: number, bit: number) => BigInt(value) << BigInt(bit);
  return hex(
    at(scope.actions, 8) |
      at(scope.purposes, 16) |
      at(scope.classes, 32) |
      at(scope.labels, 64) |
      at(scope.conditions, 80) |
      at(scope.from, 96) |
      at(scope.until, 136) |
      at(scope.dataFrom, 176) |
      at(scope.dataUntil, 216),
  );
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
