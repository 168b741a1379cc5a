import type { CompiledPlan } from '../masking/compile.ts';
import { coveredTypes, type Effect, effectsOf } from '../masking/effects.ts';
import { strictness } from '../masking/method.ts';
import type { PolicySet } from './policy-set.ts';

/** One change in what somebody sees, as a sentence. */
export interface PolicyChange {
  /** `widens`: somebody sees more than before. What cannot be told to be narrower counts as wider. */
  readonly kind: 'widens' | 'narrows';
  readonly role: string;
  readonly purpose: string;
  readonly path: string;
  readonly text: string;
}

interface View {
  readonly role: string;
  readonly purpose: string;
  readonly client?: string;
  readonly organisation?: string;
}

const viewsOf = (set: PolicySet): readonly View[] =>
  set.documents
    .filter((document) => !document.overlay)
    .flatMap((document) =>
      document.roles.flatMap((role) =>
        document.purposes.flatMap((purpose) =>
          (document.clients ?? [undefined]).flatMap((client) =>
            (document.organisations ?? [undefined]).map((organisation) => ({
              role,
              purpose,
              ...(client === undefined ? {} : { client }),
              ...(organisation === undefined ? {} : { organisation }),
            })),
          ),
        ),
      ),
    );

const planOf = (set: PolicySet, view: View): CompiledPlan | undefined => set.planFor({ ...view, roles: [view.role] });

const fingerprint = (plan: CompiledPlan | undefined): string =>
  JSON.stringify(plan?.automaton.layers, (_, value) => (value instanceof Set ? [...value] : value)) ?? '';

const spoken = (effect: Effect): string =>
  effect.mildest === effect.strictest ? effect.strictest : `${effect.mildest} or ${effect.strictest}`;

const isNarrower = (before: Effect, after: Effect): boolean =>
  strictness(after.mildest) >= strictness(before.mildest) &&
  strictness(after.strictest) >= strictness(before.strictest) &&
  (after.mildest !== before.mildest || after.strictest !== before.strictest);

/** What a role sees more or less of with the new set than with the old, in sentences an officer can approve. */
export const diffPolicies = (before: PolicySet, after: PolicySet): readonly PolicyChange[] => {
  const views = new Map<string, View>();
  for (const view of [...viewsOf(before), ...viewsOf(after)]) views.set(JSON.stringify(view), view);
  const changes: PolicyChange[] = [];
  for (const view of views.values()) {
    const [old, fresh] = [planOf(before, view), planOf(after, view)];
    // Line numbers are part of no promise.
    if (fingerprint(old).replace(/"line":\d+/g, '') === fingerprint(fresh).replace(/"line":\d+/g, '')) continue;
    changes.push(...planChanges(view, old, fresh));
  }
  return joined([...changes, ...overlayChanges(before, after)]);
};

const name = (view: View): string =>
  `${view.role.charAt(0).toUpperCase()}${view.role.slice(1)} (${view.purpose}${
    view.client === undefined ? '' : `, client ${view.client}`
  }${view.organisation === undefined ? '' : `, ${view.organisation}`})`;

/** What becomes of one element of a type that two plans cover. */
export interface ElementChange {
  readonly kind: PolicyChange['kind'];
  readonly path: string;
  readonly verb: 'gains' | 'sees more of' | 'loses' | 'sees less of';
  /** `redact becomes keep`. */
  readonly how: string;
}

export const elementChanges = (old: CompiledPlan, fresh: CompiledPlan, type: string): readonly ElementChange[] => {
  const was = new Map(effectsOf(old, type).map((effect) => [effect.path, effect]));
  const is = new Map(effectsOf(fresh, type).map((effect) => [effect.path, effect]));
  const changes: ElementChange[] = [];
  for (const path of new Set([...was.keys(), ...is.keys()])) {
    const [a, b] = [was.get(path), is.get(path)];
    if (a?.detail === b?.detail) continue;
    // An element without an entry of its own goes with the one above it, which is told of already.
    if (a === undefined || b === undefined) {
      const outer = above(a === undefined ? was : is, path);
      if (outer === undefined) continue;
      if (a === undefined && b !== undefined && strictness(b.mildest) < strictness(outer.strictest))
        changes.push(gain(path, outer, b));
      if (b === undefined && a !== undefined && strictness(a.mildest) < strictness(outer.strictest))
        changes.push({ kind: 'narrows', path, verb: 'loses', how: `${spoken(a)} becomes ${spoken(outer)}` });
    } else if (isNarrower(a, b)) {
      const gone = b.mildest === 'remove' || b.mildest === 'redact' || b.mildest === 'hide';
      changes.push({
        kind: 'narrows',
        path,
        verb: gone ? 'loses' : 'sees less of',
        how: `${spoken(a)} becomes ${spoken(b)}`,
      });
    } else changes.push(gain(path, a, b));
  }
  return changes;
};

const gain = (path: string, a: Effect, b: Effect): ElementChange => ({
  kind: 'widens',
  path,
  verb: b.mildest === 'keep' ? 'gains' : 'sees more of',
  how: spoken(a) === spoken(b) ? `${spoken(b)} with other options` : `${spoken(a)} becomes ${spoken(b)}`,
});

