import type { ConsentView, GranteeKey, GranteeKind, SubjectKey } from './domain/consent/grant.ts';
import type { PatientId } from './domain/fhir/interaction.ts';
import type { Principal } from './domain/identity/principal.ts';
import type { Instant } from './domain/instant.ts';
import type { Limits } from './domain/json/fault.ts';
import type { Tape } from './domain/json/tape.ts';
import type { LedgerEntry, LedgerReceipt } from './domain/ledger/entry.ts';
import type { IntegrityState } from './domain/ledger/record-integrity.ts';
import type { Counted } from './domain/masking/differencing.ts';
import type { PolicySnapshot } from './domain/policy/snapshot.ts';
import type { Problem } from './domain/problem.ts';
import type { AccessEvent } from './domain/risk/event.ts';
import type { Assessment } from './domain/risk/score.ts';
import type { Cleared, ClearedPlace, OwnRead, UpstreamFile, UpstreamResponse } from './domain/upstream.ts';

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

/** One resource as the FHIR server holds it: before masking. */
export interface StoredRecord {
  /** `Type/id`. */
  readonly reference: string;
  readonly version: string | undefined;
  readonly patient: PatientId | undefined;
  readonly tape: Tape;
  readonly node: number;
  /** Names the bytes, when that was worked out already. */
  readonly name?: string;
  /** False in a history or a version read, where an older version is no sign of a roll-back. */
  readonly current: boolean;
}

/** Whether records are what they were when this gateway wrote or first saw them. Synchronous, and never throws for what a server sends. */
export interface RecordIntegrity {
  /** First sight is noted as a baseline. */
  check(record: StoredRecord): IntegrityState;
  /** What the server stored for a write through this gateway. */
  written(record: StoredRecord): IntegrityState;
  /** A delete through this gateway: from here on the record may be missing. */
  deleted(reference: string): void;
  /** The server says that it has no such record. */
  missing(reference: string): void;
}

export interface RiskEngine {
  /**
   * Features are kept up to date by `observe`, so the engine that is shipped answers at once and without I/O. `batch` is the same object for
   * all entries of one batch: none of them has been observed yet, and each counts for those after it.
   */
  assess(event: AccessEvent, now: Instant, batch?: object): Assessment | Promise<Assessment>;
  /** After the release or the refusal: what was returned, with status. With `batch`: of an entry that was refused unassessed, for those after it. */
  observe(event: AccessEvent, now: Instant, batch?: object): void;
}

/** Lines that only grow, known to the gateway in the order in which they were written, and to every other gateway that shares them. */
export interface KeptLines {
  /**
   * Alone among all who write lines, after the lines of the others were learnt: keeps the line that `make` gives, or none. Resolves
   * when it is durable and learnt here.
   */
  write(make: () => string | undefined): Promise<void>;
  close(): Promise<void>;
}

/** Learns every line once: what is known before this resolves, the rest as it is written, here or by another gateway. */
export type OpenLines = (name: string, learn: (line: string) => void) => Promise<KeptLines>;

/** Groups of people whose number each requester was told, after a restart too. Holds keyed names alone. */
export interface CountBook {
  /**
   * `decide` sees what each requester was told, alone among all who count, and gives what they are to be told now: noted, durably,
   * before this resolves to true. Without that: false. Rejects when what was told is not known.
   */
  tell(
    requesters: readonly string[],
    decide: (told: (requester: string) => readonly Counted[]) => readonly Counted[] | undefined,
  ): Promise<boolean>;
}

/** Never rejects: an upstream that is down, slow or torn is a `fault`. */
export type Forward = (cleared: Cleared, signal: AbortSignal) => Promise<UpstreamResponse>;

/** Reads large documents where calls do not wait for it. */
export interface LargeDocuments {
  /**
   * Undefined: small enough to be read as it is needed. Otherwise resolves to the bytes, read under these limits; those that
   * were given are gone. Rejects when they could not be read: then nothing may be made of them.
   */
  ahead(bytes: Uint8Array, limits: Limits): Promise<Uint8Array> | undefined;
}

/** The gateway's own reads, with its own credential. Never rejects. */
export interface UpstreamReader {
  read(request: OwnRead | Cleared, signal: AbortSignal): Promise<UpstreamResponse>;
}

/** What an upstream keeps for a bulk export, at the addresses that it named. Never rejects. */
export interface BulkUpstream {
  ask(place: ClearedPlace, signal: AbortSignal): Promise<UpstreamResponse>;
  file(place: ClearedPlace, signal: AbortSignal): Promise<UpstreamFile>;
}

/** Bytes that are too many for memory: written once, read once, and nobody's afterwards, whatever happens to the process. */
export interface Spool {
  write(bytes: Uint8Array): Promise<void>;
  size(): number;
  /** Closes it at the end, or when the reader stops. */
  read(): AsyncGenerator<Uint8Array>;
  close(): Promise<void>;
}

export interface Spools {
  open(): Promise<Spool>;
}

/** Exports whose owners gave them up: their links open nothing from then on, after a restart too. */
export interface GivenUpJobs {
  /** Resolves when it is durable. `until` in seconds: links are dead by themselves after it. */
  add(job: string, until: number): Promise<void>;
  has(job: string): boolean;
}

/** Closed field sets: no free text, no URL, no identifier can reach a log or a metric through it. */
export interface Telemetry {
  stage(name: string, outcome: string, milliseconds: number): void;
  answered(fields: {
    readonly requestId: string;
    readonly interaction: string;
    readonly status: number;
    readonly code: string;
    readonly milliseconds: number;
  }): void;
  /** A part failed: the stage and the error's class name, never its message. */
  failed(part: string, errorName: string): void;
  gauge(name: string, value: number): void;
}

export interface Policies {
  /** The last good set; `undefined` until one has loaded. */
  current(): PolicySnapshot | undefined;
}
