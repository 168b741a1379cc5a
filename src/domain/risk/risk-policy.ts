import type { StepUp } from '../identity/step-up.ts';
import type { Ladder } from './model.ts';
import { type RiskAction, riskActions } from './score.ts';

/** What the officer decides; read from policies/risk.yaml. */
export interface RiskPolicy {
  /** Scores from which each step of the ladder applies; absent: those that the model's card recommends. */
  readonly ladder?: Ladder;
  /** The most that a score leads to without many unlinked patients beside it. */
  readonly scoreCap: Exclude<RiskAction, 'block'>;
  /** The overlay of the masking policies that is laid over the plan of a call from the step `mask-more` on. */
  readonly maskMore: { readonly overlay: string };
  /** What one caller is given from the step `rate-limit` on. */
  readonly rateLimit: { readonly callsPerMinute: number };
  readonly enumeration: {
    /** Different unlinked patients within about an hour that block, by further kinds of signs (conduct, identity): none, one, both. */
    readonly patientsHour: readonly number[];
    /** Share of those numbers from which a step-up is asked. */
    readonly stepUpShare: number;
    /** What a patient counts of whom nothing is on record, when there is at least one sign; a quarter of it without. */
    readonly unknownWeight: number;
    readonly automatedWeight: number;
    readonly broadSearches: number;
    readonly refusals: number;
    readonly sequence: number;
  };
  /** Until so much was seen, of all and of the user, the score alone leads to no more than a notice. */
  readonly cold: { readonly total: number; readonly user: number };
  /** The most that may happen to an access with a documented relation, and to a break-glass access with a reason. */
  readonly documentedCap: RiskAction;
  readonly breakGlassCap: RiskAction;
  /** By purpose of use: what a failed assessment means. `open` is legal for treatment purposes only. */
  readonly failure: { readonly default: FailureMode; readonly purposes: Readonly<Record<string, FailureMode>> };
  readonly volume: {
    readonly windowMinutes: number;
    readonly patients: number;
    readonly records: number;
    /** Share of them from which a person needs a fresh, stronger log-in. */
    readonly stepUpShare: number;
    readonly automatedFactor: number;
  };
  /** What a step-up asks for, in the words of the issuer (RFC 9470 `acr_values`, `max_age`). */
  readonly stepUp: StepUp;
  readonly threat: {
    /** Points of log-odds that a hit of full confidence adds. */
    readonly weight: number;
    readonly staleHours: number;
  };
  readonly feedback: {
    /** Reviews of one reviewer, and of one user's cases, that may enter one training. */
    readonly perReviewer: number;
    readonly perUser: number;
    readonly reviewersToWiden: number;
  };
  readonly promotion: { readonly approvals: number; readonly shadowDays: number };
}

export type FailureMode = 'closed' | 'serve-flag-notify';

export const usualRiskPolicy: RiskPolicy = {
  scoreCap: 'step-up',
  maskMore: { overlay: 'raised' },
  rateLimit: { callsPerMinute: 10 },
  enumeration: {
    patientsHour: [300, 60, 12],
    stepUpShare: 0.6,
    unknownWeight: 0.4,
    automatedWeight: 0.02,
    broadSearches: 4,
    refusals: 8,
    sequence: 8,
  },
  cold: { total: 2_000, user: 60 },
  documentedCap: 'step-up',
  breakGlassCap: 'notice',
  failure: { default: 'closed', purposes: {} },
  volume: { windowMinutes: 60, patients: 5_000, records: 500_000, stepUpShare: 0.5, automatedFactor: 20 },
  stepUp: { acr: ['urn:consentry:acr:second-factor'], maxAgeSeconds: 300 },
  threat: { weight: 1.5, staleHours: 48 },
  feedback: { perReviewer: 50, perUser: 5, reviewersToWiden: 2 },
  promotion: { approvals: 2, shadowDays: 14 },
};

export interface RiskPolicyFault {
  readonly fault: 'risk-policy';
  readonly text: string;
}

const actions: readonly string[] = riskActions;
const openPurposes = new Set(['TREAT', 'ETREAT', 'CAREMGT', 'HOSPITAL', 'treatment']);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Reads the parsed YAML. What is absent keeps its usual value; a name that is not known, or a number out of range, is a fault: a typing
 * error must not quietly loosen the ladder.
 */
