import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fastify, { type FastifyInstance } from 'fastify';
import type { LedgerEntry } from '../../src/domain/ledger/entry.ts';
import { type AuditFilter, auditRoutes } from '../../src/http/audit.ts';
import { refuse } from '../../src/http/errors.ts';
import { systemClock, systemRandom } from '../adapters/store/ledger-fixture.ts';

let app: FastifyInstance;
const entries: LedgerEntry[] = [];
const filters: AuditFilter[] = [];
let fails = false;
const auditor = {
  user: 'duarte',
  issuer: 'https://issuer',
  client: 'console',
  roles: ['auditor'],
  purpose: 'HCOMPL',
  scopes: [],
};

beforeAll(async () => {
  app = fastify();
  auditRoutes(app, {
    desk: {
      page: async (filter, _before, limit) => {
        filters.push(filter);
        return { rows: [{ index: 4, at: 0, kind: 'read', decision: 'permit' }], size: limit };
      },
      summary: async () => ({ counted: 0, bucketMs: 1, buckets: [], actors: [] }),
      entry: async (index) => (index === 4 ? { state: 'damaged', index, file: 'f', text: 't' } : undefined),
      export: async function* () {
        yield 'line';
      },
    },
    ledger: {
      append: async (entry) => {
        if (fails) throw new Error('the disk is full');
        entries.push(entry);
        return { log: 'l', index: 0, leaf: '' };
      },
    },
    clock: systemClock,
    random: systemRandom,
    opens: async (request, reply, page) => {
      if (request.headers.authorization === 'auditor' && page === 'audit') return auditor as never;
      refuse(reply, 'scope-insufficient');
      return undefined;
    },
  });
});
afterAll(() => app.close());

const paths = ['/api/v1/audit', '/api/v1/audit/summary', '/api/v1/audit/entries/4', '/api/v1/audit/export?format=csv'];
const get = (url: string, authorization = 'auditor') => app.inject({ url, headers: { authorization } });

describe('the audit API', () => {
  it.each(paths)('is closed to a role without the page, and records who reads %s', async (path) => {
    expect((await get(path, 'clinician')).statusCode).toBe(403);
    const before = entries.length;
    const answer = await get(path);
    expect([answer.statusCode, answer.headers['cache-control']]).toEqual([200, 'no-store']);
    expect(entries.slice(before)).toEqual([
      expect.objectContaining({
        kind: 'search',
        actor: expect.objectContaining({ user: 'duarte' }),
        purpose: 'HCOMPL',
      }),
    ]);
  });

  it.each(paths)('tells nothing of %s that it cannot record', async (path) => {
    fails = true;
    try {
      expect((await get(path)).statusCode).toBe(500);
    } finally {
      fails = false;
    }
  });

  it('reads the filter, tells the patient who was asked about, and passes over nothing that it does not understand', async () => {
    await get('/api/v1/audit?patient=p1&outcome=deny&from=2026-01-01&kind=read&user=u&limit=9');
    expect(filters.at(-1)).toEqual({
      patient: 'p1',
      decision: 'deny',
      from: Date.parse('2026-01-01'),
      kinds: ['read'],
      user: 'u',
    });
    expect(entries.at(-1)?.patients).toEqual(['p1']);
    for (const query of [
      'nonsense=1',
      'outcome=maybe',
      'kind=none',
      'from=yesterday',
      'patient=../x',
      'limit=0',
      'limit=-1',
      'before=x',
      'user=a&user=b',
    ])
      expect([query, (await get(`/api/v1/audit?${query}`)).statusCode]).toEqual([query, 400]);
    expect((await get('/api/v1/audit/summary?offset=99999')).statusCode).toBe(400);
    expect((await get('/api/v1/audit/export?format=xml')).statusCode).toBe(400);
    expect((await get('/api/v1/audit/entries/5')).statusCode).toBe(404);
    expect((await get('/api/v1/audit/entries/x')).statusCode).toBe(404);
  });
});
