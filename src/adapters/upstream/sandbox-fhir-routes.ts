import {
  badRequest,
  getStatus,
  isOk,
  normalizeOperationOutcome,
  notFound,
  notModified,
  OperationOutcomeError,
} from '@medplum/core';
import type { FhirResponse, FhirRouter, HttpMethod } from '@medplum/fhir-router';
import type { Bundle, CapabilityStatement, OperationOutcome, Resource } from '@medplum/fhirtypes';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseExact, stringifyExact } from './sandbox-fhir-decimals.ts';
import { isResourceType } from './sandbox-fhir-definitions.ts';
import { addExport } from './sandbox-fhir-export.ts';
import { readQuery, withReferenceTypes } from './sandbox-fhir-query.ts';
import type { SandboxRepository } from './sandbox-fhir-repository.ts';
import { searchsetText, shapeOf } from './sandbox-fhir-searchset.ts';
import type { StoredResource } from './sandbox-fhir-store.ts';

const fhirJson = 'application/fhir+json; charset=utf-8';

export interface FhirRoutesOptions {
  readonly repository: SandboxRepository;
  readonly router: FhirRouter;
  readonly commit: <Result>(work: (repository: SandboxRepository) => Promise<Result>) => Promise<Result>;
  readonly metadata: (base: string) => CapabilityStatement;
  readonly now: () => Date;
}

/** The FHIR R4 REST API: HTTP semantics here, interactions in Medplum's router. */
export const fhirRoutes = async (server: FastifyInstance, options: FhirRoutesOptions): Promise<void> => {
  const { repository, metadata } = options;
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  server.setErrorHandler((error, _request, reply) => sendOutcome(reply, normalizeOperationOutcome(error)));

  server.get('/metadata', (request, reply) => {
    reply.type(fhirJson).send(JSON.stringify(metadata(baseOf(request))));
  });

  addExport(server, { repository, baseOf, sendOutcome, now: options.now });

  // The hot path of every bench and demo: no router, no copy, text kept with the version.
  server.get<{ Params: { type: string; id: string } }>('/:type/:id', (request, reply) => {
    const { type, id } = request.params;
    const newest = /^[_$]/.test(id) || request.url.includes('?') ? undefined : repository.store.newest(type, id);
    if (newest?.resource) return sendStored(request, reply, repository, newest.resource);
    return handle(options, request, reply);
  });
  server.route({
    method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    url: '/*',
    handler: (request, reply) => handle(options, request, reply),
  });
  server.route({ method: ['GET', 'POST'], url: '/', handler: (request, reply) => handle(options, request, reply) });
  server.route({
    method: ['POST', 'PUT', 'PATCH', 'DELETE'],
    url: '/:type/:id',
    handler: (request, reply) => handle(options, request, reply),
  });
};

const baseOf = (request: FastifyRequest): string => `http://${request.host}/fhir`;

const sendStored = (
  request: FastifyRequest,
  reply: FastifyReply,
  repository: SandboxRepository,
  resource: StoredResource,
): FastifyReply => {
  const etag = `W/"${resource.meta.versionId}"`;
  const { 'if-none-match': ifNoneMatch, 'if-modified-since': since } = request.headers;
  reply.headers({ etag, 'last-modified': httpDate(resource.meta.lastUpdated) });
  const unchanged = ifNoneMatch
    ? ifNoneMatch.split(/,\s*/).includes(etag)
    : since !== undefined && Date.parse(since) >= Math.floor(Date.parse(resource.meta.lastUpdated) / 1000) * 1000;
  if (unchanged) return reply.code(304).send();
  return reply.type(fhirJson).send(repository.store.textOf(resource));
};

const httpDate = (instant: string): string => new Date(instant).toUTCString();

