import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { callOf } from '../../domain/risk/call.ts';
import { RiskContext } from '../../domain/risk/context.ts';
import { between, ConsentryRiskEngine } from '../../domain/risk/engine.ts';
import type { AccessEvent, ContextFact } from '../../domain/risk/event.ts';
import { RiskFeatures } from '../../domain/risk/features.ts';
import { fitModel, ladderOf, unlabelledShares } from '../../domain/risk/fit.ts';
import type { Scored } from '../../domain/risk/metrics.ts';
import { loadModel, type ModelParts, type RiskModel, writeModel } from '../../domain/risk/model.ts';
import { Planter } from '../../domain/risk/planted.ts';
import type { RiskPolicy } from '../../domain/risk/risk-policy.ts';
import { ruleHits, ruleScore } from '../../domain/risk/rules.ts';
import { reaches, riskActions } from '../../domain/risk/score.ts';
import { createScorer } from '../../domain/risk/scorer.ts';
import { balanced, type TrainingRow, TrainingSample } from '../../domain/risk/training-set.ts';
import { type EventLine, eventsInOrder, linesOf, objectOf, type Survey, survey } from './event-file.ts';
import { type Label, readLabels } from './label-file.ts';
import { trainNets } from './trainer.ts';

export interface EvaluateOptions {
  readonly events: string;
  readonly context: string | undefined;
  readonly trainUntil: number;
  readonly trainLabels: string | undefined;
  /** From reviews, by `user/day`: they speak for what nothing explained on that day. */
  readonly moreLabels?: ReadonlyMap<string, 0 | 1> | undefined;
  readonly labels: string | undefined;
  readonly out: string;
  /** The model that is shipped or in use: where the file's own past says little, it speaks. */
  readonly base: RiskModel;
  readonly policy: RiskPolicy;
  readonly seed: number;
  /** Rows and rounds of the net's training. */
  readonly rows: number;
  readonly iterations: number;
  readonly onProgress: (phase: string, done: number, of: number) => void;
}

export interface Evaluated {
  readonly scored: number;
  readonly trainedOn: number;
  readonly unreadable: number;
  readonly untimed: number;
  readonly sorted: boolean;
  readonly contextFacts: number;
  readonly contextIgnored: number;
  readonly actions: Readonly<Record<string, number>>;
  readonly alertDays: number;
  readonly explained: number;
  readonly model: RiskModel;
  readonly users: number;
  /** Only with labels. */
  readonly rows: readonly Scored[] | undefined;
  readonly seconds: number;
}

const WARM = 0.25;
const CHECK = 0.72;
const NETS = 2;

export const loadContext = async (file: string | undefined, context: RiskContext): Promise<number> => {
  if (file === undefined) return 0;
  let facts = 0;
  for await (const chunk of linesOf(file))
    for (const line of chunk) {
      const fact = objectOf(line);
      if (fact === undefined) continue;
      context.add(fact as unknown as ContextFact);
      facts++;
    }
  return facts;
};

/**
 * Learns from what lies before a time and scores what lies after it, in order. The past serves three ends: it fills the profiles, it gives
 * the ordinary rows for the models, and misuse is planted in copies of its profiles, so that nothing needs to be labelled. What is labelled
 * is used with the planted cases. The score is the mean of the house's own model and of the base model, on the scale of log-odds.
 */
