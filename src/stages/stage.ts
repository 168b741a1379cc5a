import type { Instant } from '../domain/instant.ts';
import { type Problem, type ProblemCode, problem } from '../domain/problem.ts';
import type { Reason } from '../domain/reason.ts';

export const stageNames = [
  'classify',
  'authenticate',
  'authorise',
  'locate',
  'consent',
  'assess',
  'plan',
  'record',
  'forward',
  'release',
] as const;
export type StageName = (typeof stageNames)[number];

/** A denial is a value with reasons; only programmer errors are thrown. */
export type Verdict<Out> =
  | { readonly kind: 'continue'; readonly value: Out; readonly reasons: readonly Reason[] }
  | { readonly kind: 'deny'; readonly problem: Problem; readonly reasons: readonly Reason[] };

export const proceed = <Out>(value: Out, ...reasons: readonly Reason[]): Verdict<Out> => ({
  kind: 'continue',
  value,
  reasons,
});

export const deny = (refusal: Problem | ProblemCode, ...reasons: readonly Reason[]): Verdict<never> => ({
  kind: 'deny',
  problem: typeof refusal === 'string' ? problem(refusal) : refusal,
  reasons,
});

export interface StageContext {
  readonly requestId: string;
  /** One reading of the clock per request. */
  readonly now: Instant;
  /** Client gone or budget spent. */
  readonly signal: AbortSignal;
}

/** A stage gets all it needs as arguments and returns a verdict; it never writes a reply and never reads configuration. */
export interface Stage<In, Out extends In> {
  /** The same word in logs, metrics, ledger and docs. */
  readonly name: StageName;
  /** What a throw, a time-out or a nonsense value means. */
  readonly failure: ProblemCode;
  readonly budgetMs: number;
  run(input: In, context: StageContext): Verdict<Out> | Promise<Verdict<Out>>;
}