const planChanges = (
  view: View,
  old: CompiledPlan | undefined,
  fresh: CompiledPlan | undefined,
): readonly PolicyChange[] => {
  const change = (kind: PolicyChange['kind'], path: string, text: string): PolicyChange => ({
    kind,
    role: view.role,
    purpose: view.purpose,
    path,
    text,
  });
  if (old === undefined && fresh === undefined) return [];
  if (old === undefined) return [change('widens', '*', `${name(view)} gains access.`)];
  if (fresh === undefined) return [change('narrows', '*', `${name(view)} loses all access.`)];
  const changes: PolicyChange[] = [];
  const [oldTypes, newTypes] = [new Set(coveredTypes(old)), new Set(coveredTypes(fresh))];
  for (const type of newTypes) {
    if (!oldTypes.has(type)) changes.push(change('widens', type, `${name(view)} gains ${type}.`));
  }
  for (const type of oldTypes) {
    if (!newTypes.has(type)) {
      changes.push(change('narrows', type, `${name(view)} loses ${type}.`));
      continue;
    }
    for (const { kind, path, verb, how } of atNearest(elementChanges(old, fresh, type), old, fresh, type))
      changes.push(change(kind, path, `${name(view)} ${verb} ${path}: ${how}.`));
  }
  const projects = old.project !== fresh.project;
  if (projects) changes.push(change('widens', '*', `${name(view)} gets the pseudonyms of another project.`));
  return changes;
};

/** Where everything below an element becomes the same, and what changes there changes alike, the element is told once. */
const atNearest = (
  changes: readonly ElementChange[],
  old: CompiledPlan,
  fresh: CompiledPlan,
  type: string,
): readonly ElementChange[] => {
  const is = new Map(effectsOf(fresh, type).map((effect) => [effect.path, effect]));
  const paths = new Set([...effectsOf(old, type).map(({ path }) => path), ...is.keys()]);
  const becomes = (path: string): string => {
    const effect = is.get(path) ?? above(is, path);
    return effect === undefined ? '' : spoken(effect);
  };
  const told = new Map(changes.map((change) => [change.path, change]));
  const outer = new Set(
    changes.flatMap(({ path }) => {
      const names = path.split('.');
      // The type as a whole is no element.
      return names.slice(2).map((_, at) => names.slice(0, at + 2).join('.'));
    }),
  );
  for (const parent of [...outer].sort((a, b) => b.split('.').length - a.split('.').length)) {
    const own = [...told.values()].filter(({ path }) => path === parent || path.startsWith(`${parent}.`));
    const [first] = own;
    if (first === undefined || own.length < 2) continue;
    const alike = own.every(({ kind, verb, how }) => kind === first.kind && verb === first.verb && how === first.how);
    const below = [...paths].filter((path) => path.startsWith(`${parent}.`));
    if (!alike || below.some((path) => becomes(path) !== becomes(first.path))) continue;
    for (const { path } of own) told.delete(path);
    told.set(parent, { ...first, path: parent });
  }
  return [...told.values()];
};

const above = (effects: ReadonlyMap<string, Effect>, path: string): Effect | undefined => {
  for (let cut = path.lastIndexOf('.'); cut > 0; cut = path.lastIndexOf('.', cut - 1)) {
    const effect = effects.get(path.slice(0, cut));
    if (effect !== undefined) return effect;
  }
  return undefined;
};

const overlayChanges = (before: PolicySet, after: PolicySet): readonly PolicyChange[] => {
  const layers = (set: PolicySet): Map<string, string> =>
    new Map(
      set.documents
        .filter((document) => document.overlay)
        .map((document) => {
          const layer = set.layerOf(document.policy, { roles: [], purpose: '' });
          const json = JSON.stringify(layer, (_, value) => (value instanceof Set ? [...value] : value)) ?? '';
          return [document.policy, json.replace(/"line":\d+,?/g, '')];
        }),
    );
  const [old, fresh] = [layers(before), layers(after)];
  const change = (kind: PolicyChange['kind'], policy: string, text: string): PolicyChange => ({
    kind,
    role: '*',
    purpose: '*',
    path: policy,
    text,
  });
  return [
    ...[...old.keys()]
      .filter((policy) => !fresh.has(policy))
      .map((policy) => change('widens', policy, `The overlay ${policy} is gone.`)),
    ...[...fresh].flatMap(([policy, layer]) => {
      if (!old.has(policy)) return [change('narrows', policy, `The overlay ${policy} is new.`)];
      return old.get(policy) === layer ? [] : [change('widens', policy, `The overlay ${policy} has changed.`)];
    }),
  ];
};

/** The same change for many types is one sentence: `... of *.meta.source (148 types)`. */
const joined = (changes: readonly PolicyChange[]): readonly PolicyChange[] => {
  const groups = new Map<string, PolicyChange[]>();
  for (const change of changes) {
    const type = change.path.split('.')[0] ?? '';
    const key = JSON.stringify([change.kind, change.role, change.purpose, change.text.replaceAll(`${type}.`, '*.')]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [change]);
    else group.push(change);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined || group.length < 4 || !first.path.includes('.')) return group;
    const type = first.path.split('.')[0] ?? '';
    const path = first.path.replace(type, '*');
    return [
      { ...first, path, text: `${first.text.replaceAll(`${type}.`, '*.').slice(0, -1)} (${group.length} types).` },
    ];
  });
};
