import { at, FEATURES, featureRows } from './feature-schema.ts';
import { isolation } from './forest.ts';
import { linear, sigmoid } from './logistic.ts';
import { HEADS, type RiskModel } from './model.ts';
import { networkPass } from './network.ts';
import type { RiskReason } from './score.ts';

const clamp = (value: number, limit: number): number => Math.min(limit, Math.max(-limit, value));

export interface Scorer {
  /** Probability at the reference prior. NaN when anything in the input was NaN; the caller MUST treat that as a failure. */
  score(vector: Float64Array, rules: number): number;
  /** The heads on a common scale, as the combination sees them. */
  heads(vector: Float64Array, rules: number, out: Float64Array): Float64Array;
  /** Reason codes by exact ablation: how far the score falls when one feature is set to its usual value. */
  reasons(vector: Float64Array, rules: number, most: number): RiskReason[];
}

/** One model made ready: nothing is allocated per score. */
export const createScorer = (model: Pick<RiskModel, 'net' | 'logistic' | 'forest' | 'combine'>): Scorer => {
  const pass = networkPass(model.net);
  const scratch = new Float64Array(HEADS);
  const changed = new Float64Array(FEATURES);
  const { weights, bias } = model.combine;

  const into = (vector: Float64Array, rules: number, out: Float64Array): Float64Array => {
    const p = pass(vector);
    out[0] = clamp(Math.log((p + 1e-7) / (1 - p + 1e-7)), 16) / 4;
    out[1] = clamp(linear(model.logistic, vector), 16) / 4;
    out[2] = (isolation(model.forest, vector) - 0.5) * 10;
    out[3] = rules * 4;
    // Explain first: what an explanation covers must be far odder than what none covers to be as suspect.
    out[4] = (vector[at.unexplained] as number) < 0.46 ? -1 : 0;
    return out;
  };

  const score = (vector: Float64Array, rules: number): number => {
    into(vector, rules, scratch);
    let sum = bias;
    for (let head = 0; head < HEADS; head++) {
      const weight = weights[head] as number;
      // A head that carries no weight may not spoil the sum; one that does passes its NaN on.
      if (weight !== 0) sum += weight * (scratch[head] as number);
    }
    return sigmoid(sum);
  };

  return {
    score,
    heads: into,
    reasons: (vector, rules, most) => {
      const full = score(vector, rules);
      changed.set(vector);
      const found: RiskReason[] = [];
      for (let index = 0; index < FEATURES; index++) {
        const row = featureRows[index];
        const kept = vector[index] as number;
        if (row === undefined || row.say === '' || Math.abs(kept - row.usual) < 0.05) continue;
        changed[index] = row.usual;
        const weight = full - score(changed, rules);
        changed[index] = kept;
        if (weight > 0.005) found.push({ feature: row.name, text: row.say, weight });
      }
      return found.sort((a, b) => b.weight - a.weight).slice(0, most);
    },
  };
};
