import type { Reason } from '../reason.ts';
import { actionBit, labelNames, noOverride } from './bits.ts';
import type { ConsentAction, ConsentView, EpochSeconds, SubjectKey } from './grant.ts';
import type { BreakGlassPolicy } from './policy.ts';

/** A clinician's claim of an emergency, for one patient. */
export interface BreakGlassClaim {
  /** Free text, for the ledger and the reviewer only. */
  readonly reason: string;
  /** When this person first broke the glass for this patient; absent: now. */
  readonly openedAt?: EpochSeconds;
  /** The newest state of the registry there was, however old: what a patient closed stays closed while the chain is away. */
  readonly lastView?: ConsentView | undefined;
}

export interface BreakGlassQuestion {
  readonly roles: readonly string[];
  readonly purpose: string;
  readonly action: ConsentAction;
  readonly now: EpochSeconds;
  /** Absent before the resource is seen. */
  readonly labels?: number;
  readonly claim?: BreakGlassClaim;
}

export type BreakGlassVerdict =
  | { readonly open: true; readonly until: EpochSeconds; readonly reviewBy: EpochSeconds }
  | { readonly open: false; readonly reason: Reason };

const refuse = (rule: string, text: string): BreakGlassVerdict => ({ open: false, reason: { rule, text } });

/** Emergency access: it asks nothing of the chain, so that it works while the chain cannot be reached. */
export const breakGlass = (policy: BreakGlassPolicy, question: BreakGlassQuestion): BreakGlassVerdict => {
  if (!policy.purposes.has(question.purpose)) {
    return refuse('break-glass:purpose', 'The purpose of use is not one for emergencies.');
  }
  if (actionBit(question.action) === 0 || !policy.actions.has(question.action)) {
    return refuse('break-glass:action', 'Emergency access does not open this action.');
  }
  if (!question.roles.some((role) => policy.roles.has(role))) {
    return refuse('break-glass:role', 'The role may not use emergency access.');
  }
  if ((question.claim?.reason.trim().length ?? 0) < policy.reasonLength) {
    return refuse('break-glass:reason', 'Emergency access needs a reason in words.');
  }
  const openedAt = question.claim?.openedAt ?? question.now;
  const until = (openedAt + policy.seconds) as EpochSeconds;
  if (question.now >= until) {
    return refuse('break-glass:expired', 'The time box of the emergency access is over; state a new reason.');
  }
  if (((question.labels ?? 0) & noOverride) !== 0) {
    return refuse('break-glass:no-override', `The record is marked ${labelNames(noOverride).join()}.`);
  }
  return { open: true, until, reviewBy: (openedAt + policy.reviewSeconds) as EpochSeconds };
};

/**
 * NO-OVERRIDE for what the patient has closed: a refusal that names the label marks the whole record, or the classes that
 * it is limited to, whoever it is addressed to. `classes`: of the resource; 0 before one is seen.
 */
export const closedByPatient = (
  view: ConsentView | undefined,
  subject: SubjectKey | undefined,
  classes: number,
  now: EpochSeconds,
): number => {
  if (view === undefined || subject === undefined) return 0;
  const closed = view
    .grantsOf(subject)
    .some(
      (grant) =>
        grant.effect === 'deny' &&
        (grant.labels & noOverride) !== 0 &&
        now >= grant.from &&
        (grant.until === 0 || now < grant.until) &&
        (grant.classes === 0 || (grant.classes & classes) !== 0),
    );
  return closed ? noOverride : 0;
};
