import { resourceTypes } from '../fhir/schema.ts';
import type { Edge, State, Variant } from './automaton.ts';
import type { CompiledPlan } from './compile.ts';
import { type MethodName, strictness } from './method.ts';

/** What a plan does to one element, over all outcomes of its conditions: the mildest and the strictest. */
export interface Effect {
  readonly path: string;
  readonly mildest: MethodName;
  readonly strictest: MethodName;
  readonly rules: readonly string[];
  /** Method and options, to see a change that keeps the method. */
  readonly detail: string;
}

const DEEPEST = 3;

/** Every element of a resource type with what becomes of it; extensions are told as one. */
export const effectsOf = (plan: CompiledPlan, type: string): readonly Effect[] => {
  const state = plan.automaton.resource(type);
  if (state === undefined) return [];
  const effects: Effect[] = [];
  const open: string[] = [];
  const visit = (variants: readonly Variant[], path: string): void => {
    const byName = new Map<string, Edge[]>();
    for (const variant of variants) {
      for (const edge of variant.edges.values) {
        const list = byName.get(edge.element.name);
        if (list === undefined) byName.set(edge.element.name, [edge]);
        else list.push(edge);
      }
    }
    for (const [name, edges] of byName) {
      const first = edges[0] as Edge;
      if (first.element.type === 'Resource' || (name === 'id' && path.includes('.'))) continue;
      visitEdges(edges, `${path}.${name}`, first);
    }
  };
  const visitEdges = (edges: readonly Edge[], path: string, first: Edge): void => {
    if (first.primitive) {
      effects.push(
        summary(
          path,
          edges.map((edge) => edge.action),
        ),
      );
      return;
    }
    const variants = edges.flatMap((edge) => variantsOf(edge.state));
    const actions = variants.map((variant) => variant.action);
    const inner = variants.filter((variant) => variant.action === undefined);
    if (actions.some((action) => action !== undefined) || first.element.type === 'Extension') {
      effects.push(summary(path, actions));
    }
    if (inner.length === 0 || first.element.type === 'Extension') return;
    if (open.includes(first.element.type) || open.length >= DEEPEST) return;
    open.push(first.element.type);
    visit(inner, path);
    open.pop();
  };
  visit(variantsOf(state), type);
  return effects;
};

const variantsOf = (state: State): readonly Variant[] => state.outcomes().map((outcome) => state.under(outcome));

const summary = (path: string, found: readonly (Variant['action'] | undefined)[]): Effect => {
  // Kept after a look at its form is kept.
  const actions = found.map((action) => (action?.method === 'keep' ? undefined : action));
  const methods = actions.map((action): MethodName => action?.method ?? 'keep');
  const sorted = [...methods].sort((a, b) => strictness(a) - strictness(b));
  const details = actions.map((action) => `${action?.method ?? 'keep'} ${JSON.stringify(action?.options ?? {})}`);
  return {
    path,
    mildest: sorted[0] ?? 'keep',
    strictest: sorted.at(-1) ?? 'keep',
    rules: [...new Set(actions.flatMap((action) => (action === undefined ? [] : [action.rule])))],
    detail: [...new Set(details)].sort().join('; '),
  };
};

export const coveredTypes = (plan: CompiledPlan): readonly string[] =>
  [...resourceTypes].filter((type) => plan.automaton.covers(type)).sort();
