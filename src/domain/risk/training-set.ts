import { FEATURES } from './feature-schema.ts';
import { seeded } from './random.ts';

/** A row for training: a copy of the features, the rules' verdict, the label, and how many rows of the stream it stands for. */
export interface TrainingRow {
  readonly vector: Float64Array;
  readonly rules: number;
  readonly label: 0 | 1;
  readonly weight: number;
  readonly time: number;
  /** User-day: alerts are counted by case. */
  readonly day: string;
}

/**
 * Keeps a fair sample of an endless stream: every misuse row up to a bound, and of ordinary rows the odd ones far more often than the
 * everyday ones, each with the weight that makes up for it. Reservoirs, so the memory is bounded; seeded, so the choice repeats.
 */
export class TrainingSample {
  readonly #random: () => number;
  readonly #rows: { readonly bad: TrainingRow[]; readonly odd: TrainingRow[]; readonly plain: TrainingRow[] } = {
    bad: [],
    odd: [],
    plain: [],
  };
  readonly #seen = { bad: 0, odd: 0, plain: 0 };
  readonly #limits: { readonly bad: number; readonly odd: number; readonly plain: number };

  constructor(seed: number, limits: { readonly bad: number; readonly odd: number; readonly plain: number }) {
    this.#random = seeded(seed);
    this.#limits = limits;
  }

  offer(row: Omit<TrainingRow, 'weight' | 'vector'> & { readonly vector: Float64Array; readonly odd: boolean }): void {
    const kind = row.label === 1 ? 'bad' : row.odd ? 'odd' : 'plain';
    const kept = this.#rows[kind];
    const limit = this.#limits[kind];
    this.#seen[kind]++;
    let place = kept.length;
    if (place >= limit) {
      place = Math.floor(this.#random() * this.#seen[kind]);
      if (place >= limit) return;
    }
    kept[place] = {
      vector: row.vector.slice(),
      rules: row.rules,
      label: row.label,
      weight: 1,
      time: row.time,
      day: row.day,
    };
  }

  rows(): TrainingRow[] {
    const all: TrainingRow[] = [];
    for (const kind of ['plain', 'odd', 'bad'] as const) {
      const kept = this.#rows[kind];
      const weight = kept.length === 0 ? 1 : this.#seen[kind] / kept.length;
      for (const row of kept) all.push({ ...row, weight });
    }
    return all;
  }
}

/** Flat rows for a worker: misuse is repeated until it makes up `share`, since the net knows no class weights; then shuffled. */
export const balanced = (
  rows: readonly TrainingRow[],
  share: number,
  most: number,
  seed: number,
): { readonly inputs: Float64Array; readonly labels: Float64Array } => {
  const random = seeded(seed);
  const bad = rows.filter((row) => row.label === 1);
  const good = rows.filter((row) => row.label === 0);
  const wantedBad = Math.round(most * share);
  const order: TrainingRow[] = [];
  const fill = (from: readonly TrainingRow[], count: number): void => {
    if (from.length === 0) return;
    const whole = Math.floor(count / from.length);
    for (let n = 0; n < whole; n++) order.push(...from);
    for (let n = count - whole * from.length; n > 0; n--)
      order.push(from[Math.floor(random() * from.length)] as TrainingRow);
  };
  fill(bad, Math.min(wantedBad, bad.length * 20));
  fill(good, Math.min(most - wantedBad, good.length));
  for (let index = order.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    const kept = order[index] as TrainingRow;
    order[index] = order[other] as TrainingRow;
    order[other] = kept;
  }
  const inputs = new Float64Array(order.length * FEATURES);
  const labels = new Float64Array(order.length);
  order.forEach((row, index) => {
    inputs.set(row.vector, index * FEATURES);
    labels[index] = row.label;
  });
  return { inputs, labels };
};
