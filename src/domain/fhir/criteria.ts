import { resourceType } from './ids.ts';
import type { ConditionalReference, FhirInteraction, ResourceType } from './interaction.ts';
import type { SearchInclude, SearchQuery } from './search.ts';
import { type CriterionTarget, searchName } from './search-name.ts';
import { searchParameter, searchParametersOf } from './search-parameters.ts';

export type { CriterionTarget } from './search-name.ts';

type SearchedTypes = readonly (ResourceType | undefined)[];

const systemWide: SearchedTypes = [undefined];

/** The types a query ranges over; `undefined` among them is the whole system. */
export const searchedTypes = (type: ResourceType | undefined, query: SearchQuery): SearchedTypes => {
  if (type !== undefined) return [type];
  const named = query.criteria.find(({ name }) => name === '_type')?.values.map(resourceType) ?? [];
  return named.length === 0 ? systemWide : named;
};

/** The reference parameters that an include follows. */
export const includeCodes = ({ source, code }: SearchInclude): readonly string[] =>
  code !== '*'
    ? [code]
    : [...searchParametersOf(source)].filter(({ kind }) => kind === 'reference').map((parameter) => parameter.code);

/** The types that an include can bring back; empty is any. */
export const includedTypes = (include: SearchInclude): readonly ResourceType[] => {
  if (include.direction === 'revinclude') return [include.source];
  if (include.target !== undefined) return [include.target];
  const found = new Set<ResourceType>();
  for (const code of includeCodes(include)) {
    const targets = searchParameter(include.source, code)?.targets ?? [];
    if (targets.length === 0) return [];
    for (const type of targets) found.add(type);
  }
  return [...found];
};

/** Parameters of a call itself that read an element. `_since` asks when a resource changed. */
const ownReads: Readonly<Record<string, string>> = { _since: '_lastUpdated', _at: '_lastUpdated' };

/** Every parameter of every type that a query on these types touches. */
export const queryTargets = (types: SearchedTypes, query: SearchQuery): readonly CriterionTarget[] => {
  const targets: CriterionTarget[] = [];
  for (const { name } of query.criteria) {
    const own = Object.hasOwn(ownReads, name) ? ownReads[name] : undefined;
    if (own === undefined) targets.push(...(searchName(types, name)?.targets ?? []));
    else for (const type of types) if (type !== undefined) targets.push({ type, code: own, name, kind: 'filter' });
  }
  for (const include of query.includes)
    for (const code of includeCodes(include))
      targets.push({ type: include.source, code, name: `_${include.direction}`, kind: 'include' });
  for (const type of types) {
    if (type === undefined) continue;
    for (const { code } of query.sort) targets.push({ type, code, name: '_sort', kind: 'sort' });
  }
  return targets;
};

const none: readonly CriterionTarget[] = [];

const conditionTargets = (type: ResourceType, query: SearchQuery | undefined): readonly CriterionTarget[] =>
  query === undefined ? none : queryTargets([type], query);

const referenceTargets = (references: readonly ConditionalReference[] = []): readonly CriterionTarget[] =>
  references.flatMap(({ type, query }) => queryTargets([type], query));

/**
 * Every search parameter of every type that a call reads, so that each can be judged by scope, role, consent and mask.
 * `_elements` is not among them: it picks from an answer that is masked in any case. A batch gives those of all its entries.
 */
export const criteriaTargets = (i: FhirInteraction): readonly CriterionTarget[] => {
  switch (i.kind) {
    case 'search':
    case 'history':
      return queryTargets(searchedTypes(i.type, i.query), i.query);
    case 'read':
    case 'operation':
      return queryTargets(i.type === undefined ? [] : [i.type], i.query);
    case 'create':
      return [...conditionTargets(i.type, i.headers.ifNoneExist), ...referenceTargets(i.references)];
    case 'update':
    case 'patch':
      return [...conditionTargets(i.type, i.query), ...referenceTargets(i.references)];
    case 'delete':
      return conditionTargets(i.type, i.query);
    case 'batch':
    case 'transaction':
      return i.entries.flatMap((entry) => criteriaTargets(entry.interaction));
    default:
      return none;
  }
};
