import type { EntryKind, LedgerEntry } from '../ledger/entry.ts';
import type { Explanation } from '../ledger/explanation.ts';

/** One line of the list: what is read of an entry without its story. */
export interface AuditRow {
  readonly index: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly kind: EntryKind;
  readonly decision: 'permit' | 'deny';
  readonly code?: string;
  readonly user?: string;
  readonly fhirUser?: string;
  readonly client?: string;
  readonly roles?: readonly string[];
  readonly purpose?: string;
  readonly interaction?: string;
  readonly type?: string;
  readonly patients?: readonly string[];
  readonly returned?: number;
  readonly masked?: number;
  /** Its keys were destroyed: the leaf alone is left. */
  readonly state?: 'erased' | 'damaged';
}

/** `GET /api/v1/audit` */
export interface AuditPage {
  readonly rows: readonly AuditRow[];
  /** Where the next page starts; absent at the end. A page may be empty and still have a next one. */
  readonly next?: number;
  /** Entries in the log. */
  readonly size: number;
}

/** `GET /api/v1/audit/summary`: over the newest entries that match, at most `counted` of them. */
export interface AuditSummary {
  readonly counted: number;
  readonly bucketMs: number;
  readonly buckets: readonly { readonly at: number; readonly permit: number; readonly deny: number }[];
  /** The busiest first; of each, calls by hour of the day at the caller's offset. */
  readonly actors: readonly { readonly user: string; readonly hours: readonly number[]; readonly total: number }[];
}

/** An `Anchored` event of the chain, as its node gives it. */
export interface AnchorEvent {
  readonly contract: string;
  readonly transaction: string;
  readonly block: number;
  readonly topics: readonly string[];
  readonly data: string;
}

/** `GET /api/v1/audit/entries/N` */
export type AuditEntry =
  | {
      readonly state: 'whole' | 'erased';
      readonly index: number;
      /** Absent when the keys were destroyed. */
      readonly entry?: LedgerEntry;
      readonly explanation?: Explanation;
      /** A proof file that opens every group: openings, leaf, path, checkpoint. */
      readonly proof: string;
      /** The first anchor on chain that covers the entry, and the path to its root. */
      readonly anchor?: { readonly event: AnchorEvent; readonly size: number; readonly path: readonly string[] };
      /** Where the log is anchored at all. */
      readonly anchored: boolean;
    }
  | {
      readonly state: 'damaged';
      readonly index: number;
      /** What is wrong, and in which file. */
      readonly file: string;
      readonly text: string;
    };
