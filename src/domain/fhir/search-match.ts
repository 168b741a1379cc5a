import { is, member, stringOf, text } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import type { ResourceType } from './interaction.ts';
import type { SearchCriterion, SearchQuery } from './search.ts';
import { dateRange, rangeFits } from './search-date.ts';
import { type SearchParameter, searchParameter } from './search-parameters.ts';
import { splitAt, tokenParts, unescapeValue } from './search-value.ts';

/**
 * Matches a resource against search criteria without a server, for granular scopes on what comes back. It knows what
 * scopes use (plain tokens, dates, references, URIs, strings); any other criterion matches nothing, so that what cannot
 * be judged is withheld.
 */
export const matchesQuery = (tape: Tape, node: number, type: ResourceType, query: SearchQuery): boolean =>
  query.criteria.length > 0 && query.criteria.every((criterion) => matchesCriterion(tape, node, type, criterion));

/** True when `matchesQuery` can judge the whole query: a scope that is never matched had better not be taken at all. */
export const isMatchable = (type: ResourceType | undefined, query: SearchQuery): boolean =>
  query.criteria.length > 0 && query.criteria.every((criterion) => parameterOf(type, criterion) !== undefined);

const matched: ReadonlySet<string> = new Set(['token', 'date', 'reference', 'uri', 'string']);

const parameterOf = (type: ResourceType | undefined, criterion: SearchCriterion): SearchParameter | undefined => {
  if (criterion.modifier !== undefined || criterion.chain.length > 0 || criterion.has.length > 0) return undefined;
  const parameter = searchParameter(type, criterion.code);
  if (parameter === undefined || !matched.has(parameter.kind)) return undefined;
  return parameter.paths.length > 0 && !parameter.paths.includes('*') ? parameter : undefined;
};

const matchesCriterion = (tape: Tape, node: number, type: ResourceType, criterion: SearchCriterion): boolean => {
  const parameter = parameterOf(type, criterion);
  if (parameter === undefined) return false;
  const alternatives = splitAt(criterion.value, ',');
  for (const path of parameter.paths)
    for (const value of valuesAt(tape, node, path))
      if (alternatives.some((alternative) => fits(tape, value, parameter, alternative))) return true;
  return false;
};

/** The nodes at a path of `SearchParameter.paths`, through every array on the way. */
export const valuesAt = (tape: Tape, node: number, path: string): readonly number[] => {
  let here: readonly number[] = [node];
  for (const [, name = '', key, value, target] of path.matchAll(
    /([A-Za-z]+)(?:\[(\w+)=([^\]]+)\])?(?:>(\w+))?(?:\.|$)/g,
  )) {
    const found: number[] = [];
    for (const from of here) {
      for (const each of elements(tape, member(tape, from, name))) {
        if (key !== undefined && stringOf(tape, member(tape, each, key)) !== value) continue;
        if (target !== undefined && !pointsAt(tape, each, target)) continue;
        found.push(each);
      }
    }
    here = found;
  }
  return here;
};

const elements = (tape: Tape, node: number): readonly number[] => {
  if (node < 0) return [];
  if (tape.kind[node] !== KIND.array) return [node];
  const found: number[] = [];
  const past = tape.next[node] as number;
  for (let each = node + 1; each < past; each = tape.next[each] as number) found.push(each);
  return found;
};

const pointsAt = (tape: Tape, node: number, type: string): boolean => {
  const reference = stringOf(tape, member(tape, node, 'reference'));
  return (
    reference !== undefined && new RegExp(`(?:^|/)${type}/[^/]+$`).test(reference.replace(/\/_history\/[^/]+$/, ''))
  );
};

const fits = (tape: Tape, node: number, parameter: SearchParameter, alternative: string): boolean => {
  switch (parameter.kind) {
    case 'token':
      return tokens(tape, node).some((token) => sameToken(token, alternative));
    case 'date':
      return rangeFits(dateOf(tape, node), alternative);
    case 'reference':
      return sameReference(tape, node, unescapeValue(alternative));
    case 'uri':
      return stringOf(tape, node) === unescapeValue(alternative);
    default:
      return stringOf(tape, node)?.toLowerCase().startsWith(unescapeValue(alternative).toLowerCase()) === true;
  }
};

interface Token {
  /** Undefined: the element has no place for a system, and which one is meant is in the definitions only. */
  readonly system: string | undefined;
  readonly code: string | undefined;
}

const tokens = (tape: Tape, node: number): readonly Token[] => {
  const kind = tape.kind[node];
  if (kind === KIND.true || kind === KIND.false) return [{ system: undefined, code: text(tape, node) }];
  if (kind === KIND.string) return [{ system: undefined, code: text(tape, node) }];
  if (kind !== KIND.object) return [];
  const codings = member(tape, node, 'coding');
  if (codings >= 0) return elements(tape, codings).flatMap((each) => tokens(tape, each));
  const code = member(tape, node, 'code');
  const system = stringOf(tape, member(tape, node, 'system'));
  return [{ system: system ?? '', code: stringOf(tape, code < 0 ? member(tape, node, 'value') : code) }];
};

const sameToken = ({ system, code }: Token, alternative: string): boolean => {
  const asked = tokenParts(alternative);
  if (asked.system !== undefined && asked.system !== system) return false;
  return asked.code === '' ? asked.system !== undefined && asked.system !== '' : asked.code === code;
};

const dateOf = (tape: Tape, node: number): { readonly from: number; readonly until: number } | undefined => {
  const moment = stringOf(tape, node);
  if (moment !== undefined) return dateRange(moment);
  if (tape.kind[node] !== KIND.object) return undefined;
  const start = stringOf(tape, member(tape, node, 'start'));
  const end = stringOf(tape, member(tape, node, 'end'));
  if (start === undefined && end === undefined) return undefined;
  const from = start === undefined ? Number.NEGATIVE_INFINITY : dateRange(start)?.from;
  const until = end === undefined ? Number.POSITIVE_INFINITY : dateRange(end)?.until;
  return from === undefined || until === undefined ? undefined : { from, until };
};

/** `Type/id` or an id alone, against a relative reference; an absolute one only when it is the same text. */
const sameReference = (tape: Tape, node: number, asked: string): boolean => {
  const value = tape.kind[node] === KIND.string ? node : member(tape, node, 'reference');
  if (value < 0) return false;
  if (is(tape, value, asked)) return true;
  const reference = (stringOf(tape, value) ?? '').replace(/\/_history\/[^/]+$/, '');
  return (
    reference === asked ||
    (!asked.includes('/') && /^[A-Za-z]+\/[^/]+$/.test(reference) && reference.endsWith(`/${asked}`))
  );
};
