import { member } from '../json/cursor.ts';
import { applySplices, removeElements, replaceNode } from '../json/splice.ts';
import type { Tape } from '../json/tape.ts';
import type { Splice } from '../masking/plan.ts';
import { tapeBytes } from './classify-body.ts';
import type { FhirInteraction } from './interaction.ts';
import { writePairs } from './query-text.ts';
import type { SearchQuery } from './search.ts';
import { queryPairs } from './search-query.ts';

export interface UpstreamRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With the query; the upstream's base is put before it. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

const encoder = new TextEncoder();

const queryText = (query: SearchQuery | undefined): string =>
  query === undefined ? '' : writePairs(queryPairs(query));

/** The query of a call in its normal form, without the question mark; empty when it has none. */
export const normalQuery = (i: FhirInteraction): string => queryText(lineOf(i).query);

const withQuery = (path: string, query: SearchQuery | undefined): string => {
  const text = queryText(query);
  return text === '' ? path : `${path}?${text}`;
};

const join = (...segments: readonly (string | undefined)[]): string => {
  let path = '';
  for (const segment of segments) if (segment !== undefined) path += `/${segment}`;
  return path === '' ? '/' : path;
};

interface Line {
  readonly method: UpstreamRequest['method'];
  readonly path: string;
  readonly query?: SearchQuery | undefined;
}

/** Method, path and query of an interaction, whether it goes alone or in a batch. */
const lineOf = (i: FhirInteraction): Line => {
  switch (i.kind) {
    case 'capabilities':
      return { method: i.head === true ? 'HEAD' : 'GET', path: '/metadata' };
    case 'read':
      return { method: i.head ? 'HEAD' : 'GET', path: join(i.type, i.id), query: i.query };
    case 'vread':
      return { method: i.head ? 'HEAD' : 'GET', path: join(i.type, i.id, '_history', i.versionId) };
    case 'search': {
      const inner = i.type ?? (i.compartment === undefined ? undefined : '*');
      const path = join(i.compartment?.type, i.compartment?.id, inner, i.form === true ? '_search' : undefined);
      return { method: i.form === true ? 'POST' : i.head === true ? 'HEAD' : 'GET', path, query: i.query };
    }
    case 'history':
      return { method: i.head === true ? 'HEAD' : 'GET', path: join(i.type, i.id, '_history'), query: i.query };
    case 'create':
      return { method: 'POST', path: join(i.type) };
    case 'update':
      return { method: 'PUT', path: join(i.type, i.id), query: i.query };
    case 'patch':
      return { method: 'PATCH', path: join(i.type, i.id), query: i.query };
    case 'delete':
      return { method: 'DELETE', path: join(i.type, i.id), query: i.query };
    case 'batch':
    case 'transaction':
      return { method: 'POST', path: '/' };
    case 'operation':
      return { method: i.method, path: join(i.type, i.id, `$${i.name}`), query: i.query };
    case 'graphql':
      return { method: 'POST', path: join(i.type, i.id, '$graphql') };
  }
};

/** The one JSON form of an entry's request; everything the caller wrote there is replaced by it. */
const requestJson = (i: FhirInteraction): string => {
  const { method, path, query } = lineOf(i);
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifNoneExist } = i.headers;
  let json = `{"method":"${method}","url":${JSON.stringify(withQuery(path, query).slice(1))}`;
  if (ifNoneMatch !== undefined) json += `,"ifNoneMatch":${JSON.stringify(ifNoneMatch)}`;
  if (ifModifiedSince !== undefined) json += `,"ifModifiedSince":${JSON.stringify(ifModifiedSince)}`;
  if (ifMatch !== undefined) json += `,"ifMatch":${JSON.stringify(ifMatch)}`;
  if (ifNoneExist !== undefined) json += `,"ifNoneExist":${JSON.stringify(queryText(ifNoneExist))}`;
  return `${json}}`;
};

/** Entries that were refused are left out; the rest keep their order and every byte but those of their request. */
const bundleBytes = (i: Extract<FhirInteraction, { readonly kind: 'batch' | 'transaction' }>): Uint8Array => {
  const { body, entries, refused = [] } = i;
  const splices: Splice[] = [];
  const dropped: number[] = [];
  const gone = new Set(refused.map(({ index }) => index));
  const list = member(body, 0, 'entry');
  const left = entries[Symbol.iterator]();
  for (let node = list + 1, index = 0; list >= 0 && node < (body.next[list] as number); index += 1) {
    const entry = gone.has(index) ? undefined : left.next().value;
    if (entry === undefined) dropped.push(node);
    else splices.push(replaceNode(body, member(body, node, 'request'), requestJson(entry.interaction)));
    node = body.next[node] as number;
  }
  if (dropped.length > 0) splices.push(...removeElements(body, list, dropped));
  return applySplices(body.bytes, splices, { start: body.start[0] as number, end: body.end[0] as number });
};

const bodyOf = (i: FhirInteraction): Tape | undefined => ('body' in i ? i.body : undefined);

/**
 * The request for the upstream, made of the interaction and nothing else: what was judged is what is forwarded.
 * `classify` of the result gives the same interaction again. Leniency is never passed on.
 */
export const toUpstream = (i: FhirInteraction): UpstreamRequest => {
  const { method, path, query } = lineOf(i);
  const headers: Record<string, string> = { accept: 'application/fhir+json', prefer: preferOf(i) };
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifNoneExist } = i.headers;
  if (ifMatch !== undefined) headers['if-match'] = ifMatch;
  if (ifNoneMatch !== undefined) headers['if-none-match'] = ifNoneMatch;
  if (ifModifiedSince !== undefined) headers['if-modified-since'] = ifModifiedSince;
  if (ifNoneExist !== undefined) headers['if-none-exist'] = queryText(ifNoneExist);
  if (i.kind === 'search' && i.form === true) {
    headers['content-type'] = 'application/x-www-form-urlencoded';
    return { method, path, headers, body: encoder.encode(queryText(query)) };
  }
  if (i.kind === 'batch' || i.kind === 'transaction') {
    headers['content-type'] = 'application/fhir+json';
    return { method, path, headers, body: bundleBytes(i) };
  }
  const target = withQuery(path, query);
  const body = bodyOf(i);
  if (body === undefined) return { method, path: target, headers };
  headers['content-type'] =
    i.kind === 'patch' && i.format === 'json-patch' ? 'application/json-patch+json' : 'application/fhir+json';
  return { method, path: target, headers, body: tapeBytes(body) };
};

const preferOf = ({ headers }: FhirInteraction): string => {
  let prefer = 'handling=strict';
  if (headers.preferReturn !== undefined) prefer = `return=${headers.preferReturn}, ${prefer}`;
  return headers.preferAsync === true ? `respond-async, ${prefer}` : prefer;
};
