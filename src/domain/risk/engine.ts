import { type Call, callOf } from './call.ts';
import { RiskContext } from './context.ts';
import { decide } from './decide.ts';
import type { AccessEvent, ContextFact } from './event.ts';
import { at, FEATURES, featureRows } from './feature-schema.ts';
import { type Look, RiskFeatures } from './features.ts';
import { sigmoid } from './logistic.ts';
import { HEADS, type RiskModel } from './model.ts';
import { UserProfile } from './profile.ts';
import type { RiskPolicy } from './risk-policy.ts';
import { enumeration, type RuleHit, ruleHits, ruleScore } from './rules.ts';
import { type Assessment, type RiskReason, riskActions, riskScore } from './score.ts';
import { createScorer, type Scorer } from './scorer.ts';
import { timeOf } from './time.ts';

/** Programmer errors and broken inputs alike: the stage treats a throw as its failure, never as a low score. */
export class RiskFailure extends Error {}

export interface RiskEngineOptions {
  readonly model: RiskModel;
  readonly policy: RiskPolicy;
  readonly context?: RiskContext;
  readonly features?: RiskFeatures;
  /** Runs beside the model and is counted, never applied. */
  readonly challenger?: RiskModel;
  /** A second model whose log-odds are averaged with those of the first. */
  readonly mix?: RiskModel | undefined;
  /** Confidence in [0,1] that the caller's address or agent is a known threat (threat feeds). */
  readonly threat?: (event: AccessEvent, time: number) => number;
}

export interface ShadowCounts {
  readonly calls: number;
  readonly agreed: number;
  readonly stricter: number;
  readonly milder: number;
}

export interface RiskStatus {
  readonly model: string;
  readonly challenger: string | undefined;
  readonly shadow: ShadowCounts;
  readonly assessed: number;
  readonly observed: number;
  readonly failed: number;
  readonly actions: Readonly<Record<string, number>>;
  readonly sizes: Readonly<Record<string, number>>;
}

/** Held by the gateway; `assess` and `observe` are the port. All is synchronous, bounded and without I/O. */
export class ConsentryRiskEngine {
  readonly context: RiskContext;
  readonly features: RiskFeatures;
  #model: RiskModel;
  #policy: RiskPolicy;
  #scorer: Scorer;
  #challenger: { readonly model: RiskModel; readonly scorer: Scorer } | undefined;
  readonly #mix: Scorer | undefined;
  readonly #threat: ((event: AccessEvent, time: number) => number) | undefined;
  readonly #batches = new WeakMap<object, UserProfile>();
  #assessed = 0;
  #observed = 0;
  #failed = 0;
  readonly #actions: Record<string, number> = Object.fromEntries(riskActions.map((action) => [action, 0]));
  #shadow = { calls: 0, agreed: 0, stricter: 0, milder: 0 };

  constructor(options: RiskEngineOptions) {
    this.context = options.context ?? options.features?.context ?? new RiskContext();
    this.features = options.features ?? new RiskFeatures(this.context);
    this.#model = options.model;
    this.#policy = options.policy;
    this.#scorer = createScorer(options.model);
    this.#mix = options.mix === undefined ? undefined : createScorer(options.mix);
    this.#threat = options.threat;
    this.challenge(options.challenger);
  }

  get model(): RiskModel {
    return this.#model;
  }

  get policy(): RiskPolicy {
    return this.#policy;
  }

  /** `batch`: the same object for all entries of one batch; each is judged as if those before it had been made. */
  assess(event: AccessEvent, now: number, batch?: object): Assessment {
    try {
      const { call, time } = read(event, now);
      const soFar = batch === undefined ? undefined : this.#within(batch, call.user);
      const look = this.features.look(call, time, soFar);
      const assessment = this.#judge(event, call, look, time);
      if (soFar !== undefined) this.features.commitTo(soFar, call, time, look);
      this.#assessed++;
      this.#actions[assessment.action] = (this.#actions[assessment.action] ?? 0) + 1;
      return assessment;
    } catch (cause) {
      this.#failed++;
      throw cause instanceof RiskFailure ? cause : new RiskFailure('the call could not be assessed', { cause });
    }
  }

  /** With a batch, an entry that was refused before it was assessed: it counts for the entries after it, and is not learnt. */
  observe(event: AccessEvent, now: number, batch?: object): void {
    const { call, time } = read(event, now);
    if (batch !== undefined) {
      const soFar = this.#within(batch, call.user);
      this.features.commitTo(soFar, call, time, this.features.look(call, time, soFar));
      return;
    }
    this.#observed++;
    this.features.commit(call, time, this.features.look(call, time));
  }

  /** `assess` and `observe` of one event in one pass, for files: the same numbers for half the work. */
  step(event: AccessEvent, now: number): Assessment {
    const { call, time } = read(event, now);
    const look = this.features.look(call, time);
    try {
      return this.#judge(event, call, look, time);
    } finally {
      this.features.commit(call, time, look);
    }
  }

  observeContext(fact: ContextFact): void {
    this.context.add(fact);
  }

  /** A new model from the next call on; the old one may be given back the same way. */
  swap(model: RiskModel): void {
    this.#scorer = createScorer(model);
    this.#model = model;
  }

  setPolicy(policy: RiskPolicy): void {
    this.#policy = policy;
  }

  /** `counted`: what was counted of this challenger before a restart. */
  challenge(model: RiskModel | undefined, counted?: ShadowCounts): void {
    this.#challenger = model === undefined ? undefined : { model, scorer: createScorer(model) };
    this.#shadow = { calls: 0, agreed: 0, stricter: 0, milder: 0, ...counted };
  }

