import type { Tape } from '../json/tape.ts';
import { type Problem, problem } from '../problem.ts';
import { atOnce, type Steps } from '../steps.ts';
import { readBundle } from './batch.ts';
import {
  type Body,
  type Call,
  type Classified,
  type ClassifyOptions,
  classifyDefaults,
  jsonBody,
  pageOf,
  type RawRequest,
} from './call.ts';
import { fitsUrl, typeOf } from './classify-body.ts';
import { type HeaderUse, headerUse, readHeaders } from './classify-headers.ts';
import { classifyOperation } from './classify-operation.ts';
import { readTarget, withoutLooks } from './classify-target.ts';
import { conditionalReferences, putsConditionalReference } from './conditional-references.ts';
import { resourceId, resourceType } from './ids.ts';
import type { FhirInteraction, ResourceId, ResourceType } from './interaction.ts';
import { acceptsJson, acceptsNdjson, bodyMedia } from './media.ts';
import { readPatch } from './patch.ts';
import { type Pair, readPairs, refuseParameter } from './query-text.ts';
import type { SearchQuery } from './search.ts';
import { emptyQuery, noResults, parseQuery, searchResults, type Vocabulary } from './search-query.ts';

export type { Classified, ClassifyOptions, RawRequest } from './call.ts';

const unsupported = problem('interaction-unsupported');
const ambiguous = problem('query-ambiguous');

const resourceBody = (
  call: Call,
  options: ClassifyOptions,
  type: ResourceType,
  id: ResourceId | undefined,
): Tape | Problem => {
  const tape = jsonBody(call, options);
  return 'code' in tape || fitsUrl(tape, type, id) ? tape : problem('body-invalid');
};

const references = (body: Tape, options: ClassifyOptions) => {
  const found = conditionalReferences(body, options.parameters);
  if ('code' in found) return found;
  return found.length === 0 ? {} : { references: found };
};

/** Criteria of a conditional write: at least one, and nothing that is not a criterion. */
const conditionOf = (pairs: readonly Pair[], type: ResourceType, { bases }: ClassifyOptions): SearchQuery | Problem => {
  if (pairs.length === 0) return unsupported;
  return parseQuery(pairs, { types: [type], results: noResults, bases });
};

const noneExistOf =
  (type: ResourceType, options: ClassifyOptions) =>
  (text: string): SearchQuery | Problem => {
    const mark = text.indexOf('?');
    const ahead = mark < 0 ? '' : text.slice(0, mark);
    if (ahead !== '' && ahead !== type) return ambiguous;
    const pairs = readPairs(mark < 0 ? text : text.slice(mark + 1), options.parameters);
    return 'code' in pairs ? pairs : conditionOf(pairs, type, options);
  };

const readResults: ReadonlySet<string> = new Set(['_elements', '_summary']);
const readVocabulary: Vocabulary = { types: [], results: readResults };
const historyVocabulary: Vocabulary = {
  types: [],
  results: new Set(['_count']),
  own: { _since: 'instant', _at: 'instant', _list: 'id' },
};
const emptyVocabulary: Vocabulary = { types: [], results: noResults };

/** The types that a search over several names in `_type`. */
const searchVocabulary = (
  type: ResourceType | undefined,
  pairs: readonly Pair[],
  { bases }: ClassifyOptions,
): Vocabulary => {
  if (type !== undefined) return { types: [type], results: searchResults, bases };
  const named = pairs.find(([name]) => name === '_type')?.[1].split(',') ?? [];
  const types = [...new Set(named)].map(resourceType);
  return { types: types.length === 0 ? [undefined] : types, results: searchResults, own: { _type: 'types' }, bases };
};

const compartments: ReadonlySet<string> = new Set(['Patient', 'Encounter', 'RelatedPerson', 'Practitioner', 'Device']);

interface SearchPlace {
  readonly type?: ResourceType;
  readonly compartment?: { readonly type: ResourceType; readonly id: ResourceId };
}

const search = (call: Call, place: SearchPlace, form: boolean, options: ClassifyOptions): FhirInteraction | Problem => {
  let pairs = call.pairs;
  if (form) {
    const { body } = call;
    if (body !== undefined) {
      if ('tape' in body || body.media !== 'form') return problem('media-unsupported');
      const read = readPairs(new TextDecoder('latin1').decode(body.bytes), options.parameters);
      const sent = 'code' in read ? read : withoutLooks(read);
      if ('code' in sent) return sent;
      pairs = [...pairs, ...sent];
    }
  } else if (call.body !== undefined) return ambiguous;
  const headers = readHeaders(call.headers, headerUse.query);
  if ('code' in headers) return headers;
  const head = call.method === 'HEAD';
  const page = pageOf(pairs);
  if (page !== undefined) {
    if (page === null || form || head || place.compartment !== undefined) return refuseParameter('_page');
    return { kind: 'search', ...place, query: { ...emptyQuery, page }, headers };
  }
  if (place.type === undefined && place.compartment === undefined && pairs.length === 0) return unsupported;
  const query = parseQuery(pairs, searchVocabulary(place.type, pairs, options));
  if ('code' in query) return query;
  // Within a batch there is no form: the same search goes on as a GET.
  return { kind: 'search', ...place, query, headers, ...(form && !call.nested && { form }), ...(head && { head }) };
};

