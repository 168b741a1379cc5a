/**
 * Trains the model that is shipped in models/, from simulated hospitals that differ in size, habits and in what they record. Seeded: the
 * same numbers come out every time. The houses it is weighed and calibrated on are others than those it learns from.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { sampleHouse } from '../src/adapters/risk/house-training.ts';
import { readModelFile } from '../src/adapters/risk/tools.ts';
import { trainNets } from '../src/adapters/risk/trainer.ts';
import { fitModel } from '../src/domain/risk/fit.ts';
import { loadModel, writeModel } from '../src/domain/risk/model.ts';
import { usualSimulation } from '../src/domain/risk/simulator/simulate.ts';
import type { Gap } from '../src/domain/risk/simulator/withheld.ts';
import { balanced, TrainingSample } from '../src/domain/risk/training-set.ts';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'models/risk.json' },
    /** Writes nothing: fails when the file at `out` holds other weights than those that come out. */
    check: { type: 'boolean', default: false },
    seed: { type: 'string', default: '20260105' },
    rows: { type: 'string', default: '60000' },
    iterations: { type: 'string', default: '30' },
  },
});
const seed = Number(values.seed);
const house = { ...usualSimulation, users: 220, patients: 5_000, days: 45, misusePerDay: 12, calmDays: 6 };
const WARM_DAYS = 10;

/** What the log or the records of a house leave out; logs of others seldom tell all. */
const gaps: readonly (readonly Gap[])[] = [
  ['shifts'],
  ['people'],
  ['departments', 'relations'],
  ['roles'],
  ['places'],
  ['queries', 'shifts'],
  ['all'],
  ['recorded', 'shifts'],
];

const whole = new TrainingSample(seed, { bad: 20_000, odd: 16_000, plain: 12_000 });
const partly = new TrainingSample(seed + 5, { bad: 12_000, odd: 10_000, plain: 8_000 });
for (let n = 1; n <= 16; n++) {
  const told = n <= 8;
  const size = { ...house, world: n, seed: n * 101, users: 120 + (told ? 40 : 20) * (n % 5) };
  const events = sampleHouse(size, WARM_DAYS, told ? whole : partly, told ? [] : gaps[n - 9]);
  console.error(`house ${n} of 16: ${events} events`);
}
const train = [...whole.rows(), ...partly.rows()];
const wholeCheck = new TrainingSample(seed + 1, { bad: 12_000, odd: 40_000, plain: 40_000 });
const partlyCheck = new TrainingSample(seed + 6, { bad: 8_000, odd: 30_000, plain: 20_000 });
for (let n = 1; n <= 8; n++) {
  const told = n <= 4;
  const size = { ...house, world: 500 + n, seed: 900 + n, users: told ? 220 : 150 };
  sampleHouse(size, WARM_DAYS, told ? wholeCheck : partlyCheck, told ? [] : gaps[[0, 3, 6, 1][n - 5] ?? 0]);
}
const check = [...wholeCheck.rows(), ...partlyCheck.rows()];

const { inputs, labels } = balanced(train, 0.3, Number(values.rows), seed);
const { net, error } = await trainNets(
  { inputs, labels, hidden: [24], iterations: Number(values.iterations), rate: 0.15, seed },
  3,
  (iteration, now) => {
    if (iteration % 10 === 0) console.error(`iteration ${iteration}: error ${now.toFixed(5)}`);
  },
);
const model = writeModel(
  fitModel({
    seed,
    net,
    train,
    check,
    card: {
      trainedOn:
        '16 simulated hospitals (worlds 1-16, half of them with gaps in log or records), weighed and calibrated on worlds 501-508',
      window: '45 simulated days each, the first 10 not used',
      metrics: [{ name: 'mean squared error of the net in training', value: Number(error.toFixed(6)) }],
      limits: [
        'Learned from simulated misuse only: what no simulated case resembles is left to rules and forest.',
        'A score of 0.5 means even odds where one access in 500 is misuse; at a lower base rate the true odds are lower.',
        'One look at one unrelated record, in hours, with no private link, cannot be told from a legitimate look.',
      ],
    },
  }),
);
const loaded = loadModel(JSON.parse(model));
if ('fault' in loaded) throw new Error(loaded.text);
if (values.check) {
  const shipped = readModelFile(values.out);
  const same = (['net', 'logistic', 'forest', 'combine', 'ladder'] as const).filter(
    (part) => JSON.stringify(shipped[part]) === JSON.stringify(loaded[part]),
  );
  console.error(`${values.out} has the same ${same.join(', ') || 'nothing'}`);
  process.exit(same.length === 5 ? 0 : 1);
}
writeFileSync(values.out, model);
console.error(
  `${loaded.id} written to ${values.out}: combination ${loaded.combine.weights.map((w) => w.toFixed(2)).join(' ')}, ladder ${JSON.stringify(loaded.ladder)}`,
);
