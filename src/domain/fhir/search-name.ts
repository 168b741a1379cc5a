import { resourceType } from './ids.ts';
import type { ResourceType } from './interaction.ts';
import type { ChainHop, ReverseHop } from './search.ts';
import { pointsTo, type SearchParameter, searchParameter, typesWith } from './search-parameters.ts';
import { takesModifier } from './search-value.ts';

/** What narrows a criterion beside its parameter: a mask may leave some systems or codes of an element open. */
export interface CriterionDetail {
  readonly modifier?: string;
  /** Of a token: the system of each of its values; empty when a value has none. */
  readonly systems?: readonly string[];
  /** The codes that the same search asks for in `code`. */
  readonly codes?: readonly string[];
}

/** One parameter of one type that a query reads, and in which role: each is judged by scope, role, consent and mask. */
export interface CriterionTarget {
  readonly type: ResourceType;
  readonly code: string;
  /** The caller's own parameter that reads it. */
  readonly name: string;
  readonly kind: 'filter' | 'sort' | 'include' | 'chain' | 'has';
  /**
   * No type was named, so the call reads the element of whatever it returns. Where the caller is given nothing of this
   * type, nothing is told by it either. In all other targets such a type is a reason to refuse.
   */
  readonly broad?: true;
  readonly detail?: CriterionDetail;
}

/** The targets of a code that the call reads wherever it is. */
export const broadTargets = (
  code: string,
  name: string,
  kind: CriterionTarget['kind'] = 'filter',
): readonly CriterionTarget[] => typesWith(code).map((type) => ({ type, code, name, kind, broad: true }));

/** A parameter name taken apart and looked up. */
export interface SearchName {
  readonly name: string;
  readonly code: string;
  readonly modifier?: string;
  readonly chain: readonly ChainHop[];
  readonly has: readonly ReverseHop[];
  /** Every parameter of every type that the name can reach. */
  readonly targets: readonly CriterionTarget[];
  /** Index of the first target with which the value is compared; the ones before it are steps on the way. */
  readonly leafFrom: number;
  /** The parameters that the value is compared with: more than one when the types leave several open. */
  readonly leaves: readonly SearchParameter[];
}

interface Hop {
  readonly has: readonly ReverseHop[];
  readonly code: string;
  readonly modifier?: string;
}

const MAX_HOPS = 6;

/** `_has:Type:reference:` any number of times, then `code` or `code:modifier`. */
const hopOf = (text: string): Hop | undefined => {
  const parts = text.split(':');
  const has: ReverseHop[] = [];
  let at = 0;
  while (parts[at] === '_has') {
    const type = resourceType(parts[at + 1] ?? '');
    const reference = parts[at + 2];
    if (type === undefined || reference === undefined) return undefined;
    has.push({ type, reference });
    at += 3;
  }
  const [code, modifier, ...more] = parts.slice(at);
  if (code === undefined || code === '' || more.length > 0) return undefined;
  return modifier === undefined ? { has, code } : { has, code, modifier };
};

/** The parameters that a code names on the types; on `undefined`, the whole system, those of every resource. */
interface Reached {
  readonly type: ResourceType | undefined;
  readonly parameter: SearchParameter;
}

const reach = (types: readonly (ResourceType | undefined)[], code: string): readonly Reached[] =>
  types.flatMap((type) => {
    const parameter = searchParameter(type, code);
    return parameter === undefined ? [] : [{ type, parameter }];
  });

/** The types one step further along references: the named one, or all that can be pointed to and know the next code. */
const follow = (
  from: readonly Reached[],
  named: string | undefined,
  next: Hop,
): readonly ResourceType[] | undefined => {
  if (from.some(({ parameter }) => parameter.kind !== 'reference')) return undefined;
  if (named !== undefined) {
    const type = resourceType(named);
    return type !== undefined && from.some(({ parameter }) => pointsTo(parameter, type)) ? [type] : undefined;
  }
  const open = from.some(({ parameter }) => parameter.targets.length === 0);
  const reverse = next.has[0];
  const candidates = open
    ? typesWith(reverse === undefined ? next.code : '_id')
    : [...new Set(from.flatMap(({ parameter }) => parameter.targets))];
  return reverse === undefined ? candidates.filter((type) => searchParameter(type, next.code)) : candidates;
};