export const evaluate = async (options: EvaluateOptions): Promise<Evaluated> => {
  const began = performance.now();
  const context = new RiskContext();
  const contextFacts = await loadContext(options.context, context);
  options.onProgress('survey', 0, 1);
  const known = await survey(options.events, options.trainUntil);
  const trainLabels =
    options.trainLabels === undefined ? new Map<number, Label>() : (await readLabels(options.trainLabels)).labels;
  const labels = options.labels === undefined ? undefined : (await readLabels(options.labels)).labels;
  const features = new RiskFeatures(context);
  const stream = new Learner(options, known, features, trainLabels);
  const rows: Scored[] = [];
  const actions: Record<string, number> = Object.fromEntries(riskActions.map((action) => [action, 0]));
  const alertDays = new Set<string>();
  const users = new Set<string>();
  let scored = 0;
  let explained = 0;
  let engine: ConsentryRiskEngine | undefined;
  let model = options.base;
  const output = createWriteStream(options.out);
  let text = '';
  const judge = async (item: EventLine): Promise<void> => {
    if (engine === undefined) {
      model = await stream.finish();
      engine = new ConsentryRiskEngine({
        model,
        policy: { ...options.policy, ladder: stream.ladder },
        features,
        mix: stream.useful ? options.base : undefined,
      });
    }
    const event = item.event as AccessEvent;
    const found = engine.step(event, item.time);
    scored++;
    actions[found.action] = (actions[found.action] ?? 0) + 1;
    if (found.explained) explained++;
    const user = callOf(event).user;
    users.add(user);
    const day = `${user}/${Math.floor(item.time / 86_400_000)}`;
    const alert = reaches(found.action, 'step-up');
    if (alert) alertDays.add(day);
    text += `{"line":${item.line},"score":${Number(found.score.toPrecision(7))},"action":"${found.action}","explained":${found.explained},"reasons":${JSON.stringify(found.reasons.map((reason) => ({ ...reason, weight: Math.round(reason.weight * 1e4) / 1e4 })))}}\n`;
    if (labels !== undefined) {
      const told = labels.get(item.line);
      rows.push({
        score: found.score,
        label: told?.label ?? 0,
        scenario: told?.scenario,
        case: told?.case,
        role: event.role,
        day,
        time: item.time,
        explained: found.explained,
        alert,
        blocked: found.action === 'block',
        documented: found.reasons.some((reason) => documentedBy(reason.feature)),
      });
    }
  };
  let done = 0;
  for await (const chunk of eventsInOrder(options.events, known)) {
    for (const item of chunk) {
      if (item.time < options.trainUntil) stream.learn(item);
      else await judge(item);
      done++;
    }
    if (text.length > 1 << 16) {
      if (!output.write(text)) await once(output, 'drain');
      text = '';
    }
    options.onProgress(engine === undefined ? 'learn' : 'score', done, known.lines);
  }
  if (engine === undefined) model = await stream.finish();
  output.end(text);
  await once(output, 'finish');
  return {
    scored,
    trainedOn: stream.count,
    unreadable: known.unreadable,
    untimed: known.untimed,
    sorted: known.disorder <= 60_000,
    contextFacts,
    contextIgnored: context.ignored,
    actions,
    alertDays: alertDays.size,
    explained,
    model,
    users: users.size,
    rows: labels === undefined ? undefined : rows,
    seconds: (performance.now() - began) / 1_000,
  };
};

/** A relation on record, not habit or role. */
const documentedBy = (feature: string): boolean =>
  /^explained:(department-|shift-)?(encounter|appointment|careteam|referral|order)$/.test(feature);

class Learner {
  readonly #options: EvaluateOptions;
  readonly #known: Survey;
  readonly #features: RiskFeatures;
  readonly #labels: ReadonlyMap<number, Label>;
  readonly #train: TrainingSample;
  readonly #check: TrainingSample;
  readonly #planter: Planter;
  readonly #every: number;
  readonly #baseDays = new Map<string, number>();
  count = 0;
  useful = false;
  #ladder: RiskModel['ladder'];

  constructor(options: EvaluateOptions, known: Survey, features: RiskFeatures, labels: ReadonlyMap<number, Label>) {
    this.#options = options;
    this.#known = known;
    this.#features = features;
    this.#labels = labels;
    this.#train = new TrainingSample(options.seed, { bad: 9_000, odd: 14_000, plain: 14_000 });
    this.#check = new TrainingSample(options.seed + 1, { bad: 6_000, odd: 30_000, plain: 30_000 });
    this.#planter = new Planter(features, options.policy, options.seed + 2);
    this.#every = Math.max(4, Math.floor((known.before * (1 - WARM)) / 3_000));
    this.#ladder = options.base.ladder;
  }

