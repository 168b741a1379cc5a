import type { PatientId } from '../../domain/fhir/interaction.ts';
import { disclosureEventOf, disclosureKinds } from '../../domain/ledger/accounting.ts';
import { type AuditEvent, type AuditSource, auditEventOf } from '../../domain/ledger/audit-event.ts';
import { type AuditSearch, parseAuditSearch } from '../../domain/ledger/audit-search.ts';
import type { LedgerEntry } from '../../domain/ledger/entry.ts';
import type { UpstreamResponse } from '../../domain/upstream.ts';
import type { Forward } from '../../ports.ts';
import type { EntryQuery } from './ledger-index.ts';

/** What reading needs of a ledger. */
export interface AuditLedger {
  query(query: EntryQuery): Promise<readonly number[]>;
  open(index: number): Promise<{ readonly entry: LedgerEntry } | undefined>;
}

/** Entries opened for one page; a search that matches fewer goes on by its next link. */
const MOST_OPENED = 5000;
const SLICE = 200;

export interface AuditPage {
  readonly events: readonly AuditEvent[];
  /** Where the next page starts, when there may be one. */
  readonly next: number | undefined;
}

const eventAt = async (ledger: AuditLedger, source: AuditSource, index: number): Promise<AuditEvent | undefined> => {
  const opened = await ledger.open(index);
  return opened && auditEventOf(opened.entry, source, String(index));
};

const byId = async (ledger: AuditLedger, source: AuditSource, id: string): Promise<AuditEvent | undefined> => {
  const index = /^(?:0|[1-9]\d{0,15})$/.test(id) ? Number(id) : undefined;
  return index === undefined || !Number.isSafeInteger(index) ? undefined : eventAt(ledger, source, index);
};

/** One page, newest first. */
export const searchAudit = async (
  ledger: AuditLedger,
  source: AuditSource,
  search: AuditSearch,
): Promise<AuditPage> => {
  if (search.ids !== undefined) {
    const found = await Promise.all(search.ids.map((id) => byId(ledger, source, id)));
    return {
      events: found.filter((event) => event !== undefined && search.matches(event)) as AuditEvent[],
      next: undefined,
    };
  }
  const events: AuditEvent[] = [];
  let before = search.before;
  for (let opened = 0; opened < MOST_OPENED; ) {
    const indexes = await ledger.query({ ...search.narrow, ...(before === undefined ? {} : { before }), limit: SLICE });
    for (const index of indexes) {
      if (events.length >= search.count) return { events, next: before };
      before = index;
      opened++;
      const event = await eventAt(ledger, source, index);
      if (event !== undefined && search.matches(event)) events.push(event);
    }
    if (indexes.length < SLICE) return { events, next: undefined };
  }
  return { events, next: before };
};

export interface AccountingQuery {
  readonly limit: number;
  /** Entries below this number only. */
  readonly before?: number;
  readonly from?: number;
  readonly until?: number;
}

/** Who looked at one patient's record, newest first, each with its sentence. */
export const accountingOf = async (
  ledger: AuditLedger,
  source: AuditSource,
  patient: PatientId,
  query: AccountingQuery,
): Promise<readonly AuditEvent[]> => {
  const indexes = await ledger.query({ ...query, patient, kinds: disclosureKinds });
  const entries = await Promise.all(indexes.map((index) => ledger.open(index)));
  return entries.flatMap((opened, i) => {
    const event = opened && disclosureEventOf(opened.entry, indexes[i] ?? 0, patient, source);
    return event === undefined ? [] : [event];
  });
};

const answer = (status: number, resource: object): UpstreamResponse => ({
  kind: 'answer',
  status,
  headers: { 'content-type': 'application/fhir+json' },
  body: Buffer.from(JSON.stringify(resource)),
});

const outcome = (status: number, code: string): UpstreamResponse =>
  answer(status, { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code }] });

const bundleOf = (page: AuditPage, path: string): object => {
  const [base = '', query = ''] = path.split('?');
  const parameters = new URLSearchParams(query);
  const link = [{ relation: 'self', url: path }];
  const [newest] = page.events;
  if (newest?.id !== undefined && !parameters.has('_before')) {
    // Reading the audit is an entry of it: what is skipped on the way to a page must not move.
    parameters.set('_before', String(Number(newest.id) + 1));
    link.push({ relation: 'urn:consentry:same-page', url: `${base}?${parameters.toString()}` });
  }
  if (page.next !== undefined) {
    parameters.set('_before', String(page.next));
    link.push({ relation: 'next', url: `${base}?${parameters.toString()}` });
  }
  return {
    resourceType: 'Bundle',
    type: 'searchset',
    link,
    entry: page.events.map((resource) => ({
      fullUrl: `AuditEvent/${resource.id}`,
      resource,
      search: { mode: 'match' },
    })),
  };
};

const MOST_DISCLOSURES = 1000;

const accounting = async (
  ledger: AuditLedger,
  source: AuditSource,
  patient: PatientId,
  query: URLSearchParams,
): Promise<UpstreamResponse> => {
  const time = (name: string): number | undefined => {
    const value = query.get(name);
    return value === null ? undefined : Date.parse(value);
  };
  const from = time('start');
  const until = time('end');
  const before = query.get('before');
  const wanted = query.get('_count');
  const events = await accountingOf(ledger, source, patient, {
    limit: Math.min(MOST_DISCLOSURES, wanted === null ? MOST_DISCLOSURES : Number(wanted)),
    ...(before === null ? {} : { before: Number(before) }),
    ...(from === undefined ? {} : { from }),
    ...(until === undefined ? {} : { until }),
  });
  return answer(200, {
    resourceType: 'Bundle',
    type: 'searchset',
    entry: events.map((resource) => ({ resource, search: { mode: 'match' } })),
  });
};

/**
 * Answers for AuditEvent from the ledger, as if it were one more resource of the server: so the same stages judge, mask
 * and record the reading of the audit as any other. Everything else goes on to `forward`. Nobody writes an AuditEvent.
 */
export const withAudit =
  (forward: Forward, ledger: AuditLedger, source: AuditSource): Forward =>
  async (cleared, signal) => {
    const request = cleared as unknown as {
      readonly method: string;
      readonly path: string;
      readonly body?: Uint8Array;
    };
    const [target = '', query = ''] = request.path.replace(/^\//, '').split('?');
    const [type, id, more] = target.split('/');
    if (type === 'Patient' && more === '$accounting-of-disclosures' && id !== undefined)
      return accounting(ledger, source, id as PatientId, new URLSearchParams(query));
    if (type !== 'AuditEvent') return forward(cleared, signal);
    const search = id === undefined || (id === '_search' && request.method === 'POST');
    if (!search && (request.method === 'GET' || request.method === 'HEAD') && id !== undefined && more === undefined) {
      const event = await byId(ledger, source, id);
      return event === undefined ? outcome(404, 'not-found') : answer(200, event);
    }
    if (!search || (request.method !== 'GET' && id !== '_search')) return outcome(405, 'not-supported');
    const body = request.body === undefined ? '' : Buffer.from(request.body).toString('utf8');
    const parsed = parseAuditSearch([...new URLSearchParams(query), ...new URLSearchParams(body)]);
    if ('fault' in parsed) return outcome(400, 'not-supported');
    const page = await searchAudit(ledger, source, parsed);
    return answer(200, bundleOf(page, `AuditEvent?${[query, body].filter((part) => part !== '').join('&')}`));
  };
