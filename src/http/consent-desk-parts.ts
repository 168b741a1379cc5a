import type { GrantDraft } from '../domain/consent/draft.ts';
import type { FhirObject } from '../domain/consent/fhir-values.ts';
import type { EpochSeconds, Grant, GrantCondition, GrantId, SubjectKey } from '../domain/consent/grant.ts';
import type { DelegateTerms, GrantScope, GrantTerms, RebindTerms, TypedData } from '../domain/consent/typed-data.ts';
import type { PatientId } from '../domain/fhir/interaction.ts';
import type { Problem } from '../domain/problem.ts';
import type { Clock, ConsentRegistry, LedgerStore, Random, SubjectKeys } from '../ports.ts';
import type { FirstVouches } from './consent-vouch.ts';

export interface Signature {
  readonly signer: string;
  readonly signature: string;
}

export type RelayOutcome =
  | { readonly ok: true; readonly tx: string | undefined; readonly block: number | undefined }
  | { readonly ok: false; readonly reason: string };
export interface Ticket {
  readonly settled: Promise<RelayOutcome>;
}

type Signed<More> = Signature & More;
export type GrantToRelay = Signed<{ readonly id: GrantId; readonly terms: GrantTerms; readonly deadline: number }>;
export type RevocationToRelay = Signed<{ readonly subject: SubjectKey; readonly id: GrantId }>;
export type NarrowingToRelay = RevocationToRelay & { readonly scope: GrantScope };
export type DelegationToRelay = Signed<{ readonly terms: DelegateTerms }>;
export type RebindingToRelay = Signed<{ readonly terms: RebindTerms }>;
type ToRelay = GrantToRelay | RevocationToRelay | NarrowingToRelay | DelegationToRelay | RebindingToRelay;

/** The parts of the chain adapters that the desk uses. */
export interface ConsentRelay {
  register(subject: SubjectKey, controller: string): Promise<Ticket>;
  grant(signed: GrantToRelay): Promise<Ticket>;
  revoke(signed: RevocationToRelay): Promise<Ticket>;
  narrow(signed: NarrowingToRelay): Promise<Ticket>;
  delegate(signed: DelegationToRelay): Promise<Ticket>;
  rebind(signed: RebindingToRelay): Promise<Ticket>;
  attest(fact: {
    readonly grant: GrantId;
    readonly condition: GrantCondition;
    readonly until: EpochSeconds;
    readonly commitment: string;
  }): Promise<Ticket>;
  nonceOf(subject: SubjectKey): Promise<string>;
  /** The contract's error when it would refuse; for signatures that only the chain can judge. */
  wouldRefuse(signed: ToRelay): Promise<string | undefined>;
}

export interface DelegateState {
  readonly delegate: string;
  /** `delegateRights`; 0: ended. */
  readonly rights: number;
  readonly until: EpochSeconds;
}

export interface ConsentState extends ConsentRegistry {
  grant(id: GrantId): Grant | undefined;
  controllerOf(subject: SubjectKey): string | undefined;
  mayAct(subject: SubjectKey, actor: string, right: number, now: EpochSeconds): boolean;
  delegatesOf(subject: SubjectKey): readonly DelegateState[];
  revokeOnSight(id: GrantId, subject?: SubjectKey): void;
  releaseOnSight(id: GrantId): void;
}

export interface ConsentSigning {
  /** The account of a private key of 32 bytes. */
  accountOf(key: Uint8Array): string;
  /** What the registry holds for a signer. */
  controllerOf(signer: string): string;
  sign(key: Uint8Array, data: TypedData): Promise<Signature>;
  /** The account that signed; undefined when it is not the signer named, or only the chain can tell. */
  recover(data: TypedData, signed: Signature): string | undefined;
  grantId(terms: GrantTerms): GrantId;
}

/** What the patient's side of a grant is called; the chain knows keyed names only. */
export interface ConsentNote {
  readonly what:
    | 'registered'
    | 'granted'
    | 'narrowed'
    | 'revoked'
    | 'delegated'
    | 'moved'
    | 'vouched'
    | 'chain-refused';
  /** Milliseconds. */
  readonly at: number;
  /** Who asked: the user of the token, and how it was signed. */
  readonly by: string;
  readonly grant?: GrantId;
  readonly draft?: GrantDraft;
  readonly scope?: GrantScope;
  /** The FHIR Consent it was made from. */
  readonly consent?: FhirObject;
  readonly delegate?: string;
  readonly reason?: string;
  /** The key that signs from then on. */
  readonly key?: NotedKey;
}

export type SigningKey =
  /** Kept by the gateway, for the patient's own login alone. */
  | { readonly how: 'kept' }
  /** An account, or a contract wallet. */
  | { readonly how: 'wallet'; readonly controller: string }
  /** `signer` as ERC-7913 has it; `credential`: the passkey's id, base64url. */
  | { readonly how: 'passkey'; readonly signer: string; readonly credential: string };

/** With what the registry holds of it. */
export type NotedKey = SigningKey & { readonly controller: string };

