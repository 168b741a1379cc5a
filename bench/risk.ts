import brain from 'brain.js';
import { sampleHouse } from '../src/adapters/risk/house-training.ts';
import { readModelFile, readPolicyFile, shippedModelFile, shippedPolicyFile } from '../src/adapters/risk/tools.ts';
import { trainNet } from '../src/adapters/risk/trainer.ts';
import { RiskContext } from '../src/domain/risk/context.ts';
import { type ConsentryRiskEngine, createRiskEngine } from '../src/domain/risk/engine.ts';
import type { AccessEvent, ContextFact } from '../src/domain/risk/event.ts';
import { FEATURES } from '../src/domain/risk/feature-schema.ts';
import { RiskFeatures } from '../src/domain/risk/features.ts';
import { isolation } from '../src/domain/risk/forest.ts';
import { linear } from '../src/domain/risk/logistic.ts';
import { networkPass } from '../src/domain/risk/network.ts';
import { createScorer } from '../src/domain/risk/scorer.ts';
import { simulate, usualSimulation } from '../src/domain/risk/simulator/simulate.ts';
import { balanced, TrainingSample } from '../src/domain/risk/training-set.ts';
import type { Row } from './main.ts';

const quantile = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;

/** Microseconds per call: the median of rounds. */
const perCall = (calls: number, work: (n: number) => void): number => {
  for (let n = 0; n < Math.min(calls, 20_000); n++) work(n);
  const rounds = Float64Array.from({ length: 5 }, () => {
    const start = performance.now();
    for (let n = 0; n < calls; n++) work(n);
    return ((performance.now() - start) * 1_000) / calls;
  }).sort();
  return quantile(rounds, 0.5);
};

