import { randomUUID } from 'node:crypto';
import { badRequest, notFound } from '@medplum/core';
import type { Group, OperationOutcome } from '@medplum/fhirtypes';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { everythingOf } from './sandbox-fhir-operations.ts';
import type { SandboxRepository } from './sandbox-fhir-repository.ts';
import type { StoredResource } from './sandbox-fhir-store.ts';

interface Job {
  readonly request: string;
  readonly time: string;
  /** NDJSON by resource type, as the data stood at the kick-off. */
  readonly files: ReadonlyMap<string, string>;
  polled: boolean;
}

export interface ExportRoutesOptions {
  readonly repository: SandboxRepository;
  readonly baseOf: (request: FastifyRequest) => string;
  readonly sendOutcome: (reply: FastifyReply, outcome: OperationOutcome) => FastifyReply;
  readonly now: () => Date;
}

type Scope = (repository: SandboxRepository, id: string) => Iterable<StoredResource> | undefined;

/** Bulk Data Access 2.0: kick-off, status, files, delete. The first poll always says "in progress", so that clients learn to wait. */
export const addExport = (
  server: FastifyInstance,
  { repository, baseOf, sendOutcome, now }: ExportRoutesOptions,
): void => {
  const jobs = new Map<string, Job>();
  const kickOff =
    (scope: Scope) =>
    (
      request: FastifyRequest<{ Params: { id?: string }; Querystring: Record<string, string | undefined> }>,
      reply: FastifyReply,
    ) => {
      if (!/respond-async/.test(String(request.headers.prefer ?? '')))
        return sendOutcome(reply, badRequest('An export needs Prefer: respond-async'));
      const resources = scope(repository, request.params.id ?? '');
      if (!resources) return sendOutcome(reply, notFound);
      const job = randomUUID();
      const { _type: types, _since: since = '' } = request.query;
      const files = new Map<string, string>();
      for (const each of resources) {
        const isWanted = (!types || types.split(',').includes(each.resourceType)) && each.meta.lastUpdated >= since;
        if (isWanted)
          files.set(each.resourceType, `${files.get(each.resourceType) ?? ''}${repository.store.textOf(each)}\n`);
      }
      const url = `${baseOf(request).replace(/\/fhir$/, '')}${request.url}`;
      jobs.set(job, { request: url, time: now().toISOString(), files, polled: false });
      return reply
        .code(202)
        .header('content-location', `${baseOf(request)}/$export-status/${job}`)
        .send();
    };

  server.get(
    '/$export',
    kickOff((from) => from.store.types().flatMap((type) => [...from.store.all(type)])),
  );
  server.get(
    '/Patient/$export',
    kickOff((from) => new Set([...from.store.all('Patient')].flatMap((each) => everythingOf(from, each)))),
  );
  server.get('/Group/:id/$export', kickOff(groupRecords));

  server.get<{ Params: { job: string } }>('/$export-status/:job', (request, reply) => {
    const job = jobs.get(request.params.job);
    if (!job) return sendOutcome(reply, notFound);
    if (!job.polled) {
      job.polled = true;
      return reply.code(202).headers({ 'x-progress': 'in progress', 'retry-after': '1' }).send();
    }
    const output = [...job.files].map(([type, text]) => ({
      type,
      url: `${baseOf(request)}/$export-file/${request.params.job}/${type}.ndjson`,
      count: text.split('\n').length - 1,
    }));
    const { request: from, time } = job;
    return reply.send({ transactionTime: time, request: from, requiresAccessToken: false, output, error: [] });
  });
  server.get<{ Params: { job: string; file: string } }>('/$export-file/:job/:file', (request, reply) => {
    const text = jobs.get(request.params.job)?.files.get(request.params.file.replace(/\.ndjson$/, ''));
    return text === undefined ? sendOutcome(reply, notFound) : reply.type('application/fhir+ndjson').send(text);
  });
  server.delete<{ Params: { job: string } }>('/$export-status/:job', (request, reply) =>
    jobs.delete(request.params.job) ? reply.code(202).send() : sendOutcome(reply, notFound),
  );
};

const groupRecords: Scope = (repository, id) => {
  const group = repository.store.newest('Group', id)?.resource as (Group & StoredResource) | undefined;
  return group?.member?.flatMap(({ entity }) => {
    const patient = repository.store.newest('Patient', entity.reference?.split('/')[1] ?? '')?.resource;
    return patient ? everythingOf(repository, patient) : [];
  });
};
