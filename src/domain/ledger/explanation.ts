import { problemRow } from '../problem.ts';
import type { LedgerEntry, LedgerReceipt } from './entry.ts';

/** What an entry tells the one who asked for it. */
export interface Explanation {
  readonly requestId: string;
  readonly at: string;
  readonly decision: 'permit' | 'deny';
  readonly code?: string;
  /** One sentence. */
  readonly summary: string;
  readonly whoCanMend?: string;
  readonly interaction?: LedgerEntry['interaction'];
  readonly stages: LedgerEntry['story'];
  readonly outcome: LedgerEntry['outcome'];
  readonly policy?: LedgerEntry['policy'];
  readonly risk?: LedgerEntry['risk'];
  readonly consent?: LedgerEntry['consent'];
  readonly receipt: LedgerReceipt;
}

export function explanation(entry: LedgerEntry, receipt: Explanation['receipt']): Explanation {
  const row = entry.code === undefined ? undefined : problemRow(entry.code);
  return {
    requestId: entry.requestId,
    at: new Date(entry.at).toISOString(),
    decision: entry.decision,
    ...(entry.code === undefined ? {} : { code: entry.code }),
    summary:
      row === undefined
        ? `Allowed: ${entry.outcome.returned} resources released, ${entry.outcome.masked} elements masked.`
        : `Refused in the stage ${entry.stage ?? 'unknown'}: ${row.text}`,
    ...(row === undefined ? {} : { whoCanMend: row.fix }),
    ...(entry.interaction === undefined ? {} : { interaction: entry.interaction }),
    stages: entry.story,
    outcome: entry.outcome,
    ...(entry.policy === undefined ? {} : { policy: entry.policy }),
    ...(entry.risk === undefined ? {} : { risk: entry.risk }),
    ...(entry.consent === undefined ? {} : { consent: entry.consent }),
    receipt,
  };
}
