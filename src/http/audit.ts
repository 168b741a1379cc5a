import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { AuditEntry, AuditPage, AuditSummary } from '../domain/console/audit.ts';
import type { PatientId } from '../domain/fhir/interaction.ts';
import { type EntryKind, entryKinds } from '../domain/ledger/entry.ts';
import type { Clock, LedgerStore, Random } from '../ports.ts';
import type { Asker, Opens } from './console-access.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';

export interface AuditFilter {
  readonly patient?: PatientId;
  readonly user?: string;
  readonly client?: string;
  readonly purpose?: string;
  readonly type?: string;
  readonly code?: string;
  readonly decision?: 'permit' | 'deny';
  readonly kinds?: readonly EntryKind[];
  readonly from?: number;
  readonly until?: number;
}

export interface AuditRoutesParts {
  readonly desk: {
    page(filter: AuditFilter, before: number | undefined, limit: number): Promise<AuditPage>;
    summary(filter: AuditFilter, offsetMinutes: number): Promise<AuditSummary>;
    entry(index: number): Promise<AuditEntry | undefined>;
    export(filter: AuditFilter, format: 'csv' | 'ndjson'): AsyncGenerator<string>;
  };
  readonly ledger: Pick<LedgerStore, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly opens: Opens;
}

type Query = Readonly<Record<string, unknown>>;

const MOST_ROWS = 200;

/** The filter and the call's own parameters in `more`; `undefined`: something that is not understood, which is never passed over. */
const readFilter = (query: Query, more: readonly string[]): AuditFilter | undefined => {
  const filter: { -readonly [Key in keyof AuditFilter]: AuditFilter[Key] } = {};
  for (const [name, value] of Object.entries(query)) {
    if (more.includes(name)) continue;
    if (typeof value !== 'string' || value.length > 200) return undefined;
    switch (name) {
      case 'patient':
        if (!/^[A-Za-z0-9.-]{1,64}$/.test(value)) return undefined;
        filter.patient = value as PatientId;
        break;
      case 'user':
      case 'client':
      case 'purpose':
      case 'type':
      case 'code':
        filter[name] = value;
        break;
      case 'outcome':
        if (value !== 'permit' && value !== 'deny') return undefined;
        filter.decision = value;
        break;
      case 'kind': {
        const kind = entryKinds.find((each) => each === value);
        if (kind === undefined) return undefined;
        filter.kinds = [kind];
        break;
      }
      case 'from':
      case 'until': {
        const at = Date.parse(value);
        if (Number.isNaN(at)) return undefined;
        filter[name] = at;
        break;
      }
      default:
        return undefined;
    }
  }
  return filter;
};

const wholeNumber = (value: unknown): number | undefined =>
  typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : undefined;

/** `/api/v1/audit`: the ledger for the Audit page. Each reading of it is an entry of its own. */
export function auditRoutes(app: FastifyInstance, parts: AuditRoutesParts): void {
  const { desk, ledger, clock, random, opens } = parts;

  /** Before the answer leaves, like any disclosure. */
  const record = (asker: Asker, url: string, patients: readonly PatientId[], indexes: readonly number[]) =>
    ledger.append({
      kind: 'search',
      at: clock.now(),
      requestId: Buffer.from(random.bytes(12)).toString('hex'),
      decision: 'permit',
      ...(asker === 'operator'
        ? {}
        : {
            actor: {
              user: asker.user,
              issuer: asker.issuer,
              client: asker.client,
              roles: asker.roles,
              ...(asker.fhirUser === undefined ? {} : { fhirUser: asker.fhirUser }),
              ...(asker.organisation === undefined ? {} : { organisation: asker.organisation }),
            },
            purpose: asker.purpose,
          }),
      interaction: { kind: 'search', type: 'AuditEvent', query: url.split('?')[1] ?? '' },
      patients,
      resources: indexes.map((index) => `AuditEvent/${index}`),
      outcome: { status: 200, returned: indexes.length, withheld: 0, masked: 0 },
      story: [{ stage: 'authorise', rule: 'console:audit', text: 'The role opens the Audit page.' }],
      height: 0,
    });

  app.get<{ Querystring: Query }>(
    '/api/v1/audit',
    documented('Entries of the ledger, for those who oversee.'),
    async (request, reply) => {
      const asker = await opens(request, reply, 'audit');
      if (asker === undefined) return reply;
      const filter = readFilter(request.query, ['before', 'limit']);
      const { before, limit = '100' } = request.query;
      const start = before === undefined ? undefined : wholeNumber(before);
      const most = wholeNumber(limit);
      if (filter === undefined || most === undefined || most === 0 || (before !== undefined && start === undefined))
        return refuse(reply, 'query-ambiguous');
      const page = await desk.page(filter, start, Math.min(most, MOST_ROWS));
      const of = filter.patient !== undefined && page.rows.length > 0 ? [filter.patient] : [];
      await record(
        asker,
        request.url,
        of,
        page.rows.map(({ index }) => index),
      );
      return reply.header('cache-control', 'no-store').send(page);
    },
  );

  app.get<{ Querystring: Query }>(
    '/api/v1/audit/summary',
    documented('How many entries of which kind and when.'),
    async (request, reply) => {
      const asker = await opens(request, reply, 'audit');
      if (asker === undefined) return reply;
      const filter = readFilter(request.query, ['offset']);
      const offset = Number(request.query.offset ?? 0);
      if (filter === undefined || !Number.isInteger(offset) || Math.abs(offset) > 840)
        return refuse(reply, 'query-ambiguous');
      const summary = await desk.summary(filter, offset);
      await record(asker, request.url, [], []);
      return reply.header('cache-control', 'no-store').send(summary);
    },
  );

  app.get<{ Params: { index: string } }>(
    '/api/v1/audit/entries/:index',
    documented('One entry with its story and its proof.'),
    async (request, reply) => {
      const asker = await opens(request, reply, 'audit');
      if (asker === undefined) return reply;
      const index = wholeNumber(request.params.index);
      const entry = index === undefined ? undefined : await desk.entry(index);
      if (entry === undefined) return refuse(reply, 'not-found');
      const of = entry.state === 'damaged' ? [] : (entry.entry?.patients ?? []);
      await record(asker, request.url, of, [entry.index]);
      return reply.header('cache-control', 'no-store').send(entry);
    },
  );

  app.get<{ Querystring: Query }>(
    '/api/v1/audit/export',
    documented('The entries that were found, as a file.'),
    async (request, reply) => {
      const asker = await opens(request, reply, 'audit');
      if (asker === undefined) return reply;
      const filter = readFilter(request.query, ['format']);
      const { format = 'ndjson' } = request.query;
      if (filter === undefined || (format !== 'csv' && format !== 'ndjson')) return refuse(reply, 'query-ambiguous');
      await record(asker, request.url, filter.patient === undefined ? [] : [filter.patient], []);
      const lines = desk.export(filter, format);
      const text = async function* (): AsyncGenerator<string> {
        for await (const line of lines) yield `${line}\n`;
      };
      return reply
        .header('cache-control', 'no-store')
        .header('content-disposition', `attachment; filename="audit.${format}"`)
        .type(format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson')
        .send(Readable.from(text()));
    },
  );
}