const handle = async (
  options: FhirRoutesOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> => {
  const method = (request.method === 'HEAD' ? 'GET' : request.method) as HttpMethod;
  const path = pathOf(request.url);
  const isSearchForm = method === 'POST' && path.endsWith('/_search');
  const query = readQuery(request.url, isSearchForm ? request.body : undefined);
  const [, type = '', , inner] = path.replace(/\/_search$/, '').split('/');
  if (type !== '' && !/^[_$]/.test(type) && !isResourceType(type)) return sendOutcome(reply, notFound);
  const isSearch = isSearchForm || (method === 'GET' && isSearchPath(path));
  const strict = /handling=strict/.test(String(request.headers.prefer ?? ''));
  const judged = isSearch ? withReferenceTypes(inner ?? type, query, strict) : query;
  const text = judged.toString();
  const url = isSearchForm ? path.slice(0, -'/_search'.length) : path;
  const call = {
    method: isSearchForm ? ('GET' as const) : method,
    url: text === '' ? url : `${url}?${text}`,
    pathname: '',
    params: {},
    query: {},
    headers: request.headers,
    body: isSearchForm ? undefined : parseBody(request.body),
  };
  const isRead = call.method === 'GET';
  const before = isRead ? undefined : versionBefore(options.repository, call.url);
  const respond = () => options.router.handleRequest(call, options.repository);
  const response = isRead ? await respond() : await write(options, respond);
  const [outcome, resource] = response;
  if (!isOk(outcome)) return sendOutcome(reply, outcome);
  if (isSearch && resource) {
    const bundle = resource as Bundle;
    const shape = shapeOf(judged);
    return reply
      .type(fhirJson)
      .send(
        searchsetText(bundle, { base: baseOf(request), path: url, query: judged, shape }, options.repository.store),
      );
  }
  return sendResource(options, request, reply, { response, created: before === 'absent' && method === 'PUT' });
};

/** The whole server, a type, or a type in a patient's compartment. */
const isSearchPath = (path: string): boolean => /^$|^\/[A-Za-z]+$|^\/Patient\/[^/]+\/[A-Z][A-Za-z]+$/.test(path);

/** A transaction, and any write, is all or nothing: an answer that is not a success undoes it. */
const write = async (options: FhirRoutesOptions, respond: () => Promise<FhirResponse>): Promise<FhirResponse> => {
  try {
    return await options.commit(async () => {
      const response = await respond();
      const refusal = isOk(response[0]) ? failedEntry(response[1]) : response[0];
      if (refusal) throw new OperationOutcomeError(refusal);
      return response;
    });
  } catch (error) {
    return [normalizeOperationOutcome(error)];
  }
};

const failedEntry = (resource: Resource | undefined): OperationOutcome | undefined => {
  if (resource?.resourceType !== 'Bundle' || resource.type !== 'transaction-response') return undefined;
  const failed = resource.entry?.find(({ response }) => Number.parseInt(response?.status ?? '200', 10) >= 400);
  return (
    failed && ((failed.response?.outcome as OperationOutcome | undefined) ?? badRequest('The transaction failed.'))
  );
};

const versionBefore = (repository: SandboxRepository, url: string): 'absent' | 'present' | undefined => {
  const [, type, id, rest] = url.split('/');
  if (!type || !id || rest) return undefined;
  return repository.store.newest(type, id)?.resource ? 'present' : 'absent';
};

const pathOf = (url: string): string => {
  const end = url.indexOf('?');
  const path = (end < 0 ? url : url.slice(0, end)).slice('/fhir'.length).replace(/\/+$/, '');
  try {
    return decodeURIComponent(path);
  } catch {
    throw new OperationOutcomeError(badRequest('The path cannot be decoded.'));
  }
};

const parseBody = (body: unknown): unknown => {
  if (typeof body !== 'string' || body === '') return undefined;
  try {
    return parseExact(body);
  } catch {
    throw new OperationOutcomeError(badRequest('The body is not JSON.'));
  }
};

const sendResource = (
  options: FhirRoutesOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  answer: { readonly response: FhirResponse; readonly created: boolean },
): FastifyReply => {
  const [outcome, resource] = answer.response;
  const body: Resource = resource ?? outcome;
  const { id, meta } = body as Partial<StoredResource>;
  const isCreated = answer.created || outcome.id === 'created';
  reply.code(isCreated ? 201 : getStatus(outcome)).type(fhirJson);
  if (id && meta?.versionId && meta.lastUpdated) {
    if (request.method === 'GET' || request.method === 'HEAD') {
      return sendStored(request, reply, options.repository, body as StoredResource);
    }
    const location = `${baseOf(request)}/${body.resourceType}/${id}/_history/${meta.versionId}`;
    reply.headers({ etag: `W/"${meta.versionId}"`, 'last-modified': httpDate(meta.lastUpdated) });
    if (isCreated) reply.header('location', location);
    else reply.header('content-location', location);
  }
  if (/return=minimal/.test(String(request.headers.prefer ?? ''))) return reply.send();
  return reply.send(stringifyExact(withFullUrls(body, baseOf(request))));
};

const withFullUrls = (body: Resource, base: string): Resource => {
  if (body.resourceType !== 'Bundle' || body.type === 'document') return body;
  return {
    ...body,
    entry: (body.entry ?? []).map((entry) => ({
      ...(entry.resource?.id && !entry.fullUrl
        ? { fullUrl: `${base}/${entry.resource.resourceType}/${entry.resource.id}` }
        : {}),
      ...entry,
    })),
  };
};

const sendOutcome = (reply: FastifyReply, outcome: OperationOutcome): FastifyReply =>
  outcome.id === notModified.id
    ? reply.code(304).send()
    : reply.code(getStatus(outcome)).type(fhirJson).send(JSON.stringify(outcome));
