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

/** The same without what the answer itself must not tell. */
export interface CallerExplanation extends Omit<Explanation, 'outcome'> {
  readonly outcome: Omit<LedgerEntry['outcome'], 'withheld'>;
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

/** Stages that know nothing yet of patients and records. */
const beforeSubjects: ReadonlySet<string> = new Set(['classify', 'authenticate', 'authorise']);

/** One refusal to whoever is refused: whether a patient or record exists, and what others were granted, is not theirs to know. */
const alike: ReadonlySet<string | undefined> = new Set(['consent-not-granted', 'subject-unknown']);

/**
 * What the caller may read of their own call. Refusals for want of consent are told as one, as their answers are; how much was
 * withheld is left out; of a batch, whose stages speak of each entry, only what holds for the whole is told.
 */
export function callerExplanation(entry: LedgerEntry, receipt: Explanation['receipt']): CallerExplanation {
  const { outcome, ...told } = explanation(entry, receipt);
  const { withheld: _withheld, ...visible } = outcome;
  const stages = told.stages.filter(({ stage }) => beforeSubjects.has(stage));
  const { interaction } = entry;
  if (alike.has(entry.code)) {
    const row = problemRow('consent-not-granted');
    return {
      requestId: told.requestId,
      at: told.at,
      decision: told.decision,
      code: 'consent-not-granted',
      summary: `Refused: ${row.text}`,
      whoCanMend: row.fix,
      ...(interaction === undefined ? {} : { interaction }),
      stages: [...stages, { stage: 'consent', rule: 'consent-not-granted', text: row.text }],
      outcome: visible,
      receipt,
    };
  }
  return interaction?.kind === 'batch' || interaction?.kind === 'transaction'
    ? { ...told, stages, outcome: visible }
    : { ...told, outcome: visible };
}
