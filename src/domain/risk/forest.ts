import { seeded } from './random.ts';

/**
 * An isolation forest in flat arrays. Node `n`: `feature[n] < 0` is a leaf, whose `split[n]` is its depth plus the expected rest of the
 * path; else go to `left[n]` when the value is below `split[n]`, to `left[n] + 1` otherwise.
 */
export interface Forest {
  readonly roots: Int32Array;
  readonly feature: Int16Array;
  readonly split: Float32Array;
  readonly left: Int32Array;
  readonly sample: number;
}

/** Expected path length of an unsuccessful search in a tree of `n` points (Liu, Ting, Zhou 2008, equation 1). */
const expectedPath = (n: number): number =>
  n <= 1 ? 0 : n === 2 ? 1 : 2 * (Math.log(n - 1) + 0.5772156649) - (2 * (n - 1)) / n;

export interface ForestOptions {
  readonly seed: number;
  readonly trees: number;
  readonly sample: number;
}

export const growForest = (rows: readonly Float64Array[], options: ForestOptions): Forest => {
  const random = seeded(options.seed);
  const sample = Math.min(options.sample, rows.length);
  const limit = Math.ceil(Math.log2(Math.max(2, sample)));
  const feature: number[] = [];
  const split: number[] = [];
  const left: number[] = [];
  const roots: number[] = [];
  const grow = (node: number, members: Float64Array[], depth: number): void => {
    const size = members[0]?.length ?? 0;
    let chosen = -1;
    let low = 0;
    let high = 0;
    // A constant feature cannot split; a few tries find one that can, else this is a leaf.
    for (let attempt = 0; attempt < 12 && chosen < 0 && depth < limit && members.length > 1; attempt++) {
      const index = Math.floor(random() * size);
      low = Number.POSITIVE_INFINITY;
      high = Number.NEGATIVE_INFINITY;
      for (const row of members) {
        const value = row[index] as number;
        if (value < low) low = value;
        if (value > high) high = value;
      }
      if (high > low) chosen = index;
    }
    if (chosen < 0) {
      feature[node] = -1;
      split[node] = depth + expectedPath(members.length);
      left[node] = 0;
      return;
    }
    const value = Math.fround(low + random() * (high - low));
    const child = feature.length;
    feature[node] = chosen;
    split[node] = value;
    left[node] = child;
    feature.push(-1, -1);
    split.push(0, 0);
    left.push(0, 0);
    grow(
      child,
      members.filter((row) => (row[chosen] as number) < value),
      depth + 1,
    );
    grow(
      child + 1,
      members.filter((row) => (row[chosen] as number) >= value),
      depth + 1,
    );
  };
  for (let tree = 0; tree < options.trees; tree++) {
    const members: Float64Array[] = [];
    for (let index = 0; index < sample; index++) members.push(rows[Math.floor(random() * rows.length)] as Float64Array);
    const root = feature.length;
    roots.push(root);
    feature.push(-1);
    split.push(0);
    left.push(0);
    grow(root, members, 0);
  }
  return {
    roots: Int32Array.from(roots),
    feature: Int16Array.from(feature),
    split: Float32Array.from(split),
    left: Int32Array.from(left),
    sample,
  };
};

/** 0.5 is ordinary, towards 1 is odd. */
export const isolation = (forest: Forest, input: Float64Array): number => {
  let total = 0;
  const { roots, feature, split, left } = forest;
  for (let tree = 0; tree < roots.length; tree++) {
    let node = roots[tree] as number;
    for (let index = feature[node] as number; index >= 0; index = feature[node] as number)
      node = (left[node] as number) + ((input[index] as number) < (split[node] as number) ? 0 : 1);
    total += split[node] as number;
  }
  const expected = expectedPath(forest.sample);
  return expected === 0 ? 0.5 : 2 ** (-total / Math.max(1, roots.length) / expected);
};
