import { setImmediate } from 'node:timers/promises';
import type { EntryKind, LedgerEntry } from '../domain/ledger/entry.ts';
import { factGatherer } from '../domain/policy/replay.ts';
import type { PastDecisions } from '../http/policies.ts';

/** What of the ledger a replay reads. */
export interface DecisionLog {
  query(query: {
    readonly kinds: readonly EntryKind[];
    readonly from: number;
    readonly before?: number;
    readonly limit: number;
  }): Promise<readonly number[]>;
  open(index: number): Promise<{ readonly entry: LedgerEntry } | undefined>;
}

const MOST = 100_000;
const PAGE = 500;
const kinds: readonly EntryKind[] = ['read', 'search', 'write', 'break-glass', 'denied'];

/** The decisions since a time, the newest first, as facts without a patient in them. */
export async function decisionsSince(ledger: DecisionLog, from: number, most = MOST): Promise<PastDecisions> {
  const gatherer = factGatherer();
  let before: number | undefined;
  let read = 0;
  let unreadable = 0;
  for (;;) {
    const limit = Math.min(PAGE, most - read);
    const page = await ledger.query({ kinds, from, limit: limit + 1, ...(before === undefined ? {} : { before }) });
    for (const index of page.slice(0, limit)) {
      const opened = await ledger.open(index);
      if (opened === undefined) unreadable += 1;
      else gatherer.add(opened.entry);
      before = index;
      read += 1;
    }
    const more = page.length > limit;
    if (!more || read >= most) return { facts: gatherer.facts(), complete: !more, unreadable };
    // Calls of care go first.
    await setImmediate();
  }
}