  /** What is on record between a person and a patient at a time, in sentences: what explains an access, and what ties them in private. */
  links(
    who: Pick<AccessEvent, 'user' | 'role' | 'department'>,
    patient: string,
    time: number,
  ): { readonly explanation: string | undefined; readonly links: readonly string[] } {
    const { vector, explanation } = this.features.look(callOf({ ...who, patient, interaction: 'read' }), time);
    const links = featureRows.flatMap(({ group, say }, index) =>
      group === 'link' && say !== '' && index !== at.linkUnexplained && (vector[index] ?? 0) > 0.3 ? [say] : [],
    );
    return { explanation: explanation?.text, links };
  }

  status(): RiskStatus {
    return {
      model: this.#model.id,
      challenger: this.#challenger?.model.id,
      shadow: { ...this.#shadow },
      assessed: this.#assessed,
      observed: this.#observed,
      failed: this.#failed,
      actions: { ...this.#actions },
      sizes: { ...this.features.sizes, staff: this.context.sizes.staff, patientsKnown: this.context.sizes.patients },
    };
  }

  /** What the user's profile would be after the entries of the batch that were judged so far. */
  #within(batch: object, user: string): UserProfile {
    let profile = this.#batches.get(batch);
    if (profile === undefined) {
      profile = this.features.user(user)?.clone() ?? new UserProfile();
      this.#batches.set(batch, profile);
    }
    return profile;
  }

  #judge(event: AccessEvent, call: Call, look: Look, time: number): Assessment {
    const hits = ruleHits(look, this.#policy);
    const rules = ruleScore(hits);
    let value = this.#scorer.score(look.vector, rules);
    if (this.#mix !== undefined) value = between(value, this.#mix.score(look.vector, rules));
    if (!Number.isFinite(value)) throw new RiskFailure('the model gave no number');
    // Harvesting is judged by what is counted, so that a model which never saw the like cannot talk it down.
    const harvest = enumeration(look, this.#policy);
    // What is documented stays ordinary, whatever else its reader does.
    if (harvest.level >= 0.5 && !look.documented) value = Math.max(value, Math.min(0.99, 0.5 + harvest.level * 0.45));
    const threat = this.#threat?.(event, time) ?? 0;
    if (threat > 0) value = raise(value, threat * this.#policy.threat.weight);
    const score = riskScore(value);
    if (score === undefined) throw new RiskFailure('the score is not a number in [0,1]');
    const ladder = this.#policy.ladder ?? this.#model.ladder;
    const action = decide(score, look, call, ladder, this.#policy);
    this.#compare(look, rules, call, score, action);
    const reasons = this.#reasons(look, hits, rules, threat, score >= ladder.notice || action !== 'allow');
    return { score, action, reasons, explained: look.explained, model: this.#model.id };
  }

  #compare(look: Look, rules: number, call: Call, score: number, action: string): void {
    if (this.#challenger === undefined) return;
    const other = this.#challenger.scorer.score(look.vector, rules);
    const ladder = this.#policy.ladder ?? this.#challenger.model.ladder;
    const otherAction = Number.isFinite(other) ? decide(other, look, call, ladder, this.#policy) : 'failed';
    this.#shadow.calls++;
    if (otherAction === action) this.#shadow.agreed++;
    else if (other > score) this.#shadow.stricter++;
    else this.#shadow.milder++;
  }

  #reasons(look: Look, hits: readonly RuleHit[], rules: number, threat: number, alert: boolean): RiskReason[] {
    const reasons: RiskReason[] = [];
    if (alert) {
      for (const hit of hits) reasons.push({ feature: `rule:${hit.rule}`, text: hit.text, weight: hit.severity });
      reasons.push(...this.#scorer.reasons(look.vector, rules, 4));
      reasons.sort((a, b) => b.weight - a.weight);
      reasons.splice(6);
    }
    if (threat > 0)
      reasons.push({
        feature: 'threat-feed',
        text: 'The address or the program of the caller is on a threat feed.',
        weight: threat,
      });
    if (look.explanation !== undefined)
      reasons.push({ feature: `explained:${look.explanation.code}`, text: look.explanation.text, weight: 0 });
    return reasons;
  }
}

export const createRiskEngine = (options: RiskEngineOptions): ConsentryRiskEngine => new ConsentryRiskEngine(options);

const raise = (p: number, points: number): number => {
  const odds = (p / Math.max(1e-9, 1 - p)) * Math.exp(points);
  return odds / (1 + odds);
};

const logit = (p: number): number => Math.log(Math.max(1e-9, p) / Math.max(1e-9, 1 - p));

/** The mean of two scores on the scale of log-odds. */
export const between = (a: number, b: number): number => sigmoid((logit(a) + logit(b)) / 2);

const read = (event: AccessEvent, now: number): { readonly call: Call; readonly time: number } => {
  if (typeof event !== 'object' || event === null || Array.isArray(event))
    throw new RiskFailure('the event is not an object');
  const time = timeOf(event.t) ?? now;
  if (!Number.isFinite(time)) throw new RiskFailure('the event has no time');
  return { call: callOf(event), time };
};

/** What a neutral model is made of, for tests and for a first training: every head says "ordinary". */
export const emptyParts = {
  net: {
    sizes: [FEATURES, 1],
    weights: [new Float32Array(FEATURES)],
    biases: [new Float32Array(1)],
  },
  logistic: { weights: new Float64Array(FEATURES), bias: 0 },
  forest: {
    roots: Int32Array.of(0),
    feature: Int16Array.of(-1),
    split: Float32Array.of(1),
    left: Int32Array.of(0),
    sample: 2,
  },
  combine: { weights: Array.from({ length: HEADS }, (_, head) => (head >= HEADS - 2 ? 1 : 0)), bias: -5 },
  ladder: { notice: 0.4, stepUp: 0.6, block: 0.9 },
} as const;
