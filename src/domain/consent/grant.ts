import type { Brand } from '../brand.ts';
import type { PurposeOfUse } from '../identity/principal.ts';

/** 0x and 64 hex digits. HMAC(patient key, organisation, epoch): the patient's name on chain, and nowhere else. */
export type SubjectKey = Brand<string, 'SubjectKey'>;
/** 0x and 64 hex digits. Keyed name of a grantee: person, organisation, role, care team, study, app. */
export type GranteeKey = Brand<string, 'GranteeKey'>;
export type GrantId = Brand<string, 'GrantId'>;
/** Seconds since 1970-01-01T00:00:00Z, as the contract counts. */
export type EpochSeconds = Brand<number, 'EpochSeconds'>;

/** The order is the contract's enum; never reorder. */
export const granteeKinds = ['person', 'organisation', 'role', 'care-team', 'study', 'app'] as const;
export type GranteeKind = (typeof granteeKinds)[number];

/** Bit n of `actions` is element n; never reorder. */
export const consentActions = [
  'read',
  'search',
  'create',
  'update',
  'delete',
  'export',
  'operation',
  'deidentified',
] as const;
export type ConsentAction = (typeof consentActions)[number];

/** Bit n of `purposes`; v3-PurposeOfUse codes; never reorder. */
export const consentPurposes = [
  'TREAT',
  'ETREAT',
  'HPAYMT',
  'HOPERAT',
  'HRESCH',
  'PATRQT',
  'PUBHLTH',
  'FAMRQT',
  'PWATRNY',
  'SUPNWK',
  'CLINTRCH',
  'CAREMGT',
  'HMARKT',
  'COVERAGE',
  'BTG',
  'HCOMPL',
] as const;

/** Bit n of `classes`: what kind of data; never reorder. No bit set means every class. */
export const dataClasses = [
  'demographics',
  'encounters',
  'conditions',
  'medications',
  'allergies',
  'immunizations',
  'labs',
  'vitals',
  'imaging',
  'procedures',
  'notes',
  'genetics',
  'care-plans',
  'devices',
  'appointments',
  'claims',
  'coverage',
  'family-history',
  'social-history',
  'orders',
  'documents',
  'research',
  'consents',
  'audit',
  'other',
] as const;
export type DataClass = (typeof dataClasses)[number];

/** Bit n of `labels`: security labels that a permit must name to open, and a deny may name; never reorder. */
export const securityLabels = [
  'R',
  'V',
  'PSY',
  'SUD',
  'HIV',
  'SDV',
  'GDIS',
  'SEX',
  'ETHUD',
  'OPIOIDUD',
  'STD',
  'MH',
  'NO-OVERRIDE',
] as const;
export type SecurityLabel = (typeof securityLabels)[number];

/** Bit n of `conditions`; never reorder. */
export const grantConditions = ['REFERRAL', 'CREDENTIAL', 'ENCOUNTER_ACTIVE', 'TWO_PERSON'] as const;
export type GrantCondition = (typeof grantConditions)[number];

/** One grant as the registry's events tell it. A bitmap of 0 means "any", except `conditions` and `labels`: none. */
export interface Grant {
  readonly id: GrantId;
  readonly subject: SubjectKey;
  readonly granteeKind: GranteeKind;
  readonly grantee: GranteeKey;
  readonly effect: 'permit' | 'deny';
  readonly actions: number;
  readonly purposes: number;
  readonly classes: number;
  readonly labels: number;
  readonly conditions: number;
  readonly from: EpochSeconds;
  /** Exclusive; 0 means without end. */
  readonly until: EpochSeconds;
  /** Window of the data's own dates; 0 means open on that side. */
  readonly dataFrom: EpochSeconds;
  readonly dataUntil: EpochSeconds;
  /** Salted commitment to the full FHIR Consent. */
  readonly terms: string;
  readonly block: number;
}

/** An unexpired fact on chain that opens a condition of a grant. */
export interface Attestation {
  readonly grant: GrantId;
  readonly condition: GrantCondition;
  readonly until: EpochSeconds;
}

export interface BlockRef {
  readonly number: number;
  readonly hash: string;
  readonly time: EpochSeconds;
}

/**
 * One immutable state of the registry. Grants are those at the finality the operator chose; revocations those seen at
 * `latest` or received signed. A gateway takes one view per request and names its block in the ledger.
 */
export interface ConsentView {
  readonly contract: string;
  readonly chainId: number;
  readonly head: BlockRef;
  /** Active grants only: revoked ones are gone, expired ones may still be here. */
  grantsOf(subject: SubjectKey): readonly Grant[];
  attested(grant: GrantId, condition: GrantCondition): EpochSeconds | undefined;
}

/** Why access is open: the grants, and the state of the chain they were read from; or the rule that needs no grant. */
export interface ConsentProof {
  readonly basis: 'grant' | 'self' | 'opt-out' | 'not-required' | 'break-glass';
  readonly grants: readonly GrantId[];
  readonly contract: string;
  readonly block: number;
  readonly blockHash: string;
  readonly purpose: PurposeOfUse;
}
