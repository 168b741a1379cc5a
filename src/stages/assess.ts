import type { FhirInteraction, PatientId } from '../domain/fhir/interaction.ts';
import { isExport } from '../domain/fhir/operations.ts';
import { recentlyStrong, type StepUp } from '../domain/identity/step-up.ts';
import type { Reason } from '../domain/reason.ts';
import type { AccessEvent } from '../domain/risk/event.ts';
import type { FailureMode } from '../domain/risk/risk-policy.ts';
import { type Assessment, riskScore, unscored } from '../domain/risk/score.ts';
import type { RiskEngine } from '../ports.ts';
import type { Assessed, Authenticated, Consented } from './exchange.ts';
import { deny, proceed, type Stage, type Verdict } from './stage.ts';

/** What the officer's policy says beside the score. */
export interface RiskRules {
  /** What a failed assessment means to a call of this purpose. */
  failureMode(purpose: string): FailureMode;
  readonly stepUp: StepUp;
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
    switch (assessment.action) {
      case 'block':
        return deny('risk-blocked', ...reasons);
      case 'step-up':
        return recentlyStrong(input.principal, rules.stepUp, now)
          ? proceed({ ...input, accessEvent, assessment }, ...reasons)
          : deny('risk-step-up', ...reasons);
      case 'notice':
      case 'allow':
        return proceed({ ...input, accessEvent, assessment }, ...reasons);
      default:
        assessment.action satisfies never;
        throw new NoScore();
    }
  };

  return {
    name: 'assess',
    failure: 'risk-unavailable',
    budgetMs: 500,
    run(input, context) {
      const event = eventFor(input, context.now);
      const assessment = engine.assess(event, context.now);
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

const unassessed: Reason = {
  rule: 'risk:unassessed',
  text: 'The call could not be assessed; served for its purpose by policy, and flagged.',
};

/** The call as the risk engine sees it. `patients` are those it names. */
export function eventOf(input: Authenticated, patients: readonly PatientId[], now: number): AccessEvent {
  const { principal, interaction } = input;
  const agent = input.headers['user-agent'];
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
