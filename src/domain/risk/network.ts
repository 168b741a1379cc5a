/** A feed-forward net of sigmoid layers as brain.js trains it, flattened. Row-major: weights[layer][out * inputs + in]. */
export interface Network {
  readonly sizes: readonly number[];
  readonly weights: readonly Float32Array[];
  readonly biases: readonly Float32Array[];
}

/** Scratch of a net, so that a pass makes no garbage. */
export type NetworkPass = (input: Float64Array) => number;

/**
 * The forward pass in the arithmetic of brain.js (sums in double, outputs rounded to single), so that it equals `net.run`.
 * Returns the first output; NaN when an input was NaN.
 */
export const networkPass = (network: Network): NetworkPass => {
  const layers = network.sizes.map((size) => new Float32Array(size));
  return (input) => {
    const first = layers[0];
    if (first === undefined || input.length !== first.length) return Number.NaN;
    first.set(input);
    let from = first;
    for (let layer = 1; layer < layers.length; layer++) {
      const to = layers[layer];
      const weights = network.weights[layer - 1];
      const biases = network.biases[layer - 1];
      if (to === undefined || weights === undefined || biases === undefined) return Number.NaN;
      const inputs = from.length;
      for (let node = 0, at = 0; node < to.length; node++) {
        let sum = biases[node] ?? Number.NaN;
        for (let index = 0; index < inputs; index++) sum += (weights[at++] as number) * (from[index] as number);
        to[node] = 1 / (1 + Math.exp(-sum));
      }
      from = to;
    }
    return from[0] ?? Number.NaN;
  };
};

/** One net whose log-odds are the mean of those of several with one hidden layer: their hidden layers side by side. */
export const averaged = (nets: readonly Network[]): Network => {
  const inputs = nets[0]?.sizes[0] ?? 0;
  const hidden = nets.map(({ sizes }) => sizes[1] ?? 0);
  const wide = hidden.reduce((sum, size) => sum + size, 0);
  const into = new Float32Array(wide * inputs);
  const bias = new Float32Array(wide);
  const out = new Float32Array(wide);
  let outBias = 0;
  let at = 0;
  nets.forEach(({ sizes, weights, biases }, index) => {
    const size = hidden[index] ?? 0;
    if (sizes.length !== 3 || sizes[0] !== inputs || sizes[2] !== 1)
      throw new RangeError('nets that are averaged have one hidden layer and the same inputs');
    into.set(weights[0] ?? [], at * inputs);
    bias.set(biases[0] ?? [], at);
    out.set(weights[1]?.map((weight) => weight / nets.length) ?? [], at);
    outBias += (biases[1]?.[0] ?? Number.NaN) / nets.length;
    at += size;
  });
  return { sizes: [inputs, wide, 1], weights: [into, out], biases: [bias, Float32Array.of(outBias)] };
};
