import { type Problem, problem } from '../problem.ts';
import type { FhirHeaders } from './interaction.ts';
import type { SearchQuery } from './search.ts';

/** Header names are in lower case, as Node gives them. */
export type RawHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Headers that make one method into another behind the judge's back. */
const overrides = ['x-http-method-override', 'x-http-method', 'x-method-override'];

/** Undefined when absent; null when repeated, so that two readers could choose differently. */
const one = (headers: RawHeaders, name: string): string | undefined | null => {
  const value = headers[name];
  if (value === undefined || typeof value === 'string') return value;
  return value.length === 1 ? value[0] : null;
};

const entityTags = /^(?:\*|(?:W\/)?"[\x21\x23-\x7e]{1,200}"(?:, *(?:W\/)?"[\x21\x23-\x7e]{1,200}"){0,49})$/;
/** RFC 9110 section 5.6.7, the one form that may be sent. */
const httpDate =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$/;

const refuse = (name: string): Problem => problem('query-ambiguous', { expression: [`http.${name}`] });

/** Grows while the headers are read; handed out as `FhirHeaders`. */
type Draft = { -readonly [Key in keyof FhirHeaders]: FhirHeaders[Key] };

/** Preferences that do not apply are dropped (RFC 7240), and `handling` always: the upstream is asked to be strict. */
const readPrefer = (draft: Draft, use: HeaderUse, value: string): void => {
  for (const preference of value.split(/[,;]/)) {
    const [name, word] = preference.trim().split('=', 2);
    if (use.preferAsync && name === 'respond-async') draft.preferAsync = true;
    if (!use.preferReturn || name !== 'return') continue;
    if (word === 'minimal' || word === 'representation' || word === 'OperationOutcome') draft.preferReturn = word;
  }
};

/** Which headers mean something for a kind of call. */
export interface HeaderUse {
  /** If-Match. */
  readonly match: boolean;
  /** If-None-Match: a search loses nothing when it is dropped, a write would lose its guard. */
  readonly noneMatch: 'keep' | 'drop' | 'refuse';
  readonly modifiedSince: boolean;
  readonly preferReturn: boolean;
  readonly preferAsync: boolean;
  /** If-None-Exist, which is a search. */
  readonly noneExist?: (text: string) => SearchQuery | Problem;
}

const none: HeaderUse = {
  match: false,
  noneMatch: 'refuse',
  modifiedSince: false,
  preferReturn: false,
  preferAsync: false,
};

export const headerUse = {
  read: { ...none, noneMatch: 'keep', modifiedSince: true },
  query: { ...none, noneMatch: 'drop' },
  async: { ...none, noneMatch: 'drop', preferAsync: true },
  create: { ...none, preferReturn: true },
  update: { ...none, match: true, noneMatch: 'keep', preferReturn: true },
  change: { ...none, match: true, preferReturn: true },
  bundle: { ...none, preferReturn: true },
} as const satisfies Record<string, HeaderUse>;

export const noHeaders: FhirHeaders = Object.freeze({});

/**
 * Takes the headers that mean something for the call; all others are dropped. A precondition that would be dropped is
 * refused instead: without its If-Match a guarded write becomes an unguarded one.
 */
export const readHeaders = (headers: RawHeaders, use: HeaderUse): FhirHeaders | Problem => {
  for (const name of overrides) if (headers[name] !== undefined) return refuse(name);
  const ifMatch = one(headers, 'if-match');
  const ifNoneMatch = one(headers, 'if-none-match');
  const ifModifiedSince = one(headers, 'if-modified-since');
  const ifNoneExist = one(headers, 'if-none-exist');
  const prefer = headers.prefer;
  if (headers['if-unmodified-since'] !== undefined) return refuse('if-unmodified-since');
  if (
    ifMatch === undefined &&
    ifNoneMatch === undefined &&
    ifModifiedSince === undefined &&
    ifNoneExist === undefined &&
    prefer === undefined
  )
    return noHeaders;
  const draft: Draft = {};
  if (ifMatch !== undefined) {
    if (ifMatch === null || !use.match || !entityTags.test(ifMatch)) return refuse('if-match');
    draft.ifMatch = ifMatch;
  }
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch === null || !entityTags.test(ifNoneMatch)) return refuse('if-none-match');
    if (use.noneMatch === 'refuse') return refuse('if-none-match');
    if (use.noneMatch === 'keep') draft.ifNoneMatch = ifNoneMatch;
  }
  if (ifModifiedSince !== undefined) {
    if (ifModifiedSince === null || !httpDate.test(ifModifiedSince)) return refuse('if-modified-since');
    if (use.modifiedSince) draft.ifModifiedSince = ifModifiedSince;
  }
  if (ifNoneExist !== undefined) {
    if (ifNoneExist === null || use.noneExist === undefined) return refuse('if-none-exist');
    const query = use.noneExist(ifNoneExist);
    if ('code' in query) return query;
    draft.ifNoneExist = query;
  }
  if (prefer !== undefined) {
    readPrefer(draft, use, typeof prefer === 'string' ? prefer : prefer.join(','));
  }
  return draft;
};
