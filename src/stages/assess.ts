import type { FhirInteraction, PatientId } from '../domain/fhir/interaction.ts';
import { isExport } from '../domain/fhir/operations.ts';
import { ownPatient } from '../domain/identity/own-patient.ts';
import type { Principal } from '../domain/identity/principal.ts';
import { recentlyStrong, type StepUp } from '../domain/identity/step-up.ts';
import { problem } from '../domain/problem.ts';
import type { Reason } from '../domain/reason.ts';
import type { AccessEvent } from '../domain/risk/event.ts';
import type { PaceVerdict } from '../domain/risk/pace.ts';
import type { FailureMode } from '../domain/risk/risk-policy.ts';
import { type Assessment, reaches, riskActions, riskScore, unscored } from '../domain/risk/score.ts';
import type { RiskEngine } from '../ports.ts';
import type { Assessed, Authenticated, Consented } from './exchange.ts';
import { deny, proceed, type Stage, type Verdict } from './stage.ts';

/** What the officer's policy says beside the score. */
export interface RiskRules {
  /** What a failed assessment means to a call of this purpose. */
  failureMode(purpose: string): FailureMode;
  readonly stepUp: StepUp;
  /** Whether a caller whom the ladder slows down may make one more call; counts it unless `only` looking. */
  pace(user: string, now: number, only?: 'looking'): PaceVerdict;
  /** Tells the review queue what did not come from the score. */
  flag(event: AccessEvent, assessment: Assessment, now: number): void;
}

/**
 * Scores the call before the upstream sees it. A score never turns a denial into a permit; a score that is no number in
 * [0,1] is a failure of the stage. A failure refuses, but for the treatment purposes that policy names.
 */
export function assess(engine: RiskEngine, rules: RiskRules): Stage<Consented, Assessed> {
  const eventFor = (input: Consented, now: number): AccessEvent =>
    eventOf(input, input.subjects.kind === 'patients' ? input.subjects.ids : [], now);

  const judge = (
    input: Consented,
    accessEvent: AccessEvent,
    assessment: Assessment,
    now: number,
  ): Verdict<Assessed> => {
    if (riskScore(assessment.score) === undefined) throw new NoScore();
    const reasons = assessment.reasons.map((reason) => ({ rule: `risk:${reason.feature}`, text: reason.text }));
    const { action } = assessment;
    if (!riskActions.includes(action)) throw new NoScore();
    if (action === 'block') return deny('risk-blocked', ...reasons);
    if (reaches(action, 'step-up') && !recentlyStrong(input.principal, rules.stepUp, now))
      return deny('risk-step-up', ...reasons);
    if (reaches(action, 'rate-limit') && accessEvent.own !== true) {
      const pace = rules.pace(callerOf(input.principal), now, input.considered === true ? 'looking' : undefined);
      if (pace.kind === 'over') {
        const retryAfter = Math.max(1, Math.ceil((pace.until - now) / 1000));
        return deny(problem('rate-limited', { retryAfter }), slowed, ...reasons);
      }
      if (pace.kind !== 'admit') throw new NoScore();
    }
    return proceed({ ...input, accessEvent, assessment }, ...reasons);
  };

  return {
    name: 'assess',
    failure: 'risk-unavailable',
    budgetMs: 500,
    run(input, context) {
      const event = eventFor(input, context.now);
      const assessment = engine.assess(event, context.now, input.batch);
      return assessment instanceof Promise
        ? assessment.then((late) => judge(input, event, late, context.now))
        : judge(input, event, assessment, context.now);
    },
    recover(input, context) {
      if (rules.failureMode(input.principal.purpose) !== 'serve-flag-notify') return undefined;
      const accessEvent = eventFor(input, context.now);
      const assessment = unscored('notice', unassessed);
      if (input.considered !== true) rules.flag(accessEvent, assessment, context.now);
      return proceed({ ...input, accessEvent, assessment }, unassessed);
    },
  };
}

class NoScore extends Error {
  override readonly name = 'NoScore';
}

const slowed: Reason = {
  rule: 'risk:rate-limit',
  text: 'More calls within the minute than a caller is given whose calls score so high.',
};

const unassessed: Reason = {
  rule: 'risk:unassessed',
  text: 'The call could not be assessed; served for its purpose by policy, and flagged.',
};

export const callerOf = ({ issuer, user }: Principal): string => JSON.stringify([issuer, user]);

/** The call as the risk engine sees it. `patients` are those it names. */
export function eventOf(input: Authenticated, patients: readonly PatientId[], now: number): AccessEvent {
  const { principal, interaction } = input;
  const agent = input.headers['user-agent'];
  const own = ownPatient(principal);
  return {
    t: new Date(now).toISOString(),
    user: principal.fhirUser ?? principal.user,
    login: principal.user,
    ...(principal.roles[0] === undefined ? {} : { role: principal.roles[0] }),
    ...(principal.organisation === undefined ? {} : { department: principal.organisation }),
    client: principal.client,
    ip: input.ip,
    ...(typeof agent === 'string' ? { agent } : {}),
    purpose: principal.purpose,
    breakGlass: principal.reason !== undefined,
    ...(principal.reason === undefined ? {} : { reason: principal.reason }),
    ...(own !== undefined && patients.every((patient) => patient === own) ? { own: true } : {}),
    interaction: doing(interaction),
    ...('type' in interaction && interaction.type !== undefined ? { type: interaction.type } : {}),
    patient: patients.length === 1 ? (patients[0] ?? null) : null,
    ...('query' in interaction && interaction.query !== undefined
      ? { query: interaction.query.criteria.map((criterion) => criterion.name) }
      : {}),
  };
}

function doing(interaction: FhirInteraction): NonNullable<AccessEvent['interaction']> {
  switch (interaction.kind) {
    case 'read':
    case 'vread':
    case 'capabilities':
      return 'read';
    case 'search':
    case 'history':
    case 'graphql':
    case 'batch':
    case 'transaction':
      return 'search';
    case 'create':
      return 'create';
    case 'update':
    case 'patch':
      return 'update';
    case 'delete':
      return 'delete';
    case 'operation':
      return isExport(interaction.name) ? 'export' : 'operation';
    default:
      return interaction satisfies never;
  }
}
