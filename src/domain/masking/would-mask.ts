import type { ResourceType } from '../fhir/interaction.ts';
import { resourceTypes } from '../fhir/schema.ts';
import type { CompiledPlan } from './compile.ts';
import type { MethodName } from './method.ts';

/** What one rule of a plan does to resources of a type, as it is written: no record is needed to say so. */
export interface MaskingRuleTold {
  readonly rule: string;
  readonly method: MethodName;
  /** Elements of the type, or of datatypes wherever they stand. */
  readonly paths: readonly string[];
  readonly because?: string;
}

export interface MaskingTold {
  readonly plan: string;
  /** Nothing is masked. */
  readonly transparent: boolean;
  /** What the strictest of the policies does with elements that no rule names: passed, or judged by datatype. */
  readonly unnamed: 'keep' | 'safe';
  readonly rules: readonly MaskingRuleTold[];
}

/** The rules of a plan for one type; without a type, of every type. */
export function maskingTold(plan: CompiledPlan, type?: ResourceType): MaskingTold {
  const { layers } = plan.automaton;
  const concerns = (root: string): boolean => type === undefined || root === type || !resourceTypes.has(root);
  const rules = layers
    .flatMap((layer) => layer.rules)
    .flatMap(({ id, method, targets, types, because }): MaskingRuleTold[] => {
      if (method === 'keep' || (type !== undefined && types?.has(type) === false)) return [];
      const paths = targets.filter(({ root }) => concerns(root)).map(({ text }) => text);
      return paths.length === 0 ? [] : [{ rule: id, method, paths, ...(because === undefined ? {} : { because }) }];
    });
  const unnamed = layers.some(({ defaults }) => defaults.unnamed === 'safe') ? 'safe' : 'keep';
  return { plan: plan.id, transparent: plan.transparent, unnamed, rules };
}
