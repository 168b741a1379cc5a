import type { Problem } from '../problem.ts';
import { resourceType } from './ids.ts';
import type { ResourceType } from './interaction.ts';
import { type Pair, refuseParameter } from './query-text.ts';
import type { SearchCriterion, SearchInclude, SearchQuery, SearchSort } from './search.ts';
import { searchName } from './search-name.ts';
import { pointsTo, searchParameter } from './search-parameters.ts';
import { fitsParameter, isInstant, splitAt, unescapeValue, wellEscaped } from './search-value.ts';

/** What a call takes beside search criteria. */
export interface Vocabulary {
  /** The types searched; `[undefined]` for the whole system; empty where no criterion is taken. */
  readonly types: readonly (ResourceType | undefined)[];
  /** `_count`, `_sort` and the like that are taken. */
  readonly results: ReadonlySet<string>;
  /** Parameters of the call itself by name: `_since` of a history, `start` of $everything. */
  readonly own?: Readonly<Record<string, OwnKind>>;
  /** Addresses of the gateway and its upstream: a reference below one of them goes on as a relative one. */
  readonly bases?: readonly string[];
}

export type OwnKind = 'instant' | 'types' | 'id' | 'text' | 'reference' | 'boolean' | 'integer' | 'ndjson';

/** What every search takes. */
export const searchResults: ReadonlySet<string> = new Set([
  '_include',
  '_revinclude',
  '_sort',
  '_elements',
  '_summary',
  '_count',
  '_total',
  '_contained',
  '_containedType',
]);

export const noResults: ReadonlySet<string> = new Set();

export const emptyQuery: SearchQuery = Object.freeze({
  criteria: Object.freeze([]),
  includes: Object.freeze([]),
  sort: Object.freeze([]),
});

const none: readonly string[] = [];

const MAX_ALTERNATIVES = 1000;

/** Apps ask for "all" with the largest integer; what a page really has at most is lowered later. */
const MOST_COUNT = 999_999;

/** Types of R4, each once. */
const areTypes = (names: readonly string[]): boolean =>
  new Set(names).size === names.length && names.every((each) => resourceType(each) !== undefined);

const ownFits = (kind: OwnKind, value: string): boolean => {
  switch (kind) {
    case 'instant':
      return isInstant.test(value);
    case 'types':
      return areTypes(value.split(','));
    case 'id':
      return /^[A-Za-z0-9\-.]{1,64}$/.test(value);
    case 'boolean':
      return value === 'true' || value === 'false';
    case 'integer':
      return /^\d{1,9}$/.test(value);
    case 'reference':
      return /^[A-Za-z]+\/[A-Za-z0-9\-.]{1,64}$/.test(value);
    case 'ndjson':
      // `+` typed raw into a URL arrives as a space.
      return /^(?:application\/(?:fhir[+ ])?)?ndjson$/.test(value);
    case 'text':
      return true;
  }
};

/** `2020-01-01T00:00:00+02:00` typed into a URL arrives with a space where the plus was; nothing else can be meant. */
const mendOffset = (value: string): string => value.replace(/(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?) (\d\d:\d\d)/g, '$1+$2');

/** What the caller was given as `https://gateway/fhir/Patient/1` the upstream knows as `Patient/1`. */
const relative = (value: string, bases: readonly string[]): string => {
  if (bases.length === 0 || !value.includes('://')) return value;
  return splitAt(value, ',')
    .map((each) => {
      const base = bases.find((url) => each.startsWith(`${url}/`));
      return base === undefined ? each : each.slice(base.length + 1);
    })
    .join(',');
};

const criterionOf = (vocabulary: Vocabulary, name: string, sent: string): SearchCriterion | undefined => {
  const { own } = vocabulary;
  const ownKind = own !== undefined && Object.hasOwn(own, name) ? own[name] : undefined;
  if (ownKind !== undefined) {
    const value = ownKind === 'instant' ? mendOffset(sent) : sent;
    if (!ownFits(ownKind, value)) return undefined;
    return { code: name, chain: [], has: [], values: ownKind === 'types' ? value.split(',') : [value], name, value };
  }
  if (vocabulary.types.length === 0) return undefined;
  const found = searchName(vocabulary.types, name);
  if (found === undefined) return undefined;
  const kind = found.leaves[0]?.kind;
  const dated = kind === 'date' || kind === 'composite';
  const value = dated ? mendOffset(sent) : kind === 'reference' ? relative(sent, vocabulary.bases ?? none) : sent;
  if (!wellEscaped(value)) return undefined;
  const alternatives = splitAt(value, ',');
  if (alternatives.length > MAX_ALTERNATIVES) return undefined;
  const modifier = found.chain.length > 0 ? found.chain.at(-1)?.modifier : found.modifier;
  for (const alternative of alternatives)
    for (const leaf of found.leaves) if (!fitsParameter(leaf, modifier, alternative)) return undefined;
  return {
    code: found.code,
    ...(found.modifier !== undefined && { modifier: found.modifier }),
    chain: found.chain,
    has: found.has,
    values: value.includes('\\') ? alternatives.map(unescapeValue) : alternatives,
    name,
    value,
  };
};