  learn(item: EventLine): void {
    this.count++;
    const { before } = this.#known;
    const event = item.event as AccessEvent;
    const call = callOf(event);
    if (call.patient !== undefined) this.#planter.meet(call.patient);
    const look = this.#features.look(call, item.time);
    const label = this.#labels.get(item.line) ?? (look.explained ? undefined : this.#reviewed(call.user, item.time));
    if (this.count > before * WARM || label?.label === 1) {
      const sample = this.count > before * CHECK ? this.#check : this.#train;
      const rules = ruleScore(ruleHits(look, this.#options.policy));
      const day = `${call.user}/${Math.floor(item.time / 86_400_000)}`;
      sample.offer({
        vector: look.vector,
        rules,
        label: label?.label ?? 0,
        time: item.time,
        day,
        odd: !look.explained || label !== undefined,
      });
      // What the training labels name is told to the other sample too when there is little of it.
      if (label?.label === 1)
        (sample === this.#check ? this.#train : this.#check).offer({
          vector: look.vector,
          rules,
          label: 1,
          time: item.time,
          day,
          odd: true,
        });
    }
    this.#features.commit(call, item.time, look);
    if (this.count > before * WARM && this.count % this.#every === 0) {
      const sample = this.count > before * CHECK ? this.#check : this.#train;
      for (const row of this.#planter.plant(event, item.time))
        sample.offer({ ...row, label: 1, day: `planted ${this.count}`, odd: true });
    }
    this.#options.onProgress('learn', this.count, this.#known.lines);
  }

  #reviewed(user: string, time: number): Label | undefined {
    const reviews = this.#options.moreLabels;
    if (reviews === undefined || reviews.size === 0) return undefined;
    const label = reviews.get(`${user}/${new Date(time).toISOString().slice(0, 10)}`);
    return label === undefined ? undefined : { label, scenario: undefined };
  }

  /** The house's own model; the base model when the past is too short to learn from. */
  async finish(): Promise<RiskModel> {
    const { options, train, check } = { options: this.#options, train: this.#train.rows(), check: this.#check.rows() };
    const bad = (rows: readonly TrainingRow[]): number => rows.filter((row) => row.label === 1).length;
    const enough = [train, check].every((rows) => bad(rows) >= 60 && rows.length - bad(rows) >= 300);
    if (!enough) return options.base;
    const { inputs, labels } = balanced(train, 0.3, options.rows, options.seed);
    const { net, error } = await trainNets(
      { inputs, labels, hidden: [16], iterations: options.iterations, rate: 0.15, seed: options.seed },
      NETS,
      (iteration) => options.onProgress('train', iteration, options.iterations),
    );
    const card: ModelParts['card'] = {
      trainedOn: `${this.count} events of one house, misuse planted${this.#labels.size > 0 ? ' and labelled' : ''}`,
      window: `${new Date(this.#known.first).toISOString()} to ${new Date(Math.min(options.trainUntil, this.#known.last)).toISOString()}`,
      metrics: [{ name: 'mean squared error of the net in training', value: Number(error.toFixed(6)) }],
      limits: ['Calibrated on planted misuse: the odds hold for misuse of those kinds.'],
    };
    const model = loadModel(JSON.parse(writeModel(fitModel({ seed: options.seed, net, train, check, card }))));
    if ('fault' in model) throw new Error(model.text);
    this.useful = true;
    const own = createScorer(model);
    const base = createScorer(options.base);
    for (const row of check)
      if (row.label === 0) {
        const score = between(own.score(row.vector, row.rules), base.score(row.vector, row.rules));
        this.#baseDays.set(row.day, Math.max(this.#baseDays.get(row.day) ?? 0, score));
      }
    this.#ladder = ladderOf([...this.#baseDays.values()], unlabelledShares);
    return model;
  }

  /** Set on the last part of the past, by the alerts it would have raised. */
  get ladder(): RiskModel['ladder'] {
    return this.#options.policy.ladder ?? this.#ladder;
  }
}
