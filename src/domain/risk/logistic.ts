import { seeded } from './random.ts';

export interface Logistic {
  readonly weights: Float64Array;
  readonly bias: number;
}

export interface Rows {
  readonly inputs: readonly Float64Array[];
  readonly labels: readonly number[];
  /** Absent: all alike. */
  readonly weights?: readonly number[];
}

export const linear = (model: Logistic, input: Float64Array): number => {
  const { weights } = model;
  if (input.length !== weights.length) return Number.NaN;
  let sum = model.bias;
  for (let index = 0; index < weights.length; index++) sum += (weights[index] as number) * (input[index] as number);
  return sum;
};

export const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));

export interface LogisticOptions {
  readonly seed: number;
  readonly epochs: number;
  readonly ridge: number;
  /** Keeps every weight at or above zero: for combining scores, none of which may count against itself. */
  readonly positive: boolean;
}

/** Adam in small batches over shuffled rows; seeded, so two trainings give the same numbers. */
export const trainLogistic = (rows: Rows, options: LogisticOptions): Logistic => {
  const size = rows.inputs[0]?.length ?? 0;
  const weights = new Float64Array(size);
  let bias = 0;
  const m = new Float64Array(size + 1);
  const s = new Float64Array(size + 1);
  const gradient = new Float64Array(size + 1);
  const order = Uint32Array.from(rows.inputs.keys());
  const random = seeded(options.seed);
  const batch = 64;
  let step = 0;
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    for (let index = order.length - 1; index > 0; index--) {
      const other = Math.floor(random() * (index + 1));
      const kept = order[index] as number;
      order[index] = order[other] as number;
      order[other] = kept;
    }
    const rate = 0.02 / (1 + epoch / 4);
    for (let start = 0; start < order.length; start += batch) {
      gradient.fill(0);
      const end = Math.min(order.length, start + batch);
      for (let at = start; at < end; at++) {
        const row = order[at] as number;
        const input = rows.inputs[row] as Float64Array;
        let sum = bias;
        for (let index = 0; index < size; index++) sum += (weights[index] as number) * (input[index] as number);
        const error = (sigmoid(sum) - (rows.labels[row] as number)) * (rows.weights?.[row] ?? 1);
        for (let index = 0; index < size; index++)
          gradient[index] = (gradient[index] as number) + error * (input[index] as number);
        gradient[size] = (gradient[size] as number) + error;
      }
      step++;
      const warmM = 1 - 0.9 ** step;
      const warmS = 1 - 0.999 ** step;
      for (let index = 0; index <= size; index++) {
        const ridge = index < size ? options.ridge * (weights[index] as number) : 0;
        const g = (gradient[index] as number) / (end - start) + ridge;
        m[index] = 0.9 * (m[index] as number) + 0.1 * g;
        s[index] = 0.999 * (s[index] as number) + 0.001 * g * g;
        const change = (rate * ((m[index] as number) / warmM)) / (Math.sqrt((s[index] as number) / warmS) + 1e-8);
        if (index === size) bias -= change;
        else {
          const next = (weights[index] as number) - change;
          weights[index] = options.positive && next < 0 ? 0 : next;
        }
      }
    }
  }
  return { weights, bias };
};
