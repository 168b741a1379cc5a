import type { ConsentView, GranteeKey, GranteeKind, SubjectKey } from './domain/consent/grant.ts';
import type { PatientId } from './domain/fhir/interaction.ts';
import type { Principal } from './domain/identity/principal.ts';
import type { Instant } from './domain/instant.ts';
import type { LedgerEntry, LedgerReceipt } from './domain/ledger/entry.ts';
import type { Problem } from './domain/problem.ts';
import type { AccessEvent } from './domain/risk/event.ts';
import type { Assessment } from './domain/risk/score.ts';

export interface Clock {
  now(): Instant;
}

export interface Random {
  bytes(length: number): Uint8Array;
}

export interface IdentityVerifier {
  /** Resolves to a refusal for any token that is not wholly valid. Rejects only when the keys cannot be had. */
  verify(bearer: string, now: Instant, signal: AbortSignal): Principal | Problem | Promise<Principal | Problem>;
}

export interface ConsentRegistry {
  /** The newest view; `undefined` until the replica has caught up and proven itself complete. Never a network call. */
  view(): ConsentView | undefined;
  /** Seconds since the quorum's head was made, by the given clock. */
  headAge(now: Instant): number;
}

/** Keyed names. The keys never leave the vault; destroying a patient's key is erasure. */
export interface SubjectKeys {
  /** `undefined`: no key, so no grant can exist. Never a network call. */
  subjectOf(patient: PatientId): SubjectKey | undefined;
  /** The key is made and kept durably at first use. */
  register(patient: PatientId): Promise<SubjectKey>;
  granteeOf(kind: GranteeKind, reference: string): GranteeKey;
}

export interface LedgerStore {
  /** MUST NOT resolve before the entry survives a crash. Rejects when it cannot be written. */
  append(entry: LedgerEntry): Promise<LedgerReceipt>;
  /** The entry of a request, opened, for `explain`. */
  find(requestId: string): Promise<{ readonly entry: LedgerEntry; readonly receipt: LedgerReceipt } | undefined>;
  /** Resolves when all that was appended is durable and the files are closed. */
  close(): Promise<void>;
}

export interface RiskEngine {
  /** Synchronous and without I/O: features are kept up to date by `observe`. */
  assess(event: AccessEvent, now: Instant): Assessment;
  /** After the release or the refusal: what was returned, with status. */
  observe(event: AccessEvent, now: Instant): void;
}
