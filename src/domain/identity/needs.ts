import { includedTypes, searchedTypes } from '../fhir/criteria.ts';
import type { ConditionalReference, FhirInteraction, ResourceType } from '../fhir/interaction.ts';
import { defaultOperations, findOperation, type OperationTable } from '../fhir/operations.ts';
import type { SearchQuery } from '../fhir/search.ts';
import { searchName } from '../fhir/search-name.ts';
import type { ScopeLetter } from './scope.ts';

/** One right that a call needs. */
export interface Need {
  /** One of these types; `*` is every type. */
  readonly types: readonly (ResourceType | '*')[];
  /** One of these letters. */
  readonly letters: readonly ScopeLetter[];
  /**
   * What becomes of the resources. `returned`: each that comes back is held against granular scopes again. `sent`: the
   * body is. `stored`: the version at the upstream must be, and cannot be seen here. `inferred`: only its being there
   * is told, and nothing can be held against a filter afterwards.
   */
  readonly effect: 'returned' | 'sent' | 'stored' | 'inferred';
  /** Scopes on one patient do not do: the call makes the upstream gather the records of many. */
  readonly wholesale?: true;
}

const none: readonly Need[] = [];

const need = (type: ResourceType | '*' | undefined, letters: readonly ScopeLetter[], effect: Need['effect']): Need => ({
  types: [type ?? '*'],
  letters,
  effect,
});

/**
 * Types on which a chain or `_has` asks; of a chain the first step stands on the searched types themselves. A later step
 * may come back to a searched type, and then asks about resources that the search does not return.
 */
const reachedNeeds = (query: SearchQuery, searched: readonly (ResourceType | undefined)[]): readonly Need[] => {
  const reached = new Set<ResourceType>();
  for (const { name, chain, has } of query.criteria) {
    if (chain.length === 0 && has.length === 0) continue;
    const targets = searchName(searched, name)?.targets ?? [];
    for (const { type } of has.length === 0 ? targets.slice(searched.length) : targets) reached.add(type);
  }
  return reached.size === 0 ? none : [...reached].map((type) => need(type, ['s'], 'inferred'));
};

/** Every type that a query asks about beside the ones it searches. */
const queryNeeds = (type: ResourceType | undefined, query: SearchQuery): readonly Need[] => {
  if (query.criteria.length === 0 && query.includes.length === 0) return none;
  const searched = searchedTypes(type, query);
  const needs = [...reachedNeeds(query, searched)];
  if (query.criteria.some(({ code }) => code === '_list'))
    needs.push(need('List' as ResourceType, ['r', 's'], 'inferred'));
  for (const include of query.includes) {
    const types = includedTypes(include);
    needs.push({ types: types.length === 0 ? [] : types, letters: ['r', 's'], effect: 'returned' });
  }
  return needs;
};

/** What meets a condition is held against the scopes one by one, as what a search returns. */
const conditionNeeds = (type: ResourceType, query: SearchQuery | undefined): readonly Need[] =>
  query === undefined ? [] : searchNeeds(type, query);

const referenceNeeds = (references: readonly ConditionalReference[] = []): readonly Need[] =>
  references.flatMap(({ type, query }) => conditionNeeds(type, query));

const searchNeeds = (type: ResourceType | undefined, query: SearchQuery): readonly Need[] => [
  ...searchedTypes(type, query).map((each) => need(each, ['s'], 'returned')),
  ...queryNeeds(type, query),
];

const operationNeeds = (
  i: Extract<FhirInteraction, { readonly kind: 'operation' }>,
  operations: OperationTable,
): readonly Need[] | undefined => {
  const found = findOperation(operations, i.name, i.type, i.id !== undefined);
  if (found === undefined) return undefined;
  const types = i.query.criteria.find(({ name }) => name === '_type')?.values as readonly ResourceType[] | undefined;
  switch (found.rule.acts) {
    case 'read':
      return [need(i.type, ['r', 'c', 'u'], 'returned')];
    case 'search':
      return [need(i.type, i.id === undefined ? ['s'] : ['r'], 'returned'), ...queryNeeds(i.type, i.query)];
    case 'export':
      return (types ?? [undefined]).flatMap((type) => [
        { ...need(type, ['r'], 'returned'), wholesale: true },
        { ...need(type, ['s'], 'returned'), wholesale: true },
      ]);
    case 'none':
      return [need(i.type, ['r', 's'], 'returned')];
  }
};

/** Every right that a call needs; all must be had. Undefined: nobody can say, so nobody has them. */
export const needsOf = (
  i: FhirInteraction,
  operations: OperationTable = defaultOperations,
): readonly Need[] | undefined => {
  switch (i.kind) {
    case 'capabilities':
      return [];
    case 'read':
    case 'vread':
      return [need(i.type, ['r'], 'returned')];
    case 'history':
      return [need(i.type, i.id === undefined ? ['s'] : ['r'], 'returned'), ...queryNeeds(i.type, i.query)];
    case 'search':
      return searchNeeds(i.type, i.query);
    case 'create':
      return [
        need(i.type, ['c'], 'sent'),
        ...conditionNeeds(i.type, i.headers.ifNoneExist),
        ...referenceNeeds(i.references),
      ];
    case 'update':
      return [
        need(i.type, ['u'], 'sent'),
        need(i.type, ['u'], 'stored'),
        ...conditionNeeds(i.type, i.query),
        ...referenceNeeds(i.references),
      ];
    case 'patch':
      return [need(i.type, ['u'], 'stored'), ...conditionNeeds(i.type, i.query)];
    case 'delete':
      return [need(i.type, ['d'], 'stored'), ...conditionNeeds(i.type, i.query)];
    case 'batch':
    case 'transaction': {
      const needs: Need[] = [];
      for (const entry of i.entries) {
        const inner = needsOf(entry.interaction, operations);
        if (inner === undefined) return undefined;
        needs.push(...inner);
      }
      return needs;
    }
    case 'operation':
      return operationNeeds(i, operations);
    case 'graphql':
      return undefined;
  }
};
