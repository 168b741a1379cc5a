import type { Brand } from '../brand.ts';
import type { Reason } from '../reason.ts';

/** A finite number in [0,1]. Made only by `riskScore`: NaN or a wrong range is a stage failure, never a low score. */
export type RiskScore = Brand<number, 'RiskScore'>;

export const riskScore = (value: unknown): RiskScore | undefined =>
  typeof value === 'number' && value >= 0 && value <= 1 ? (value as RiskScore) : undefined;

/** The steps of the ladder, mildest first; a call gets what its step asks for and what the steps below it ask for. */
export const riskActions = ['allow', 'notice', 'step-up', 'mask-more', 'rate-limit', 'block'] as const;
export type RiskAction = (typeof riskActions)[number];

export const reaches = (action: RiskAction, step: RiskAction): boolean =>
  riskActions.indexOf(action) >= riskActions.indexOf(step);

export interface RiskReason {
  /** Name of the feature or rule. */
  readonly feature: string;
  readonly text: string;
  /** How much the score falls when the feature is set to its usual value. */
  readonly weight: number;
}

export interface Assessment {
  readonly score: RiskScore;
  readonly action: RiskAction;
  readonly reasons: readonly RiskReason[];
  /** A documented relationship explains the access. */
  readonly explained: boolean;
  /** Id of the model and of its feature schema. */
  readonly model: string;
}

/** Stands where no score could be had: nothing vouches for the call, so it counts as the highest. */
export const unscored = (action: RiskAction, reason: Reason): Assessment => ({
  score: 1 as RiskScore,
  action,
  reasons: [{ feature: reason.rule.replace(/^risk:/, ''), text: reason.text, weight: 1 }],
  explained: false,
  model: 'none',
});
