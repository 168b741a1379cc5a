import { member, stringOf } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { type Problem, problem } from '../problem.ts';
import { type Call, type ClassifyOptions, jsonBody, pageOf } from './call.ts';
import { typeOf } from './classify-body.ts';
import { headerUse, readHeaders } from './classify-headers.ts';
import { resourceId, resourceType } from './ids.ts';
import type { FhirHeaders, FhirInteraction, ResourceId, ResourceType } from './interaction.ts';
import { findOperation, type OperationRule } from './operations.ts';
import { refuseParameter } from './query-text.ts';
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

/** The status and the files of a job are pages of its kick-off: the token says whose it is and where the upstream has it. */
const pageOfJob = ({ method, body }: Call, page: string, headers: FhirHeaders): FhirInteraction | Problem => {
  if (method === 'POST') return unsupported;
  if (body !== undefined) return problem('query-ambiguous');
  const query = { ...emptyQuery, page };
  return method === 'DELETE' ? { kind: 'search', query, headers, cancel: true } : { kind: 'search', query, headers };
};

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
  if (rule.async === true && nested) return unsupported;
  const headers = readHeaders(call.headers, rule.async === true ? headerUse.async : headerUse.query);
  if ('code' in headers) return headers;
  const page = rule.async === true ? pageOf(call.pairs) : undefined;
  if (page !== undefined) return page === null ? refuseParameter('_page') : pageOfJob(call, page, headers);
  if (method === 'DELETE' || !rule.methods.includes(method)) return unsupported;
  const query = parseQuery(call.pairs, {
    types: rule.searches === true && type !== undefined ? [type] : [],
    results: rule.searches === true ? searchResults : noResults,
    own: rule.parameters,
    bases: options.bases,
  });
  if ('code' in query) return query;
  const base = {
    kind: 'operation',
    name,
    ...(type !== undefined && { type }),
    ...(id !== undefined && { id }),
    method,
    query,
    headers,
  } as const;
  if (call.body === undefined) return base;
  if (method === 'GET') return problem('query-ambiguous');
  const body = jsonBody(call, options);
  if ('code' in body) return body;
  const inQuery = new Set(query.criteria.map((criterion) => criterion.code));
  return bodyFits(body, rule, type, inQuery) ? { ...base, body } : problem('body-invalid');
};
