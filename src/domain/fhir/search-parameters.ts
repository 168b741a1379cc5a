import { resourceTypes } from './generated/resource-types.ts';
import { type SearchParameterRow, searchParameterRows } from './generated/search-parameters.ts';
import type { ResourceType } from './interaction.ts';

export type SearchKind =
  | 'string'
  | 'token'
  | 'date'
  | 'uri'
  | 'reference'
  | 'quantity'
  | 'number'
  | 'composite'
  | 'special';

export interface SearchParameter {
  readonly code: string;
  readonly kind: SearchKind;
  /**
   * The JSON paths that the parameter reads. A choice element is named as in JSON (`valueQuantity`); `name[system=x]`
   * holds only where the sibling is so, `name>Patient` only where the reference is to that type; `*` is the whole
   * resource. Empty: it reads nothing of the resource itself (`_list`).
   */
  readonly paths: readonly string[];
  /** Of a reference: the types it can point to; empty is any. */
  readonly targets: readonly ResourceType[];
  /** Of a composite: the kinds of its parts. */
  readonly parts: readonly SearchKind[];
}

const words = (text: string): readonly string[] => (text === '' ? [] : text.split(' '));

const parameterOf = ([code, kind, paths, detail = '']: SearchParameterRow): SearchParameter => ({
  code,
  kind: kind as SearchKind,
  paths: words(paths),
  targets: kind === 'reference' && detail !== '*' ? (words(detail) as readonly ResourceType[]) : [],
  parts: kind === 'composite' ? (words(detail) as readonly SearchKind[]) : [],
});

/** What R4 says in prose only (search.html): no definition carries a path for these, and `_list` has no definition. */
const prose: readonly SearchParameterRow[] = [
  ['_text', 'string', 'text'],
  ['_content', 'string', '*'],
  ['_list', 'special', ''],
];

/** `_query` runs whatever the upstream named so: it cannot be judged. */
const refused: ReadonlySet<string> = new Set(['_query']);

const common: ReadonlyMap<string, SearchParameter> = new Map(
  [...(searchParameterRows.Resource ?? []), ...(searchParameterRows.DomainResource ?? []), ...prose]
    .filter(([code]) => !refused.has(code))
    .map((row) => [row[0], parameterOf(row)]),
);

const byType = new Map<string, ReadonlyMap<string, SearchParameter>>();
for (const type of resourceTypes) {
  const own = new Map(common);
  for (const row of searchParameterRows[type] ?? []) own.set(row[0], parameterOf(row));
  byType.set(type, own);
}

/** The parameter that a code names on a type; without a type, one that every resource has. */
export const searchParameter = (type: ResourceType | undefined, code: string): SearchParameter | undefined =>
  type === undefined ? common.get(code) : byType.get(type)?.get(code);

/** Every parameter of a type, those of all resources included. */
export const searchParametersOf = (type: ResourceType): Iterable<SearchParameter> => byType.get(type)?.values() ?? [];

/** The types on which a code is defined: what an untyped chain through an open reference can reach. */
export const typesWith = (code: string): readonly ResourceType[] =>
  (resourceTypes as readonly string[] as readonly ResourceType[]).filter(
    (type) => searchParameter(type, code) !== undefined,
  );

/** True when the reference parameter can point to the type. */
export const pointsTo = (parameter: SearchParameter, type: ResourceType): boolean =>
  parameter.kind === 'reference' && (parameter.targets.length === 0 || parameter.targets.includes(type));