/** Steps back through `_has`: who points here with that reference. */
const reverse = (
  types: readonly (ResourceType | undefined)[],
  has: readonly ReverseHop[],
  name: string,
  targets: CriterionTarget[],
): readonly (ResourceType | undefined)[] | undefined => {
  let here = types;
  for (const { type, reference } of has) {
    const parameter = searchParameter(type, reference);
    if (parameter === undefined || parameter.kind !== 'reference') return undefined;
    if (!here.some((each) => each === undefined || pointsTo(parameter, each))) return undefined;
    targets.push({ type, code: reference, name, kind: 'has' });
    here = [type];
  }
  return here;
};

/** Undefined: the name is not one that R4 gives these types, so that nobody can say what the upstream would do. */
export const resolveName = (types: readonly (ResourceType | undefined)[], name: string): SearchName | undefined => {
  const hops: Hop[] = [];
  for (const text of name.split('.')) {
    const hop = hopOf(text);
    if (hop === undefined) return undefined;
    hops.push(hop);
  }
  if (hops.reduce((sum, hop) => sum + 1 + hop.has.length, 0) > MAX_HOPS) return undefined;
  const targets: CriterionTarget[] = [];
  const chain: ChainHop[] = [];
  let here: readonly (ResourceType | undefined)[] = types;
  let leaves: readonly Reached[] = [];
  let leafFrom = 0;
  for (const [at, hop] of hops.entries()) {
    const turned = reverse(here, hop.has, name, targets);
    if (turned === undefined) return undefined;
    here = turned;
    leaves = reach(here, hop.code);
    // Of several searched types each must know the parameter: a server may ignore it on the one that does not.
    if (leaves.length === 0 || (at === 0 && leaves.length < here.length)) return undefined;
    const next = hops[at + 1];
    const kind = at > 0 || next !== undefined ? 'chain' : hop.has.length > 0 ? 'has' : 'filter';
    leafFrom = targets.length;
    for (const { type } of leaves) {
      if (type === undefined) targets.push(...broadTargets(hop.code, name));
      else targets.push({ type, code: hop.code, name, kind });
    }
    if (next === undefined) {
      const { modifier } = hop;
      if (modifier !== undefined && !leaves.every(({ parameter }) => takesModifier(parameter, modifier)))
        return undefined;
      continue;
    }
    const further = follow(leaves, hop.modifier, next);
    if (further === undefined) return undefined;
    here = further;
    const named = hop.modifier === undefined ? undefined : resourceType(hop.modifier);
    chain.push({
      code: next.code,
      ...(named !== undefined && { type: named }),
      ...(next.modifier !== undefined && hops[at + 2] === undefined && { modifier: next.modifier }),
      ...(next.has.length > 0 && { has: next.has }),
    });
  }
  const first = hops[0];
  if (first === undefined) return undefined;
  const { code, modifier, has } = first;
  return {
    name,
    code,
    ...(modifier !== undefined && hops.length === 1 && { modifier }),
    chain,
    has,
    targets,
    leafFrom,
    leaves: leaves.map(({ parameter }) => parameter),
  };
};

/** Of all that is remembered: a name that can reach every type weighs as much as a hundred plain ones. */
const MAX_TARGETS = 50_000;
const cache = new Map<string, Map<string, SearchName>>();
let remembered = 0;

/** `resolveName` for one type, remembered: names repeat, and only ones that resolve are kept. */
export const searchName = (types: readonly (ResourceType | undefined)[], name: string): SearchName | undefined => {
  const searched = types.length === 1 ? (types[0] ?? '') : types.join(',');
  const known = cache.get(searched)?.get(name);
  if (known !== undefined) return known;
  const found = resolveName(types, name);
  if (found === undefined) return undefined;
  remembered += found.targets.length + 1;
  if (remembered > MAX_TARGETS) {
    cache.clear();
    remembered = found.targets.length + 1;
  }
  const names = cache.get(searched);
  if (names === undefined) cache.set(searched, new Map([[name, found]]));
  else names.set(name, found);
  return found;
};
