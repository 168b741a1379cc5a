import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { positionedYaml } from '../../domain/policy/positioned-yaml.ts';
import type {
  EvaluateCommand,
  ExplainCommand,
  ModelCommand,
  Progress,
  RiskTools,
  SimulateCommand,
  StatusCommand,
  StoreCommand,
  TrainCommand,
} from '../../domain/risk/commands.ts';
import { RiskContext } from '../../domain/risk/context.ts';
import { createRiskEngine } from '../../domain/risk/engine.ts';
import type { AccessEvent } from '../../domain/risk/event.ts';
import { falseBy, figuresOf, recallBy, watchOf } from '../../domain/risk/metrics.ts';
import { loadModel, type RiskModel, writeModel } from '../../domain/risk/model.ts';
import { type RiskPolicy, readRiskPolicy } from '../../domain/risk/risk-policy.ts';
import { usualSimulation } from '../../domain/risk/simulator/simulate.ts';
import { timeOf } from '../../domain/risk/time.ts';
import { evaluate, loadContext } from './evaluate.ts';
import { eventsInOrder, survey } from './event-file.ts';
import { type Approver, ModelStore } from './model-store.ts';
import { readReviews } from './review-file.ts';
import { simulateToFiles } from './simulate-files.ts';

const root = new URL('../../../', import.meta.url);
export const shippedModelFile = new URL('models/risk.json', root);
export const shippedPolicyFile = new URL('policies/risk.yaml', root);

/** A file that is there but cannot be used; the text says why. */
export class RiskInputError extends Error {
  override readonly name = 'RiskInputError';
}

export const readModelFile = (file: string | URL): RiskModel => {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new RiskInputError(`${String(file)} is not JSON.`);
    throw cause;
  }
  const model = loadModel(json);
  if ('fault' in model) throw new RiskInputError(`${String(file)}: ${model.text}`);
  return model;
};

export const readPolicyFile = (file: string | URL): RiskPolicy => {
  const parsed = positionedYaml(readFileSync(file, 'utf8'));
  if (!parsed.ok)
    throw new RiskInputError(
      `${String(file)}: ${parsed.faults.map((each) => `${each.line}:${each.column} ${each.message}`).join('; ')}`,
    );
  const policy = readRiskPolicy(parsed.document.value);
  if ('fault' in policy) throw new RiskInputError(`${String(file)}: ${policy.text}`);
  return policy;
};

const rounded = (record: object): Record<string, number> =>
  Object.fromEntries(
    Object.entries(record as Record<string, number>).map(([name, value]) => [name, Math.round(value * 1e6) / 1e6]),
  );

