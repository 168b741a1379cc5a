import { member, raw, size, stringOf } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { type Problem, problem } from '../problem.ts';
import { type Call, type ClassifyOptions, jsonBody, pageOf } from './call.ts';
import { typeOf } from './classify-body.ts';
import { headerUse, readHeaders } from './classify-headers.ts';
import { resourceId, resourceType } from './ids.ts';
import type { FhirHeaders, FhirInteraction, ResourceId, ResourceType } from './interaction.ts';
import { findOperation, type OperationRule } from './operations.ts';
import { type Pair, refuseParameter } from './query-text.ts';
import { emptyQuery, noResults, parseQuery, searchResults } from './search-query.ts';

const unsupported = problem('interaction-unsupported');

/** Each part of a Parameters body must be one that the rule names, and none that the query names too. */
const fitsRule = (tape: Tape, rule: OperationRule, inQuery: ReadonlySet<string>): boolean => {
  const list = member(tape, 0, 'parameter');
  if (list < 0) return true;
  if (tape.kind[list] !== KIND.array) return false;
  const past = tape.next[list] as number;
  for (let each = list + 1; each < past; each = tape.next[each] as number) {
    const name = stringOf(tape, member(tape, each, 'name'));
    if (name === undefined || inQuery.has(name)) return false;
    if (!Object.hasOwn(rule.parameters, name) && rule.parts?.includes(name) !== true) return false;
    if (member(tape, each, 'resource') >= 0 && rule.parts?.includes(name) !== true) return false;
  }
  return true;
};

const bodyFits = (
  tape: Tape,
  rule: OperationRule,
  type: ResourceType | undefined,
  inQuery: ReadonlySet<string>,
): boolean => {
  const named = typeOf(tape, 0);
  if (named === 'Parameters') return fitsRule(tape, rule, inQuery);
  return rule.bareBody === true && named !== undefined && named === type;
};

/** The status and the files of a job are asked for by a token alone: it says whose they are and where the upstream has them. */
const pageOfJob = ({ method, body }: Call, page: string, headers: FhirHeaders): FhirInteraction | Problem => {
  if (method === 'POST') return unsupported;
  if (body !== undefined) return problem('query-ambiguous');
  return { kind: 'search', query: { ...emptyQuery, page }, headers, job: method === 'DELETE' ? 'cancel' : 'ask' };
};

/** The query, whichever of its two forms was sent: parts of a Parameters body become pairs of the query. */
const folding = (call: Call, options: ClassifyOptions): readonly Pair[] | Problem => {
  if (call.body === undefined) return call.pairs;
  if (call.method === 'GET') return problem('query-ambiguous');
  const body = jsonBody(call, options);
  if ('code' in body) return body;
  if (typeOf(body, 0) !== 'Parameters') return problem('body-invalid');
  const pairs = [...call.pairs];
  const list = member(body, 0, 'parameter');
  if (list >= 0 && body.kind[list] !== KIND.array) return problem('body-invalid');
  for (let part = list + 1; list >= 0 && part < (body.next[list] as number); part = body.next[part] as number) {
    const name = stringOf(body, member(body, part, 'name'));
    const value = values.flatMap((key) => plainOf(body, member(body, part, key)) ?? []);
    // A name and one value: anything more would be dropped, and might narrow what is asked for.
    if (name === undefined || value.length !== 1 || size(body, part) !== 2) return problem('body-invalid');
    pairs.push([name, value[0] ?? '']);
  }
  return pairs;
};

const values = ['String', 'Instant', 'Code', 'Uri', 'Date', 'DateTime', 'Integer', 'PositiveInt'].map(
  (type) => `value${type}`,
);

const plainOf = (body: Tape, node: number): string | undefined =>
  node >= 0 && body.kind[node] === KIND.number ? raw(body, node) : stringOf(body, node);

/** `$name` at the system, a type or an instance, by the rule that says how its patients are found. */
export const classifyOperation = (call: Call, options: ClassifyOptions): FhirInteraction | Problem => {
  const { method, segments, nested } = call;
  if (method !== 'GET' && method !== 'POST' && method !== 'DELETE') return unsupported;
  const name = (segments.at(-1) ?? '').slice(1);
  const type = segments.length > 1 ? resourceType(segments[0] ?? '') : undefined;
  const id: ResourceId | undefined = segments.length > 2 ? resourceId(segments[1] ?? '') : undefined;
  if (segments.length > 3 || (segments.length > 1 && type === undefined) || (segments.length > 2 && id === undefined))
    return unsupported;
  const found = findOperation(options.operations, name, type, id !== undefined);
  if (found === undefined) return unsupported;
  const { rule } = found;
  if ((rule.async === true || rule.alone === true) && nested) return unsupported;
  const headers = readHeaders(call.headers, rule.async === true ? headerUse.async : headerUse.query);
  if ('code' in headers) return headers;
  const page = rule.async === true ? pageOf(call.pairs) : undefined;
  if (page !== undefined) return page === null ? refuseParameter('_page') : pageOfJob(call, page, headers);
  if (method === 'DELETE' || !rule.methods.includes(method)) return unsupported;
  const folded = rule.async === true || rule.folds === true ? folding(call, options) : undefined;
  if (folded !== undefined && 'code' in folded) return folded;
  const query = parseQuery(folded ?? call.pairs, {
    types: rule.searches !== undefined && type !== undefined ? [type] : [],
    results: rule.searches === 'whole' ? searchResults : noResults,
    own: rule.parameters,
    bases: options.bases,
  });
  if ('code' in query) return query;
  const base = {
    kind: 'operation',
    name,
    ...(type !== undefined && { type }),
    ...(id !== undefined && { id }),
    method: folded === undefined ? method : 'GET',
    query,
    headers,
  } as const;
  if (folded !== undefined) return base;
  if (call.body === undefined) return base;
  if (method === 'GET') return problem('query-ambiguous');
  const body = jsonBody(call, options);
  if ('code' in body) return body;
  const inQuery = new Set(query.criteria.map((criterion) => criterion.code));
  return bodyFits(body, rule, type, inQuery) ? { ...base, body } : problem('body-invalid');
};