const history = (call: Call, type?: ResourceType, id?: ResourceId): FhirInteraction | Problem => {
  if (call.body !== undefined) return ambiguous;
  const headers = readHeaders(call.headers, headerUse.query);
  if ('code' in headers) return headers;
  const query = parseQuery(call.pairs, historyVocabulary);
  if ('code' in query) return query;
  return {
    kind: 'history',
    ...(type !== undefined && { type }),
    ...(id !== undefined && { id }),
    query,
    headers,
    ...(call.method === 'HEAD' && { head: true }),
  };
};

const capabilities = (call: Call): FhirInteraction | Problem => {
  if (call.body !== undefined) return ambiguous;
  const headers = readHeaders(call.headers, headerUse.query);
  if ('code' in headers) return headers;
  const query = parseQuery(call.pairs, emptyVocabulary);
  if ('code' in query) return query;
  return { kind: 'capabilities', headers, ...(call.method === 'HEAD' && { head: true }) };
};

const read = (call: Call, type: ResourceType, id: ResourceId): FhirInteraction | Problem => {
  if (call.body !== undefined) return ambiguous;
  const headers = readHeaders(call.headers, headerUse.read);
  if ('code' in headers) return headers;
  const query = parseQuery(call.pairs, readVocabulary);
  if ('code' in query) return query;
  return { kind: 'read', type, id, head: call.method === 'HEAD', query, headers };
};

const vread = (call: Call, type: ResourceType, id: ResourceId, versionId: ResourceId): FhirInteraction | Problem => {
  if (call.body !== undefined) return ambiguous;
  const headers = readHeaders(call.headers, headerUse.read);
  if ('code' in headers) return headers;
  const query = parseQuery(call.pairs, emptyVocabulary);
  if ('code' in query) return query;
  return { kind: 'vread', type, id, versionId, head: call.method === 'HEAD', headers };
};

const create = (call: Call, type: ResourceType, options: ClassifyOptions): FhirInteraction | Problem => {
  const nothing = parseQuery(call.pairs, emptyVocabulary);
  if ('code' in nothing) return nothing;
  const use: HeaderUse = { ...headerUse.create, noneExist: noneExistOf(type, options) };
  const headers = readHeaders(call.headers, use);
  if ('code' in headers) return headers;
  const body = resourceBody(call, options, type, undefined);
  if ('code' in body) return body;
  const searched = references(body, options);
  return 'code' in searched ? searched : { kind: 'create', type, body, ...searched, headers };
};

/** By id without a query, or by query without an id. */
const named = (
  call: Call,
  type: ResourceType,
  id: ResourceId | undefined,
  options: ClassifyOptions,
): { readonly id: ResourceId } | { readonly query: SearchQuery } | Problem => {
  if (id === undefined) {
    const query = conditionOf(call.pairs, type, options);
    return 'code' in query ? query : { query };
  }
  const nothing = parseQuery(call.pairs, emptyVocabulary);
  return 'code' in nothing ? nothing : { id };
};

const change = (
  call: Call,
  type: ResourceType,
  id: ResourceId | undefined,
  options: ClassifyOptions,
): FhirInteraction | Problem => {
  const which = named(call, type, id, options);
  if ('code' in which) return which;
  const headers = readHeaders(call.headers, call.method === 'PUT' ? headerUse.update : headerUse.change);
  if ('code' in headers) return headers;
  switch (call.method) {
    case 'PUT': {
      const body = resourceBody(call, options, type, id);
      if ('code' in body) return body;
      const searched = references(body, options);
      return 'code' in searched ? searched : { kind: 'update', type, ...which, body, ...searched, headers };
    }
    case 'PATCH': {
      const patch = readPatch(call.body, options.json);
      if ('code' in patch) return patch;
      return putsConditionalReference(patch.body)
        ? problem('query-ambiguous', { expression: ['reference'] })
        : { kind: 'patch', type, ...which, ...patch, headers };
    }
    default:
      return call.body === undefined ? { kind: 'delete', type, ...which, headers } : ambiguous;
  }
};

function* bundle(call: Call, options: ClassifyOptions): Steps<FhirInteraction | Problem> {
  const nothing = parseQuery(call.pairs, emptyVocabulary);
  if ('code' in nothing) return nothing;
  const headers = readHeaders(call.headers, headerUse.bundle);
  if ('code' in headers) return headers;
  const tape = jsonBody(call, options);
  if ('code' in tape) return tape;
  if (typeOf(tape, 0) !== 'Bundle') return problem('body-invalid');
  return yield* readBundle(tape, headers, options, classifyCall);
}

