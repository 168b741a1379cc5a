import type { ElementPath } from '../policy/path.ts';
import type { MethodName, MethodOptions } from './method.ts';

/** One rule of a policy, its element classes expanded. */
export interface MaskRule {
  readonly id: string;
  readonly file: string;
  readonly line: number;
  readonly because?: string;
  readonly method: MethodName;
  readonly options: MethodOptions;
  readonly targets: readonly ElementPath[];
  readonly except: readonly ElementPath[];
  /** Resource types it holds for; absent: all. */
  readonly types?: ReadonlySet<string>;
}

/** What a policy says about everything that no rule names. */
export interface Defaults {
  /** `safe`: judged by datatype. `keep`: passed. */
  readonly unnamed: 'keep' | 'safe';
  readonly extensions: 'keep' | 'remove';
  /** Elements that FHIR R4 does not have. */
  readonly unknown: 'keep' | 'remove';
}

/** The rules of one policy with all it extends. Several layers hold at once; the strictest of them wins. */
export interface Layer {
  readonly policy: string;
  /** Where the policy stands: what its defaults do is told by this place. */
  readonly file: string;
  readonly line: number;
  readonly rules: readonly MaskRule[];
  readonly defaults: Defaults;
  /** Undefined: every resource type of R4. */
  readonly resources: ReadonlySet<string> | undefined;
}
