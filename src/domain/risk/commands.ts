/** What the commands of `consentry risk` are asked for and answer, for the command line and for what does the work. */
export type Progress = (phase: string, done: number, of: number) => void;

export interface SimulateCommand {
  readonly seed: number;
  readonly users: number;
  readonly patients: number;
  readonly days: number;
  readonly world: number;
  readonly misuse: number;
  readonly start: string;
  readonly out: string;
  readonly gzip: boolean;
}

export interface EvaluateCommand {
  readonly events: string;
  readonly context?: string;
  readonly trainUntil: string;
  readonly trainLabels?: string;
  readonly labels?: string;
  readonly out: string;
  readonly model?: string;
  readonly policy?: string;
  readonly seed: number;
}

export interface TrainCommand {
  readonly events: string;
  readonly context?: string;
  readonly labels?: string;
  readonly reviews?: string;
  readonly out: string;
  readonly model?: string;
  readonly policy?: string;
  readonly seed: number;
}

export interface ExplainCommand {
  readonly events: string;
  readonly context?: string;
  readonly line: number;
  readonly model?: string;
  readonly policy?: string;
}

export interface StatusCommand {
  readonly store: string;
  readonly model?: string;
  readonly policy?: string;
}

/** A change of the models in use, by a person with their key. */
export interface StoreCommand {
  readonly store: string;
  readonly policy?: string;
  readonly by: string;
  readonly key: string;
}

export interface ModelCommand extends StoreCommand {
  readonly model: string;
}

/** Ordinary user-days above the threshold. */
interface Alerted {
  readonly name: string;
  readonly alerted: number;
  readonly of: number;
}

/** Figures of one evaluation, ready to print. */
export interface EvaluationReport {
  readonly summary: Readonly<Record<string, string | number | boolean>>;
  /** Only with labels. */
  readonly figures?: Readonly<Record<string, number>>;
  readonly scenarios?: readonly { readonly name: string; readonly found: number; readonly of: number }[];
  readonly roles?: readonly Alerted[];
  /** Ordinary user-days by the hours in which they began: fairness towards those who work at night. */
  readonly shifts?: readonly Alerted[];
}

export interface PromotionResult {
  readonly state: 'promoted' | 'waiting';
  readonly model: string;
  readonly approvals: readonly string[];
  readonly text: string;
}

export interface RiskTools {
  simulate(options: SimulateCommand, progress: Progress): Promise<Readonly<Record<string, string | number>>>;
  evaluate(options: EvaluateCommand, progress: Progress): Promise<EvaluationReport>;
  train(options: TrainCommand, progress: Progress): Promise<Readonly<Record<string, string | number>>>;
  explain(options: ExplainCommand): Promise<Readonly<Record<string, unknown>>>;
  status(options: StatusCommand): Promise<Readonly<Record<string, unknown>>>;
  challenge(options: ModelCommand): Promise<PromotionResult>;
  promote(options: ModelCommand): Promise<PromotionResult>;
  rollback(options: StoreCommand): Promise<PromotionResult>;
}