/** What the risk commands work with. `now` is read for the dates of approvals only. */
export const riskTools = (now: () => Date): RiskTools => ({
  async simulate(options: SimulateCommand, progress: Progress): Promise<Record<string, string | number>> {
    mkdirSync(options.out, { recursive: true });
    const name = (stem: string): string => join(options.out, `${stem}.ndjson${options.gzip ? '.gz' : ''}`);
    const { seed, users, patients, days, world } = options;
    const files = { events: name('events'), context: name('context'), labels: name('labels') };
    const start = options.start.length === 10 ? `${options.start}T00:00:00Z` : options.start;
    const counts = await simulateToFiles(
      { ...usualSimulation, seed, users, patients, days, world, start, misusePerDay: options.misuse },
      files,
      (day) => progress('days', day, days),
    );
    return { ...counts, eventsFile: files.events, contextFile: files.context, labelsFile: files.labels };
  },

  async evaluate(options: EvaluateCommand, progress: Progress) {
    const result = await evaluate({
      events: options.events,
      context: options.context,
      trainUntil: Date.parse(options.trainUntil),
      trainLabels: options.trainLabels,
      labels: options.labels,
      out: options.out,
      base: readModelFile(options.model ?? shippedModelFile),
      policy: readPolicyFile(options.policy ?? shippedPolicyFile),
      seed: options.seed,
      rows: 20_000,
      iterations: 20,
      onProgress: progress,
    });
    const { rows, model, actions, ...rest } = result;
    const summary = { ...rest, seconds: Math.round(rest.seconds * 10) / 10, model: model.id, ...actions };
    if (rows === undefined) return { summary };
    return {
      summary,
      figures: rounded(figuresOf(rows, result.users)),
      scenarios: [...recallBy(rows, (row) => row.scenario ?? 'misuse')].map(([name, each]) => ({ name, ...each })),
      roles: [...falseBy(rows, (row) => row.role ?? 'none')].map(([name, each]) => ({ name, ...each })),
      shifts: [...falseBy(rows, (row) => watchOf(row.time))].map(([name, each]) => ({ name, ...each })),
    };
  },

  async train(options: TrainCommand, progress: Progress): Promise<Record<string, string | number>> {
    const policy = readPolicyFile(options.policy ?? shippedPolicyFile);
    const base = readModelFile(options.model ?? shippedModelFile);
    const reviews = options.reviews === undefined ? undefined : await readReviews(options.reviews, policy);
    const result = await evaluate({
      events: options.events,
      context: options.context,
      trainUntil: Number.POSITIVE_INFINITY,
      trainLabels: options.labels,
      moreLabels: reviews?.labels,
      labels: undefined,
      out: join(tmpdir(), `consentry-train-${process.pid}.out`),
      base,
      policy,
      seed: options.seed,
      rows: 24_000,
      iterations: 40,
      onProgress: progress,
    });
    if (result.model.id === base.id)
      throw new RiskInputError(
        'The events are too few, or lie too close together, to train from: some thousand events of several days are needed.',
      );
    writeFileSync(options.out, writeModel(result.model));
    return {
      model: result.model.id,
      out: options.out,
      events: result.trainedOn,
      ...(reviews === undefined ? {} : { reviewsUsed: reviews.used, reviewsLeftOut: reviews.leftOut }),
      seconds: Math.round(result.seconds * 10) / 10,
    };
  },

  async explain(options: ExplainCommand): Promise<Record<string, unknown>> {
    const context = new RiskContext();
    await loadContext(options.context, context);
    const engine = createRiskEngine({
      model: readModelFile(options.model ?? shippedModelFile),
      policy: readPolicyFile(options.policy ?? shippedPolicyFile),
      context,
    });
    const known = await survey(options.events, Number.POSITIVE_INFINITY);
    for await (const chunk of eventsInOrder(options.events, known))
      for (const item of chunk) {
        const event = item.event as AccessEvent;
        if (item.line !== options.line) {
          engine.observe(event, item.time);
          continue;
        }
        const { score, action, explained, reasons, model } = engine.assess(event, item.time);
        return {
          line: item.line,
          at: new Date(timeOf(event.t) ?? item.time).toISOString(),
          score,
          action,
          explained,
          model,
          reasons: reasons.map((reason) => `${reason.text} (${reason.feature}, ${reason.weight.toFixed(3)})`),
        };
      }
    throw new RiskInputError(`The file has no event on line ${options.line}.`);
  },

  status(options: StatusCommand): Promise<Record<string, unknown>> {
    const store = storeAt(options, now);
    const model =
      options.model === undefined
        ? (store.champion() ?? readModelFile(shippedModelFile))
        : readModelFile(options.model);
    return Promise.resolve({
      model: model.id,
      hash: model.hash,
      features: model.net.sizes[0],
      seed: model.seed,
      ladder: model.ladder,
      card: model.card,
      ...(options.model === undefined ? store.status() : {}),
    });
  },

  async challenge(options: ModelCommand) {
    return storeAt(options, now).challenge(readFileSync(options.model, 'utf8'), who(options));
  },

  async promote(options: ModelCommand) {
    return storeAt(options, now).promote(readModelFile(options.model).hash, who(options));
  },

  async rollback(options: StoreCommand) {
    return storeAt(options, now).rollback(who(options));
  },
});

const storeAt = (options: { readonly store: string; readonly policy?: string }, now: () => Date): ModelStore =>
  new ModelStore(options.store, readPolicyFile(options.policy ?? shippedPolicyFile).promotion, now);
const who = (options: StoreCommand): Approver => ({ by: options.by, keyFile: options.key });