const includeOf = (vocabulary: Vocabulary, name: string, value: string): SearchInclude | undefined => {
  const [word = '', flag, ...rest] = name.split(':');
  if (rest.length > 0 || (flag !== undefined && flag !== 'iterate' && flag !== 'recurse')) return undefined;
  const direction = word === '_include' ? 'include' : 'revinclude';
  const base = { direction, iterate: flag !== undefined } as const;
  const only = vocabulary.types.length === 1 ? vocabulary.types[0] : undefined;
  if (value === '*')
    return direction === 'include' && only !== undefined ? { ...base, source: only, code: '*' } : undefined;
  const [first = '', code = '', last, ...more] = value.split(':');
  const source = resourceType(first);
  const target = last === undefined ? undefined : resourceType(last);
  if (source === undefined || more.length > 0 || (last !== undefined && target === undefined)) return undefined;
  if (code !== '*') {
    const parameter = searchParameter(source, code);
    if (parameter === undefined || parameter.kind !== 'reference') return undefined;
    if (target !== undefined && !pointsTo(parameter, target)) return undefined;
  }
  return target === undefined ? { ...base, source, code } : { ...base, source, code, target };
};

const sortOf = (vocabulary: Vocabulary, value: string): readonly SearchSort[] | undefined => {
  const keys = value.split(',').map((each) => {
    const descending = each.startsWith('-');
    return { code: descending ? each.slice(1) : each, descending };
  });
  const known = keys.every(({ code }) =>
    vocabulary.types.every((type) => {
      const parameter = searchParameter(type, code);
      return parameter !== undefined && parameter.kind !== 'special' && !parameter.paths.includes('*');
    }),
  );
  return known ? keys : undefined;
};

const oneOf = <Word extends string>(value: string, ...words: readonly Word[]): Word | undefined =>
  words.find((word) => word === value);

/** Grows while the pairs are read; handed out as `SearchQuery`. */
interface Draft {
  criteria: SearchCriterion[];
  includes: SearchInclude[];
  sort: readonly SearchSort[];
  elements?: readonly string[];
  summary?: NonNullable<SearchQuery['summary']>;
  count?: number;
  total?: NonNullable<SearchQuery['total']>;
  contained?: NonNullable<SearchQuery['contained']>;
  containedType?: NonNullable<SearchQuery['containedType']>;
}

const put = <Key extends keyof Draft>(draft: Draft, key: Key, value: Draft[Key] | undefined): boolean => {
  if (value === undefined) return false;
  draft[key] = value;
  return true;
};

/** Each result parameter that stands once; false when its value cannot be read. */
const single: Readonly<Record<string, (draft: Draft, value: string, vocabulary: Vocabulary) => boolean>> = {
  _sort: (draft, value, vocabulary) => put(draft, 'sort', sortOf(vocabulary, value)),
  _elements: (draft, value) =>
    put(
      draft,
      'elements',
      /^[A-Za-z][\w.]{0,99}(?:,[A-Za-z][\w.]{0,99}){0,99}$/.test(value) ? value.split(',') : undefined,
    ),
  _summary: (draft, value) => put(draft, 'summary', oneOf(value, 'true', 'text', 'data', 'count', 'false')),
  _count: (draft, value) =>
    put(draft, 'count', /^\d{1,10}$/.test(value) ? Math.min(Number(value), MOST_COUNT) : undefined),
  _total: (draft, value) => put(draft, 'total', oneOf(value, 'none', 'estimate', 'accurate')),
  _contained: (draft, value) => put(draft, 'contained', oneOf(value, 'true', 'false', 'both')),
  _containedType: (draft, value) => put(draft, 'containedType', oneOf(value, 'container', 'contained')),
};

/**
 * Reads a query whole or refuses it, naming the parameter. Nothing is skipped: a parameter that nobody here knows may be
 * one that narrows the search, or one that widens it.
 */
export const parseQuery = (pairs: readonly Pair[], vocabulary: Vocabulary): SearchQuery | Problem => {
  if (pairs.length === 0) return emptyQuery;
  const draft: Draft = { criteria: [], includes: [], sort: [] };
  const seen = new Set<string>();
  for (const [name, value] of pairs) {
    const colon = name.indexOf(':');
    const word = colon < 0 ? name : name.slice(0, colon);
    if (vocabulary.results.has(word)) {
      if (word === '_include' || word === '_revinclude') {
        const include = includeOf(vocabulary, name, value);
        if (include === undefined) return refuseParameter(name);
        draft.includes.push(include);
        continue;
      }
      if (seen.has(name) || single[name]?.(draft, value, vocabulary) !== true) return refuseParameter(name);
      seen.add(name);
      continue;
    }
    const criterion = criterionOf(vocabulary, name, value);
    if (criterion === undefined) return refuseParameter(name);
    if (vocabulary.own !== undefined && Object.hasOwn(vocabulary.own, name)) {
      if (seen.has(name)) return refuseParameter(name);
      seen.add(name);
    }
    draft.criteria.push(criterion);
  }
  return draft;
};

/** The pairs of a query in its normal form; `parseQuery` reads them back to the same query. */
export const queryPairs = (query: SearchQuery): readonly Pair[] => {
  const pairs: Pair[] = query.criteria.map(({ name, value }) => [name, value] as const);
  for (const { direction, iterate, source, code, target } of query.includes)
    pairs.push([
      `_${direction}${iterate ? ':iterate' : ''}`,
      `${source}:${code}${target === undefined ? '' : `:${target}`}`,
    ]);
  if (query.sort.length > 0)
    pairs.push(['_sort', query.sort.map(({ code, descending }) => `${descending ? '-' : ''}${code}`).join(',')]);
  if (query.elements !== undefined) pairs.push(['_elements', query.elements.join(',')]);
  if (query.summary !== undefined) pairs.push(['_summary', query.summary]);
  if (query.count !== undefined) pairs.push(['_count', String(query.count)]);
  if (query.total !== undefined) pairs.push(['_total', query.total]);
  if (query.contained !== undefined) pairs.push(['_contained', query.contained]);
  if (query.containedType !== undefined) pairs.push(['_containedType', query.containedType]);
  if (query.page !== undefined) pairs.push(['_page', query.page]);
  return pairs;
};
