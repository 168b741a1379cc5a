import { FEATURES } from './feature-schema.ts';
import { growForest } from './forest.ts';
import { trainLogistic } from './logistic.ts';
import { HEADS, type Ladder, type ModelParts } from './model.ts';
import type { Network } from './network.ts';
import { createScorer } from './scorer.ts';
import type { TrainingRow } from './training-set.ts';

/** One misuse access in so many is what a score of one half means. */
export const REFERENCE_PRIOR = 1 / 500;

export interface FitOptions {
  readonly seed: number;
  readonly net: Network;
  readonly train: readonly TrainingRow[];
  /** Later in time, or another house: here the heads are combined and calibrated. */
  readonly check: readonly TrainingRow[];
  readonly card: ModelParts['card'];
  readonly trees?: number;
}

/** Everything beside the net: regression, forest, combination, calibration and the ladder. */
export const fitModel = (options: FitOptions): ModelParts => {
  const { seed, net, train, check, card } = options;
  const logistic = trainLogistic(weighted(train), { seed, epochs: 12, ridge: 1e-4, positive: false });
  const ordinary = train.filter((row) => row.label === 0).map((row) => row.vector);
  const forest = growForest(spread(ordinary, train, seed), { seed, trees: options.trees ?? 50, sample: 128 });
  const draft = { net, logistic, forest, combine: { weights: new Array<number>(HEADS).fill(0), bias: 0 } };
  const scorer = createScorer(draft);
  const inputs = check.map((row) => scorer.heads(row.vector, row.rules, new Float64Array(HEADS)));
  const chosen = chooseWeights(inputs, check);
  const sums = inputs.map((input) => Float64Array.of(dot(chosen, input)));
  const platt = trainLogistic(
    { inputs: sums, labels: check.map((row) => row.label), weights: weighted(check).weights },
    { seed: seed + 1, epochs: 40, ridge: 0, positive: true },
  );
  const slope = Math.max(0.05, platt.weights[0] ?? 1);
  // Trained on evenly weighted classes; this moves the odds to the reference prior.
  const bias = platt.bias + Math.log(REFERENCE_PRIOR / (1 - REFERENCE_PRIOR));
  const combine = { weights: chosen.map((weight) => weight * slope), bias };
  const final = createScorer({ ...draft, combine });
  const ladder = ladderFrom(check, (row) => final.score(row.vector, row.rules));
  return { seed, net, logistic, forest, combine, ladder, card };
};

const dot = (weights: readonly number[], input: Float64Array): number => {
  let sum = 0;
  for (let head = 0; head < weights.length; head++) sum += (weights[head] as number) * (input[head] as number);
  return sum;
};

/**
 * How much each head says. A net that fits everybody's rows best need not find most among the few that are looked at, so the weights are chosen
 * by what counts: the share of misuse user-days found while 0.1 %, 0.3 % and 1 % of ordinary user-days are alerted. A baseline that wins is used.
 */
const chooseWeights = (inputs: readonly Float64Array[], rows: readonly TrainingRow[]): number[] => {
  const names = new Map<string, number>();
  const days = rows.map((row) => {
    const key = `${row.label} ${row.day}`;
    let day = names.get(key);
    if (day === undefined) {
      day = names.size;
      names.set(key, day);
    }
    return day;
  });
  const bad = new Uint8Array(names.size);
  rows.forEach((row, index) => {
    if (row.label === 1) bad[days[index] as number] = 1;
  });
  const tops = new Float64Array(names.size);
  const flat = new Float64Array(inputs.length * HEADS);
  inputs.forEach((input, index) => {
    flat.set(input, index * HEADS);
  });
  const dayOf = Int32Array.from(days);
  const value = (weights: readonly number[]): number => {
    tops.fill(Number.NEGATIVE_INFINITY);
    const [net = 0, logistic = 0, forest = 0, rules = 0, explained = 0] = weights;
    for (let row = 0, at = 0; row < dayOf.length; row++, at += HEADS) {
      const sum =
        net * (flat[at] as number) +
        logistic * (flat[at + 1] as number) +
        forest * (flat[at + 2] as number) +
        rules * (flat[at + 3] as number) +
        explained * (flat[at + 4] as number);
      const day = dayOf[row] as number;
      if (sum > (tops[day] as number)) tops[day] = sum;
    }
    const good = tops.filter((_, day) => bad[day] === 0).sort();
    const found = tops.filter((_, day) => bad[day] === 1);
    let total = 0;
    for (const share of [0.001, 0.003, 0.01]) {
      const threshold = good[good.length - 1 - Math.floor(share * good.length)] ?? Number.POSITIVE_INFINITY;
      total += found.filter((top) => top > threshold).length;
    }
    return total;
  };
  let best: number[] = new Array<number>(HEADS).fill(0);
  let most = -1;
  for (const net of [0, 0.5, 1])
    for (const logistic of [0, 0.5, 1])
      for (const forest of [0, 0.4])
        for (const rules of [0, 0.15, 0.4])
          for (const explained of [0.3, 0.8]) {
            if (net + logistic + forest + rules === 0) continue;
            const weights = [net, logistic, forest, rules, explained];
            const now = value(weights);
            if (now > most) {
              most = now;
              best = weights;
            }
          }
  return best;
};

