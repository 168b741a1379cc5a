import { text } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { CompiledPlan } from './compile.ts';
import type { Masked, MaskingContext, MaskingPlan, Unmaskable } from './plan.ts';
import { markResource } from './walk.ts';

/** One element that was masked, and why. Never its value. */
export interface MaskedElement {
  /** `Patient.name[0].family`, as it stands in the source. */
  readonly path: string;
  readonly outcome: 'removed' | 'masked' | 'changed';
  readonly method: string;
  readonly rule: string;
  /** Of the rule; of a default, of the policy that sets it. */
  readonly file?: string;
  readonly line?: number;
  readonly because?: string;
}

/** The path of a node from the given root: names and positions on the way down. */
export const pathOf = (tape: Tape, root: number, node: number): string => {
  let path = tape.kind[root] === KIND.object ? typeName(tape, root) : '';
  let here = root;
  while (here !== node) {
    const past = tape.next[here] as number;
    const isObject = tape.kind[here] === KIND.object;
    let index = 0;
    let child = here + 1;
    while (child < past && (tape.next[child] as number) <= node) {
      child = tape.next[child] as number;
      index += 1;
    }
    if (child >= past) return path;
    path += isObject ? `.${text(tape, child)}` : `[${index}]`;
    if (child === node) return path;
    here = isObject ? child + 1 : child;
  }
  return path;
};

const typeName = (tape: Tape, object: number): string => {
  for (let key = object + 1; key < (tape.next[object] as number); key = tape.next[key] as number) {
    if (text(tape, key) === 'resourceType') return text(tape, key + 1);
  }
  return '';
};

const placeOf = (source: { readonly file: string; readonly line: number } | undefined) =>
  source === undefined ? {} : { file: source.file, line: source.line };

/** The masked bytes' recipe and an account of every element that the plan changed. */
export const explainMask = (
  tape: Tape,
  node: number,
  plan: MaskingPlan,
  context: MaskingContext,
): { readonly result: Masked | Unmaskable; readonly elements: readonly MaskedElement[] } => {
  const { result, marks } = markResource(tape, node, plan, context);
  const layers = plan instanceof CompiledPlan ? plan.automaton.layers : [];
  const byDefault = layers.find((layer) => layer.defaults.unnamed === 'safe') ?? layers[0];
  return {
    result,
    elements: marks.map(({ node: at, action, outcome }) => ({
      path: pathOf(tape, node, at),
      outcome,
      method: action.method,
      rule: action.rule,
      ...placeOf(action.source ?? byDefault),
      ...(action.source?.because === undefined ? {} : { because: action.source.because }),
    })),
  };
};
