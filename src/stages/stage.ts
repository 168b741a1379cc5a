import type { PatientId } from '../domain/fhir/interaction.ts';
import type { Instant } from '../domain/instant.ts';
import { type Problem, type ProblemCode, problem } from '../domain/problem.ts';
import type { Reason } from '../domain/reason.ts';
import type { Telemetry } from '../ports.ts';

export type StageName =
  | 'classify'
  | 'authenticate'
  | 'admit'
  | 'authorise'
  | 'resolve'
  | 'locate'
  | 'consent'
  | 'assess'
  | 'plan'
  | 'record'
  | 'forward'
  | 'release';

/** A denial is a value with reasons; only programmer errors are thrown. */
export type Verdict<Out> =
  | { readonly kind: 'continue'; readonly value: Out; readonly reasons: readonly Reason[] }
  | Denial;

export interface Denial {
  readonly kind: 'deny';
  readonly problem: Problem;
  readonly reasons: readonly Reason[];
}

export const proceed = <Out>(value: Out, ...reasons: readonly Reason[]): Verdict<Out> => ({
  kind: 'continue',
  value,
  reasons,
});

export const deny = (refusal: Problem | ProblemCode, ...reasons: readonly Reason[]): Denial => ({
  kind: 'deny',
  problem: typeof refusal === 'string' ? problem(refusal) : refusal,
  reasons,
});

export interface StageContext {
  readonly requestId: string;
  /** One reading of the clock per request. */
  readonly now: Instant;
  /** Fires when the client has gone. */
  readonly signal: AbortSignal;
  readonly telemetry: Telemetry;
  /** Why each stage decided as it did, in order; becomes the ledger entry's story. */
  readonly story: { readonly stage: StageName; readonly rule: string; readonly text: string }[];
  /** Headers of the answer, whatever it will be. */
  readonly headers: Record<string, string>;
  /** Patients that the call named, refused or not; they may read of it. */
  readonly named: Set<PatientId>;
}

/** A stage gets all it needs as arguments and returns a verdict; it never writes a reply and never reads configuration. */
export interface Stage<In, Out extends In> {
  /** The same word in logs, metrics, ledger and docs. */
  readonly name: StageName;
  /** What a throw, a time-out or a nonsense value means: every stage fails closed. */
  readonly failure: ProblemCode;
  readonly budgetMs: number;
  run(input: In, context: StageContext): Verdict<Out> | Promise<Verdict<Out>>;
  /** What a failure means instead where policy lets such calls be served; `undefined`: the refusal stands. */
  recover?(input: In, context: StageContext): Verdict<Out> | undefined;
}

/**
 * Runs one stage: the only place that times it, bounds it and turns a throw, a time-out or nonsense into the stage's own
 * refusal. Synchronous stages stay synchronous: a promise per stage costs more than most stages do.
 */
export function runStage<In, Out extends In>(
  stage: Stage<In, Out>,
  input: In,
  context: StageContext,
): Verdict<Out> | Promise<Verdict<Out>> {
  const begun = performance.now();
  let verdict: Verdict<Out> | Promise<Verdict<Out>>;
  try {
    verdict = stage.run(input, context);
  } catch (error) {
    return settled(stage, failed(stage, error, input, context), input, context, begun);
  }
  if (!(verdict instanceof Promise)) return settled(stage, verdict, input, context, begun);
  return bounded(stage, verdict, input, context, begun);
}

async function bounded<In, Out extends In>(
  stage: Stage<In, Out>,
  pending: Promise<Verdict<Out>>,
  input: In,
  context: StageContext,
  begun: number,
): Promise<Verdict<Out>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Verdict<Out>>((resolve) => {
    timer = setTimeout(() => resolve(failed(stage, new StageTimeout(), input, context)), stage.budgetMs);
  });
  try {
    return settled(stage, await Promise.race([pending, late]), input, context, begun);
  } catch (error) {
    return settled(stage, failed(stage, error, input, context), input, context, begun);
  } finally {
    clearTimeout(timer);
  }
}

class StageTimeout extends Error {
  override readonly name = 'StageTimeout';
}

function failed<In, Out extends In>(
  stage: Stage<In, Out>,
  error: unknown,
  input: In,
  context: StageContext,
): Verdict<Out> {
  const name = error instanceof Error ? error.name : typeof error;
  context.telemetry.failed(stage.name, name);
  try {
    const recovered = stage.recover?.(input, context);
    if (recovered !== undefined) return recovered;
  } catch (worse) {
    context.telemetry.failed(stage.name, worse instanceof Error ? worse.name : typeof worse);
  }
  return deny(stage.failure, {
    rule: `${stage.name}-failed`,
    text: `The stage ${stage.name} failed (${name}) and refuses.`,
  });
}

function settled<In, Out extends In>(
  stage: Stage<In, Out>,
  verdict: Verdict<Out>,
  input: In,
  context: StageContext,
  begun: number,
): Verdict<Out> {
  const sane = isVerdict(verdict) ? verdict : failed<In, Out>(stage, new TypeError(), input, context);
  for (const reason of sane.reasons) context.story.push({ stage: stage.name, rule: reason.rule, text: reason.text });
  context.telemetry.stage(stage.name, sane.kind === 'deny' ? sane.problem.code : 'continue', performance.now() - begun);
  return sane;
}

/** Types vanish at run time; a stage that returns nonsense must refuse, not fall through. */
function isVerdict(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, value: inner, problem: refusal, reasons } = value as Record<string, unknown>;
  if (!Array.isArray(reasons)) return false;
  return kind === 'continue'
    ? typeof inner === 'object' && inner !== null
    : kind === 'deny' && typeof refusal === 'object' && refusal !== null;
}

/** Stages in order; leaving one out does not compile, because the next one wants what it adds. */
export interface Pipeline<In, Out extends In> {
  step<Next extends Out>(stage: Stage<Out, Next>): Pipeline<In, Next>;
  run(input: In, context: StageContext): Verdict<Out> | Promise<Verdict<Out>>;
}

type AnyStage = Stage<object, object>;

export function pipeline<In extends object, Out extends In>(first: Stage<In, Out>): Pipeline<In, Out> {
  return chain<In, Out>([first as unknown as AnyStage]);
}

function chain<In extends object, Out extends In>(stages: readonly AnyStage[]): Pipeline<In, Out> {
  const from = (index: number, input: object, context: StageContext): Verdict<object> | Promise<Verdict<object>> => {
    let value = input;
    for (let i = index; i < stages.length; i++) {
      const verdict = runStage(stages[i] as AnyStage, value, context);
      if (verdict instanceof Promise) {
        return verdict.then((settledVerdict) =>
          settledVerdict.kind === 'deny' ? settledVerdict : from(i + 1, settledVerdict.value, context),
        );
      }
      if (verdict.kind === 'deny') return verdict;
      value = verdict.value;
    }
    return proceed(value);
  };
  return {
    step: (stage) => chain([...stages, stage as unknown as AnyStage]),
    run: (input, context) => from(0, input, context) as Verdict<Out> | Promise<Verdict<Out>>,
  };
}