/** Both classes weigh the same in sum; within the ordinary rows each counts for those it stands for, tempered so that odd ones matter. */
const weighted = (rows: readonly TrainingRow[]): { inputs: Float64Array[]; labels: number[]; weights: number[] } => {
  let bad = 0;
  let good = 0;
  for (const row of rows) {
    if (row.label === 1) bad += row.weight;
    else good += Math.sqrt(row.weight);
  }
  return {
    inputs: rows.map((row) => row.vector),
    labels: rows.map((row) => row.label),
    weights: rows.map(
      (row) =>
        (row.label === 1 ? row.weight / Math.max(1, bad) : Math.sqrt(row.weight) / Math.max(1, good)) *
        rows.length *
        0.5,
    ),
  };
};

/** The forest learns from rows in their true proportion. */
const spread = (vectors: readonly Float64Array[], rows: readonly TrainingRow[], seed: number): Float64Array[] => {
  const out: Float64Array[] = [];
  let debt = (seed % 100) / 100;
  const ordinary = rows.filter((row) => row.label === 0);
  const total = ordinary.reduce((sum, row) => sum + row.weight, 0);
  ordinary.forEach((row, index) => {
    debt += (row.weight / Math.max(1, total)) * 20_000;
    const vector = vectors[index];
    for (; debt >= 1 && vector !== undefined; debt--) out.push(vector);
  });
  return out.length > 1 ? out : [...vectors, new Float64Array(FEATURES)];
};

/** Scores above which only so few ordinary user-days lie. */
export const ladderFrom = (rows: readonly TrainingRow[], scoreOf: (row: TrainingRow) => number): Ladder => {
  const days = new Map<string, { score: number; bad: boolean }>();
  for (const row of rows) {
    const score = scoreOf(row);
    const day = days.get(row.day);
    if (day === undefined) days.set(row.day, { score, bad: row.label === 1 });
    else {
      if (row.label === 1) day.bad = true;
      else day.score = Math.max(day.score, score);
    }
  }
  const scores = [...days.values()].filter((day) => !day.bad).map((day) => day.score);
  return ladderOf(scores);
};

export interface AlertShares {
  readonly notice: number;
  readonly stepUp: number;
  readonly block: number;
}

/** Of ordinary user-days. */
const usualShares: AlertShares = { notice: 0.003, stepUp: 0.001, block: 0.0002 };

/** Of all user-days of a past that nobody labelled: the misuse in it lies at the top too. */
export const unlabelledShares: AlertShares = { notice: 0.005, stepUp: 0.0025, block: 0.0003 };

export const ladderOf = (dayScores: readonly number[], shares: AlertShares = usualShares): Ladder => {
  const sorted = [...dayScores].sort((a, b) => b - a);
  const above = (share: number): number => sorted[Math.floor(share * sorted.length)] ?? 1;
  const notice = Math.min(0.95, Math.max(0.1, above(shares.notice)));
  const stepUp = Math.min(0.97, Math.max(notice, above(shares.stepUp)));
  return { notice, stepUp, block: Math.min(0.99, Math.max(0.9, stepUp, above(shares.block))) };
};
