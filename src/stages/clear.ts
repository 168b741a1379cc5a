import type { FhirHeaders, FhirInteraction } from '../domain/fhir/interaction.ts';
import { isExport } from '../domain/fhir/operations.ts';
import { toUpstream } from '../domain/fhir/request.ts';
import type { SearchQuery } from '../domain/fhir/search.ts';
import type { Cleared, ClearedPlace, PlaceRequest, UpstreamRequest } from '../domain/upstream.ts';
import type { Planned } from './exchange.ts';
import type { Judged } from './judge.ts';
import { upstreamCount } from './page-size.ts';
import { join } from './release/bundle.ts';

const encoder = new TextEncoder();

/** A delete by criteria that nothing meets is done as it is. */
export const isDone = ({ interaction }: Planned): boolean =>
  interaction.kind === 'delete' && interaction.id === undefined;

/** The only place where a request becomes `Cleared`. `undefined`: there is nothing to forward. */
export function clear(judged: Judged, pageSize: number): Cleared | undefined {
  const permitted = judged.parts.flatMap((part) =>
    part.kind === 'permitted' && !isDone(part.value) ? [part.value] : [],
  );
  const [first] = permitted;
  if (first === undefined) return undefined;
  if (judged.shape === 'single') {
    const request = toUpstream(forwarded(first, pageSize));
    const at = first.page?.upstream ?? '';
    return (at === '' ? request : { ...request, path: at }) as UpstreamRequest as Cleared;
  }
  const bundle: Uint8Array[] = [encoder.encode(`{"resourceType":"Bundle","type":"${judged.shape}","entry":[`)];
  permitted.forEach((part, index) => {
    if (index > 0) bundle.push(encoder.encode(','));
    bundle.push(...entryOf(part, pageSize));
  });
  bundle.push(encoder.encode(']}'));
  return {
    method: 'POST',
    path: '/',
    headers: {
      accept: 'application/fhir+json',
      'content-type': 'application/fhir+json',
      prefer: 'return=representation, handling=strict',
    },
    body: join(bundle),
  } as unknown as Cleared;
}

/** A further page of a search that was judged, where the upstream's own link has it. */
export const clearPage = (path: string): Cleared =>
  ({
    method: 'GET',
    path,
    headers: { accept: 'application/fhir+json', prefer: 'handling=strict' },
  }) as unknown as Cleared;

/** The only place where an address that the upstream named for an export becomes one that may be asked. */
export function clearPlace(judged: Judged, place: PlaceRequest): ClearedPlace | undefined {
  const [part] = judged.parts;
  return judged.shape === 'single' && part?.kind === 'permitted' && part.value.job !== undefined
    ? (place as ClearedPlace)
    : undefined;
}

function entryOf(part: Planned, pageSize: number): Uint8Array[] {
  const request = toUpstream(forwarded(part, pageSize));
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch, 'if-none-exist': ifNoneExist } = request.headers;
  const line = JSON.stringify({
    method: request.method,
    url: request.path.slice(1),
    ...(ifMatch === undefined ? {} : { ifMatch }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
    ...(ifNoneExist === undefined ? {} : { ifNoneExist }),
  });
  const fullUrl = part.fullUrl === undefined ? '' : `"fullUrl":${JSON.stringify(part.fullUrl)},`;
  if (request.body === undefined || request.method === 'GET') return [encoder.encode(`{${fullUrl}"request":${line}}`)];
  return [encoder.encode(`{${fullUrl}"resource":`), request.body, encoder.encode(`,"request":${line}}`)];
}

/**
 * What is asked of the upstream for a call. Projections, totals and read conditions are the gateway's own work, after
 * masking: an upstream would leave out the elements that say whose a resource is, or answer 304 for another mask.
 */
export function forwarded(part: Planned, pageSize: number): FhirInteraction {
  const { interaction } = part;
  switch (interaction.kind) {
    case 'read':
      return { ...interaction, head: false, query: nothing, headers: {} };
    case 'vread':
      return { ...interaction, head: false, headers: {} };
    case 'search': {
      const { head: _head, ...rest } = interaction;
      return { ...rest, query: narrowed(part, pageSize), headers: {} };
    }
    case 'history': {
      const { head: _head, ...rest } = interaction;
      return { ...rest, query: { ...interaction.query, count: upstreamCount(part, pageSize) }, headers: {} };
    }
    case 'create':
    case 'update':
    case 'patch':
    case 'delete':
      return { ...interaction, headers: writeHeaders(interaction.headers, part.version) };
    case 'operation':
      return isExport(interaction.name)
        ? { ...interaction, name: 'export', headers: { preferAsync: true } }
        : interaction;
    case 'graphql':
    case 'capabilities':
    case 'batch':
    case 'transaction':
      return interaction;
    default:
      return interaction satisfies never;
  }
}

const nothing: SearchQuery = { criteria: [], includes: [], sort: [] };

/** The full resource is asked for, because what the caller sees of it is decided here. */
function writeHeaders(headers: FhirHeaders, version: string | undefined): FhirHeaders {
  return {
    preferReturn: 'representation',
    ...(headers.ifNoneMatch === '*' ? { ifNoneMatch: '*' } : {}),
    ...(headers.ifNoneExist === undefined ? {} : { ifNoneExist: headers.ifNoneExist }),
    ...(version === undefined ? {} : { ifMatch: `W/"${version}"` }),
  };
}

/** Adds the patient that the scopes demand, drops what the gateway does itself. What comes back is judged all the same. */
function narrowed(part: Planned, pageSize: number): SearchQuery {
  const { interaction } = part;
  if (interaction.kind !== 'search') return nothing;
  const { elements: _elements, summary: _summary, total: _total, contained, ...query } = interaction.query;
  const criteria = part.constraint === undefined ? query.criteria : [...query.criteria, part.constraint];
  // `false` is what is meant without it, and some servers know the parameter not at all.
  const within = contained === undefined || contained === 'false' ? {} : { contained };
  return { ...query, ...within, criteria, count: upstreamCount(part, pageSize) };
}
