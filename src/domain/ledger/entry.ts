import type { PatientId } from '../fhir/interaction.ts';
import type { Instant } from '../instant.ts';
import type { ProblemCode } from '../problem.ts';

/** The order is the byte in the leaf; never reorder. */
export const entryKinds = [
  'read',
  'search',
  'write-intent',
  'write',
  'denied',
  'break-glass',
  'consent',
  'policy',
  'model',
  'record',
  'anchor',
  'erasure',
  'decision',
  'rotation',
  'retirement',
] as const;
export type EntryKind = (typeof entryKinds)[number];

/** Everything one decision was made of. It goes into the encrypted payload; the leaf holds only salted commitments to it. */
export interface LedgerEntry {
  readonly kind: EntryKind;
  readonly at: Instant;
  readonly requestId: string;
  readonly decision: 'permit' | 'deny';
  /** Of a denial: the code and the stage that refused. */
  readonly code?: ProblemCode;
  readonly stage?: string;
  readonly actor?: {
    readonly user: string;
    readonly issuer: string;
    readonly client: string;
    readonly fhirUser?: string;
    readonly organisation?: string;
    readonly roles: readonly string[];
  };
  /** Of a decision that somebody asked for about a call of another: whose it would be. */
  readonly onBehalfOf?: NonNullable<LedgerEntry['actor']>;
  readonly purpose?: string;
  readonly interaction?: {
    readonly kind: string;
    readonly type?: string;
    readonly id?: string;
    readonly operation?: string;
    /** The normal form of the query; BALP keeps it base64 in the AuditEvent. */
    readonly query?: string;
  };
  /** Every patient named by the call or by a resource of the answer. */
  readonly patients: readonly PatientId[];
  /** `Type/id/_history/version` of each resource released or written. */
  readonly resources: readonly string[];
  readonly consent?: {
    readonly basis: string;
    readonly grants: readonly string[];
    readonly contract: string;
    readonly block: number;
    readonly blockHash: string;
  };
  readonly policy?: { readonly hash: string; readonly rules: readonly string[] };
  readonly risk?: {
    readonly score: number;
    readonly action: string;
    readonly model: string;
    readonly reasons: readonly string[];
  };
  readonly outcome: {
    readonly status: number;
    readonly returned: number;
    readonly withheld: number;
    readonly masked: number;
  };
  /** Sentences for `explain`: stage, rule, text. No value of a record. */
  readonly story: readonly { readonly stage: string; readonly rule: string; readonly text: string }[];
  /** Free text given for break-glass. */
  readonly reason?: string;
  /** Chain height of the consent view. */
  readonly height: number;
}

/** Proof that an entry is durable: it was issued after the fsync that the entry shares. */
export interface LedgerReceipt {
  /** Origin line of the log. */
  readonly log: string;
  readonly index: number;
  /** Base64url of the RFC 6962 leaf hash. */
  readonly leaf: string;
  /** The number of the entry through all logs, when it is another than the index. */
  readonly entry?: number;
}