/** Features and score per event, in one house; then each head alone against `net.run` of brain.js on the same weights. */
export const run = async (options: { quick: boolean }): Promise<Row[]> => {
  const rows: Row[] = [];
  const row = (name: string, figure: number, unit: string, reach = '', ok: boolean | null = null): void => {
    rows.push({ name, figure, unit, reach, ok });
  };
  const model = readModelFile(shippedModelFile);
  const policy = readPolicyFile(shippedPolicyFile);
  const facts: ContextFact[] = [];
  const events: { readonly event: AccessEvent; readonly time: number }[] = [];
  const size = {
    ...usualSimulation,
    users: options.quick ? 150 : 400,
    patients: options.quick ? 3_000 : 8_000,
    days: options.quick ? 14 : 30,
    misusePerDay: 4,
  };
  for (const item of simulate(size)) {
    if (item.kind === 'fact') facts.push(item.fact);
    else events.push(item.told);
  }
  const learned = (from: number): ConsentryRiskEngine => {
    const made = createRiskEngine({ model, policy });
    for (const fact of facts) made.observeContext(fact);
    for (const { event, time } of events.slice(from, -20_000)) made.observe(event, time);
    return made;
  };
  const engine = learned(0);
  const young = learned(Math.floor(events.length * 0.85) - 20_000);
  // The same calls by both in turns, so that what else the machine does falls on both.
  const spent = { old: 0, young: 0 };
  const latest = events.slice(-20_000);
  for (let from = 0; from < latest.length; from += 500)
    for (const who of from % 1_000 === 0 ? (['old', 'young'] as const) : (['young', 'old'] as const)) {
      const judge = who === 'old' ? engine : young;
      const start = performance.now();
      for (const { event, time } of latest.slice(from, from + 500)) judge.step(event, time);
      spent[who] += performance.now() - start;
    }
  const rate = latest.length / (spent.old / 1_000);
  row('events judged and learned per second', rate, 'events/s', '20,000', rate >= 20_000);
  const growth = spent.old / spent.young;
  row(
    'cost of a call after the whole history to that after a tenth of it',
    growth,
    'ratio',
    'at most 1.3',
    growth <= 1.3,
  );

  const sample = events.slice(-20_000);
  const times = new Float64Array(sample.length);
  sample.forEach(({ event, time }, index) => {
    const start = performance.now();
    engine.assess(event, time);
    times[index] = (performance.now() - start) * 1_000;
  });
  times.sort();
  row('assess (features and score), p50', quantile(times, 0.5), 'us');
  row('assess (features and score), p99', quantile(times, 0.99), 'us', '300', quantile(times, 0.99) <= 300);

  const features = new RiskFeatures(new RiskContext());
  global.gc?.();
  const before = process.memoryUsage().heapUsed;
  const users = 1_000;
  const patients = options.quick ? 20_000 : 100_000;
  const many = createRiskEngine({ model, policy, features });
  for (let n = 0; n < patients; n++)
    many.observeContext({
      kind: 'encounter',
      patient: `p${n}`,
      staff: [`u${n % users}`],
      department: `d${n % 30}`,
      start: '2026-03-01T00:00:00Z',
    });
  for (let n = 0; n < patients; n++)
    many.observe(
      {
        user: `u${n % users}`,
        role: 'nurse',
        department: `d${n % 30}`,
        patient: `p${n}`,
        interaction: 'read',
        type: 'Patient',
        ip: '10.0.0.1',
        device: `x${n % users}`,
      },
      1_772_600_000_000 + n * 100,
    );
  global.gc?.();
  const used = (process.memoryUsage().heapUsed - before) / 2 ** 20;
  row(`memory, 1,000 users and ${patients.toLocaleString('en')} patients`, used, 'MiB', '', null);
  const keepAlive = many.status().observed;

  const vectors = new TrainingSample(1, { bad: 500, odd: 1_000, plain: 1_500 });
  const housed = performance.now();
  const count = sampleHouse(
    { ...size, users: 100, patients: 2_000, days: 12, calmDays: 1, misusePerDay: 40 },
    4,
    vectors,
  );
  row('simulate and compute features', count / ((performance.now() - housed) / 1_000), 'events/s');
  const inputs = vectors.rows().map((each) => each.vector);
  const at = (n: number): Float64Array => inputs[n % inputs.length] ?? new Float64Array(FEATURES);
  const { inputs: flat, labels } = balanced(vectors.rows(), 0.3, options.quick ? 2_000 : 8_000, 1);
  const started = performance.now();
  await trainNet({ inputs: flat, labels, hidden: [16], iterations: 10, rate: 0.15, seed: 1 });
  row(`training the net, ${labels.length} rows, 10 rounds`, (performance.now() - started) / 1_000, 's');

  const rival = new brain.NeuralNetwork({ hiddenLayers: [16], activation: 'sigmoid' });
  rival.fromJSON(brainJson(model.net) as unknown as Parameters<typeof rival.fromJSON>[0]);
  const lists = inputs.map((input) => Array.from(input));
  const pass = networkPass(model.net);
  let widest = 0;
  inputs.forEach((input, n) => {
    widest = Math.max(widest, Math.abs(pass(input) - Number((rival.run(lists[n] ?? []) as unknown as number[])[0])));
  });
  row('largest difference to net.run', widest, '', 'at most 1e-6', widest <= 1e-6);
  const calls = options.quick ? 50_000 : 200_000;
  let sink = keepAlive;
  const own = perCall(calls, (n) => {
    sink += pass(at(n));
  });
  const theirs = perCall(calls, (n) => {
    sink += Number((rival.run(lists[n % lists.length] ?? []) as unknown as number[])[0]);
  });
  row('forward pass of the net', own, 'us');
  row('net.run of brain.js', theirs, 'us');
  row('net.run to own forward pass', theirs / own, 'ratio', 'at least 1', theirs / own >= 1);
  row(
    'logistic regression',
    perCall(calls, (n) => {
      sink += linear(model.logistic, at(n));
    }),
    'us',
  );
  row(
    'isolation forest',
    perCall(calls, (n) => {
      sink += isolation(model.forest, at(n));
    }),
    'us',
  );
  const scorer = createScorer(model);
  row(
    'all heads combined',
    perCall(calls, (n) => {
      sink += scorer.score(at(n), 0.1);
    }),
    'us',
  );
  row(
    'reasons by ablation',
    perCall(Math.floor(calls / 100), (n) => {
      sink += scorer.reasons(at(n), 0.1, 4).length;
    }),
    'us',
  );
  if (!Number.isFinite(sink)) throw new Error('a figure was not finite');
  return rows;
};

/** The weights in brain.js' own form. */
const brainJson = (net: {
  readonly sizes: readonly number[];
  readonly weights: readonly Float32Array[];
  readonly biases: readonly Float32Array[];
}): object => ({
  sizes: net.sizes,
  layers: net.sizes.map((size, layer) =>
    Object.fromEntries(
      Array.from({ length: size }, (_, node) => {
        if (layer === 0) return [String(node), {}];
        const before = net.sizes[layer - 1] ?? 0;
        const weights = net.weights[layer - 1] ?? new Float32Array();
        return [
          String(node),
          {
            bias: net.biases[layer - 1]?.[node] ?? 0,
            weights: Object.fromEntries(
              Array.from({ length: before }, (__, from) => [String(from), weights[node * before + from] ?? 0]),
            ),
          },
        ];
      }),
    ),
  ),
  outputLookup: false,
  inputLookup: false,
  activation: 'sigmoid',
  trainOpts: {},
});