export type KeyChoice =
  | { readonly how: 'kept' }
  | { readonly how: 'wallet'; readonly account: string }
  /** The coordinates of the P-256 key, as 0x and 128 hex digits. */
  | { readonly how: 'passkey'; readonly point: string; readonly credential: string };

export interface ConsentDeskParts {
  readonly registry: ConsentState;
  /** Absent without a relayer's key: then nothing can be brought to the chain from here. */
  readonly relay: ConsentRelay | undefined;
  /** Tells the other gateways of a revocation that holds here; never waits. */
  readonly announce?: (signed: RevocationToRelay) => void;
  readonly keys: SubjectKeys & {
    controllerKeyOf(patient: PatientId, generation?: number): Uint8Array | undefined;
    saltOf(patient: PatientId, purpose: string): Uint8Array | undefined;
  };
  readonly signing: ConsentSigning;
  readonly chain: { readonly chainId: number; readonly contract: string };
  /** Without its address no passkey can be chosen. */
  readonly passkeyVerifier?: string | undefined;
  readonly book: {
    note(patient: PatientId, note: ConsentNote): Promise<void>;
    of(patient: PatientId): readonly ConsentNote[];
  };
  readonly vouches: Pick<FirstVouches, 'vouch'>;
  readonly ledger: LedgerStore;
  readonly clock: Clock;
  readonly random: Random;
  /** How long a call waits for the chain before it answers that the change is on its way. */
  readonly waitMs: number;
  /** How long a signed grant may be brought to the chain. */
  readonly deadlineSeconds: number;
  /** Commitment to terms: keyed, so that it cannot be guessed from the terms. */
  commit(salt: Uint8Array, terms: string): string;
}

/** Who stands at the desk. */
export interface DeskCaller {
  readonly user: string;
  readonly issuer: string;
  readonly client: string;
  /** The patient whose own login this is: a key kept here signs for them. */
  readonly patient?: PatientId;
  readonly requestId: string;
}

export type Settled =
  | { readonly state: 'on-chain'; readonly block?: number }
  | { readonly state: 'on-its-way' }
  | { readonly state: 'refused'; readonly reason: string };

export interface Granted {
  readonly id: GrantId;
  readonly settled: Settled;
}

/** A grant to be signed in a wallet. */
export interface ToSign {
  readonly terms: GrantTerms;
  readonly deadline: number;
  readonly typedData: TypedData;
}

/** `waiting`: for a second person, until then. */
export type Vouched =
  | { readonly state: 'waiting'; readonly until: EpochSeconds }
  | { readonly state: 'open'; readonly until: EpochSeconds; readonly settled: Settled };

export interface ConsentDesk {
  /** Binds the patient to a controller: an account, or the key that is kept here. */
  register(
    caller: DeskCaller,
    patient: PatientId,
    controller?: string,
  ): Promise<{ controller: string; settled: Settled } | Problem>;
  prepare(patient: PatientId, drafts: readonly GrantDraft[], source?: FhirObject): Promise<readonly ToSign[] | Problem>;
  /** With the key kept here; for the patient's own login only. */
  grant(
    caller: DeskCaller,
    patient: PatientId,
    drafts: readonly GrantDraft[],
    source?: FhirObject,
  ): Promise<readonly Granted[] | Problem>;
  /** Signed elsewhere, by the patient or a delegate. */
  submit(
    caller: DeskCaller,
    patient: PatientId,
    signed: readonly GrantToRelay[],
    drafts: readonly GrantDraft[],
  ): Promise<readonly Granted[] | Problem>;
  revoke(caller: DeskCaller, patient: PatientId, id: GrantId, signed?: Signature): Promise<Settled | Problem>;
  narrow(
    caller: DeskCaller,
    patient: PatientId,
    id: GrantId,
    scope: GrantScope,
    signed?: Signature,
  ): Promise<Settled | Problem>;
  delegate(
    caller: DeskCaller,
    patient: PatientId,
    terms: Omit<DelegateTerms, 'subject' | 'nonce'> & { readonly nonce?: string },
    signed?: Signature,
  ): Promise<Settled | Problem>;
  /** Which key signs for the patient now, and the account of the next one kept here. */
  key(patient: PatientId): { readonly now: SigningKey; readonly nextKept: string | undefined };
  /** Lets another key sign from then on: signed by the present one, unless there was none yet. */
  move(
    caller: DeskCaller,
    patient: PatientId,
    choice: KeyChoice,
    more: { readonly nonce?: string; readonly deadline?: number; readonly signed?: Signature },
  ): Promise<{ readonly controller: string; readonly settled: Settled } | Problem>;
  /** Of the next delegation or move. */
  nonce(patient: PatientId): Promise<string | Problem>;
  delegates(patient: PatientId): readonly DelegateState[];
  /** One of two people of the house who let a grant that waits for TWO_PERSON be used for a while. */
  vouch(caller: DeskCaller, patient: PatientId, id: GrantId): Promise<Vouched | Problem>;
  grants(patient: PatientId): readonly { readonly grant: Grant; readonly draft?: GrantDraft }[];
  history(patient: PatientId): readonly ConsentNote[];
  nameOf(patient: PatientId, id: GrantId): GrantDraft | undefined;
}
