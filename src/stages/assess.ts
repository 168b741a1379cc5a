import type { FhirInteraction, PatientId } from '../domain/fhir/interaction.ts';
import type { AccessEvent } from '../domain/risk/event.ts';
import { riskScore } from '../domain/risk/score.ts';
import type { RiskEngine } from '../ports.ts';
import type { Assessed, Authenticated, Consented } from './exchange.ts';
import { deny, proceed, type Stage } from './stage.ts';

/**
 * Scores the call before the upstream sees it. A score never turns a denial into a permit; a score that is no number in
 * [0,1] is a failure of the stage.
 */
export function assess(engine: RiskEngine): Stage<Consented, Assessed> {
  return {
    name: 'assess',
    failure: 'risk-unavailable',
    budgetMs: 500,
    run(input, context) {
      const named = input.subjects.kind === 'patients' ? input.subjects.ids : [];
      const accessEvent = eventOf(input, named, context.now);
      const assessment = engine.assess(accessEvent, context.now);
      if (riskScore(assessment.score) === undefined)
        return deny('risk-unavailable', { rule: 'risk-score', text: 'The risk score is no number between 0 and 1.' });
      const reasons = assessment.reasons.map((reason) => ({ rule: `risk:${reason.feature}`, text: reason.text }));
      switch (assessment.action) {
        case 'block':
          return deny('risk-blocked', ...reasons);
        case 'step-up':
          return recentlyStrong(input, context.now)
            ? proceed({ ...input, accessEvent, assessment }, ...reasons)
            : deny('risk-step-up', ...reasons);
        case 'notice':
        case 'allow':
          return proceed({ ...input, accessEvent, assessment }, ...reasons);
        default:
          return assessment.action satisfies never;
      }
    },
  };
}

/** RFC 9470: the step-up is met by a log-in of the last five minutes with a stronger class. */
const recentlyStrong = (input: Consented, now: number): boolean =>
  input.principal.acr === 'urn:consentry:acr:step-up' &&
  input.principal.authTime !== undefined &&
  now / 1000 - input.principal.authTime <= 300;

/** The call as the risk engine sees it. `patients` are those it names. */
export function eventOf(input: Authenticated, patients: readonly PatientId[], now: number): AccessEvent {
  const { principal, interaction } = input;
  const agent = input.headers['user-agent'];
  return {
    t: new Date(now).toISOString(),
    user: principal.fhirUser ?? principal.user,
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
      return interaction.name === 'export' ? 'export' : 'operation';
    default:
      return interaction satisfies never;
  }
}