export const readRiskPolicy = (value: unknown): RiskPolicy | RiskPolicyFault => {
  if (!isRecord(value)) return fault('The risk policy must be a mapping.');
  const problems: string[] = [];
  const merge = (
    usual: Record<string, unknown>,
    given: Record<string, unknown>,
    path: string,
  ): Record<string, unknown> => {
    const out: Record<string, unknown> = { ...usual };
    for (const [key, wanted] of Object.entries(given)) {
      const name = path === '' ? key : `${path}.${key}`;
      if (name === 'version') continue;
      if (name === 'ladder' || name === 'failure.purposes') {
        out[key] = wanted;
        continue;
      }
      const was = usual[key];
      if (was === undefined) problems.push(`${name} is not known`);
      else if (isRecord(was)) {
        if (isRecord(wanted)) out[key] = merge(was, wanted, name);
        else problems.push(`${name} must be a mapping`);
      } else if (Array.isArray(was)) {
        const words = typeof was[0] === 'string';
        const fits = (item: unknown): boolean =>
          words
            ? typeof item === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(item)
            : typeof item === 'number' && item > 0;
        if (Array.isArray(wanted) && wanted.length > 0 && wanted.every(fits)) out[key] = wanted;
        else problems.push(`${name} must be a list of ${words ? 'words' : 'positive numbers'}`);
      } else if (typeof was === 'number') {
        if (typeof wanted === 'number' && wanted >= 0 && Number.isFinite(wanted)) out[key] = wanted;
        else problems.push(`${name} must be a number of 0 or more`);
      } else if (typeof wanted === 'string') out[key] = wanted;
      else problems.push(`${name} must be a word`);
    }
    return out;
  };
  const policy = merge(usualRiskPolicy as unknown as Record<string, unknown>, value, '') as unknown as RiskPolicy;
  for (const cap of [policy.documentedCap, policy.breakGlassCap, policy.scoreCap])
    if (!actions.includes(cap)) problems.push(`a cap must be one of ${actions.join(', ')}`);
  if ((policy.scoreCap as RiskAction) === 'block')
    problems.push('a score alone never blocks: scoreCap cannot be block');
  if (policy.documentedCap === 'block')
    problems.push('documented treatment access is never hard-blocked: documentedCap cannot be block');
  const above0 = { ...policy.volume, ...policy.rateLimit, maxAgeSeconds: policy.stepUp.maxAgeSeconds };
  for (const [name, value] of Object.entries(above0)) if (!(value > 0)) problems.push(`${name} must be above 0`);
  if (policy.volume.stepUpShare > 1) problems.push('volume.stepUpShare must be at most 1');
  if (policy.promotion.approvals < 2)
    problems.push('a promotion needs two people: promotion.approvals must be 2 or more');
  const ladder: unknown = policy.ladder;
  if (ladder !== undefined) {
    const { notice, stepUp, maskMore, rateLimit, block, ...others } = isRecord(ladder) ? ladder : {};
    const steps = [notice, stepUp, ...[maskMore, rateLimit].filter((step) => step !== undefined), block];
    const rising = steps.every(
      (step, index) =>
        typeof step === 'number' && step > 0 && step <= 1 && (index === 0 || step >= (steps[index - 1] as number)),
    );
    if (!rising || Object.keys(others).length > 0)
      problems.push(
        'ladder needs notice <= stepUp <= block, each above 0 and at most 1, and may say maskMore <= rateLimit between the last two',
      );
  }
  const modes: unknown = policy.failure.purposes;
  if (!isRecord(modes)) problems.push('failure.purposes must be a mapping of purpose to mode');
  else
    for (const [purpose, mode] of Object.entries({ ...modes, default: policy.failure.default })) {
      if (mode !== 'closed' && mode !== 'serve-flag-notify')
        problems.push(`failure mode of ${purpose} must be closed or serve-flag-notify`);
      if (mode === 'serve-flag-notify' && !openPurposes.has(purpose))
        problems.push(`${purpose} is not a treatment purpose: its failure mode must be closed`);
    }
  return problems.length > 0 ? fault(`${problems.join('; ')}.`) : policy;
};

const fault = (text: string): RiskPolicyFault => ({ fault: 'risk-policy', text });

export const failureMode = (policy: RiskPolicy, purpose: string | undefined): FailureMode =>
  (purpose === undefined ? undefined : policy.failure.purposes[purpose]) ?? policy.failure.default;