const gets = (method: string): boolean => method === 'GET' || method === 'HEAD';

/** Below a resource: its history, a compartment, one version. */
const below = (call: Call, type: ResourceType, id: ResourceId, options: ClassifyOptions): FhirInteraction | Problem => {
  const [, , word = '', last, ...more] = call.segments;
  if (more.length > 0) return unsupported;
  if (word === '_history') {
    if (!gets(call.method)) return unsupported;
    if (last === undefined) return history(call, type, id);
    const version = resourceId(last);
    return version === undefined ? unsupported : vread(call, type, id, version);
  }
  if (!compartments.has(type)) return unsupported;
  const inner = word === '*' ? undefined : resourceType(word);
  if (inner === undefined && word !== '*') return unsupported;
  const place = { ...(inner !== undefined && { type: inner }), compartment: { type, id } };
  if (last === undefined) return gets(call.method) ? search(call, place, false, options) : unsupported;
  return last === '_search' && call.method === 'POST' ? search(call, place, true, options) : unsupported;
};

const ofType = (call: Call, type: ResourceType, options: ClassifyOptions): FhirInteraction | Problem => {
  const { method, segments } = call;
  const second = segments[1];
  if (second === undefined) {
    if (gets(method)) return search(call, { type }, false, options);
    return method === 'POST' ? create(call, type, options) : change(call, type, undefined, options);
  }
  if (segments.length === 2 && second === '_search')
    return method === 'POST' ? search(call, { type }, true, options) : unsupported;
  if (segments.length === 2 && second === '_history') return gets(method) ? history(call, type) : unsupported;
  const id = resourceId(second);
  if (id === undefined) return unsupported;
  if (segments.length > 2) return below(call, type, id, options);
  if (gets(method)) return read(call, type, id);
  return method === 'POST' ? unsupported : change(call, type, id, options);
};

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** One call, from the wire or out of a batch, in its normal form. A batch itself is none: it is many. */
const classifyCall = (call: Call, options: ClassifyOptions): FhirInteraction | Problem => {
  const { method, segments } = call;
  if (!methods.has(method)) return unsupported;
  const [first] = segments;
  if (first === undefined) {
    return gets(method) ? search(call, {}, false, options) : unsupported;
  }
  const last = segments[segments.length - 1] ?? '';
  if (last.startsWith('$')) return classifyOperation(call, options);
  const type = resourceType(first);
  // Parameters are how operations speak; no server keeps them.
  if (type !== undefined) return first === 'Parameters' ? unsupported : ofType(call, type, options);
  if (segments.length > 1) return unsupported;
  if (first === 'metadata') return gets(method) && !call.nested ? capabilities(call) : unsupported;
  if (first === '_search') return method === 'POST' ? search(call, {}, true, options) : unsupported;
  if (first === '_history') return gets(method) ? history(call) : unsupported;
  return unsupported;
};

const bodyOf = (raw: RawRequest): Body | Problem => {
  if (raw.body === undefined || raw.body.length === 0) return undefined;
  const { 'content-type': contentType, 'content-encoding': encoding } = raw.headers;
  if (typeof contentType !== 'string' || (encoding !== undefined && encoding !== 'identity'))
    return problem('media-unsupported');
  const media = bodyMedia(contentType);
  return media === undefined ? problem('media-unsupported') : { media, bytes: raw.body };
};

/**
 * Reads a request into its one normal form, or says why it has none. What is returned is all that is judged, and all
 * that `toUpstream` rebuilds: nothing of the raw request goes further.
 */
export const classify = (raw: RawRequest, given: Partial<ClassifyOptions> = {}): Classified =>
  atOnce(classifySteps(raw, given));

/** The same, so that a large batch does not hold up others. */
export function* classifySteps(raw: RawRequest, given: Partial<ClassifyOptions> = {}): Steps<Classified> {
  const outcome = yield* understand(raw, { ...classifyDefaults, ...given });
  return 'code' in outcome ? { ok: false, problem: outcome } : { ok: true, interaction: outcome };
}

function* understand(raw: RawRequest, options: ClassifyOptions): Steps<FhirInteraction | Problem> {
  const target = readTarget(raw.target, options);
  if ('code' in target) return target;
  const { accept } = raw.headers;
  const accepted = accept === undefined || typeof accept === 'string' ? accept : accept.join(',');
  if (
    accepted !== undefined &&
    !acceptsJson(accepted) &&
    !(target.segments.at(-1) === '$export' && acceptsNdjson(accepted))
  )
    return problem('format-unsupported');
  const body = bodyOf(raw);
  if (body !== undefined && 'code' in body) return body;
  const { method, headers } = raw;
  const call: Call = { method, ...target, headers, body, nested: false };
  return method === 'POST' && call.segments.length === 0 ? yield* bundle(call, options) : classifyCall(call, options);
}
