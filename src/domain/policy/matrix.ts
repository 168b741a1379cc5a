import { resourceTypes } from '../fhir/schema.ts';
import type { CompiledPlan } from '../masking/compile.ts';
import { type MethodName, strictness } from '../masking/method.ts';
import type { Layer } from '../masking/rule.ts';
import { checkPath } from './check-path.ts';
import type { ElementClass } from './document.ts';
import type { ElementPath } from './path.ts';
import type { PolicySet } from './policy-set.ts';

/** What one role's policies say of one element class. */
export interface MatrixCell {
  readonly class: string;
  /** `none`: no resource that holds the class leaves for the role. Different ends: its elements are not all treated alike. */
  readonly mildest: MethodName | 'none';
  readonly strictest: MethodName | 'none';
  readonly rules: readonly { readonly id: string; readonly file: string; readonly line: number }[];
}

export interface MatrixRow {
  readonly role: string;
  readonly purpose: string;
  readonly plan: string;
  readonly cells: readonly MatrixCell[];
}

const bare = (path: ElementPath): string => [path.root, ...path.steps.map(({ name }) => name)].join('.');

/** A rule is about a path when it names it, what lies above it, or its datatype wherever that stands. */
const covers = (target: ElementPath, path: ElementPath): boolean => {
  if (target.text === path.text || bare(path) === target.text || bare(path).startsWith(`${target.text}.`)) return true;
  if (target.steps.length > 0) return false;
  return typesOf(path).includes(target.text);
};

const typesKnown = new WeakMap<ElementPath, readonly string[]>();
const typesOf = (path: ElementPath): readonly string[] => {
  const known = typesKnown.get(path);
  if (known !== undefined) return known;
  const found = checkPath(path);
  const types = 'offset' in found ? [] : found;
  typesKnown.set(path, types);
  return types;
};

const ruleFor = (layer: Layer, path: ElementPath) =>
  layer.rules
    .filter(
      (rule) => rule.targets.some((target) => covers(target, path)) && !rule.except.some((out) => covers(out, path)),
    )
    .sort((a, b) => strictness(b.method) - strictness(a.method))[0];

const cellOf = (plan: CompiledPlan, each: ElementClass): MatrixCell => {
  const methods: MethodName[] = [];
  const rules = new Map<string, MatrixCell['rules'][number]>();
  for (const path of each.paths) {
    if (resourceTypes.has(path.root) && !plan.automaton.covers(path.root)) continue;
    const said = plan.automaton.layers.map((layer) => {
      const rule = ruleFor(layer, path);
      const method: MethodName = rule?.method ?? (layer.defaults.unnamed === 'keep' ? 'keep' : 'by-type');
      return { rule, method };
    });
    const strict = said.sort((a, b) => strictness(b.method) - strictness(a.method))[0];
    if (strict === undefined) continue;
    methods.push(strict.method);
    const { rule } = strict;
    if (rule !== undefined) rules.set(rule.id, { id: rule.id, file: rule.file, line: rule.line });
  }
  methods.sort((a, b) => strictness(a) - strictness(b));
  return {
    class: each.name,
    mildest: methods[0] ?? 'none',
    strictest: methods.at(-1) ?? 'none',
    rules: [...rules.values()],
  };
};

/** Role by element class: what the rules as they are written do; a preview shows what comes of them in one resource. */
export const roleMatrix = (set: PolicySet): readonly MatrixRow[] =>
  set.roles.flatMap((role) => {
    const purposes = new Set(
      set.documents.filter((document) => document.roles.includes(role)).flatMap(({ purposes }) => purposes),
    );
    const rows = new Map<string, MatrixRow>();
    for (const purpose of purposes) {
      const plan = set.planFor({ roles: [role], purpose });
      if (plan === undefined || rows.has(plan.id)) continue;
      const cells = [...set.classes.values()].map((each) => cellOf(plan, each));
      rows.set(plan.id, { role, purpose, plan: plan.id, cells });
    }
    return [...rows.values()];
  });
