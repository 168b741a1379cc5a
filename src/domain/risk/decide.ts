import type { Call } from './call.ts';
import type { Look } from './features.ts';
import { fullLadder, type Ladder } from './model.ts';
import type { RiskPolicy } from './risk-policy.ts';
import { enumeration } from './rules.ts';
import { type RiskAction, reaches } from './score.ts';

const lower = (a: RiskAction, b: RiskAction): RiskAction => (reaches(a, b) ? b : a);
const higher = (a: RiskAction, b: RiskAction): RiskAction => (reaches(a, b) ? a : b);

const step = (score: number, ladder: Ladder): RiskAction => {
  const { notice, stepUp, maskMore, rateLimit, block } = fullLadder(ladder);
  if (score >= block) return 'block';
  if (score >= rateLimit) return 'rate-limit';
  if (score >= maskMore) return 'mask-more';
  return score >= stepUp ? 'step-up' : score >= notice ? 'notice' : 'allow';
};

/**
 * The ladder. The score alone never blocks: a block needs many unlinked patients within about an hour (rule enumeration); those of a
 * day are the ordinary work of a front desk. A fresh house, a new user or a new device never leads past a notice by itself, and nobody's
 * own record is masked from them.
 */
export const decide = (score: number, look: Look, call: Call, ladder: Ladder, policy: RiskPolicy): RiskAction => {
  const { evidence } = look;
  const cold = evidence.total < policy.cold.total || evidence.history < policy.cold.user;
  const harvest = enumeration(look, policy);
  const byScore = step(score, ladder);
  // A high score only brings a block forward that is half earned, with a further sign, and where lacking a link means something.
  const grave = harvest.level >= 0.5 && harvest.signs > 0 && evidence.contextKnown;
  let action = lower(byScore, cold ? 'notice' : byScore === 'block' && grave ? 'block' : policy.scoreCap);
  if (harvest.level >= 1) action = 'block';
  else if (harvest.level >= policy.enumeration.stepUpShare) action = higher(action, 'step-up');
  if (look.documented || look.explanation?.code === 'consent-named') action = lower(action, policy.documentedCap);
  if (call.breakGlass && call.reasonGiven && call.patient !== undefined) action = lower(action, policy.breakGlassCap);
  if (call.own && action !== 'block') action = lower(action, 'step-up');
  return action;
};
