import { afterEach, describe, expect, it } from '@jest/globals';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Figures } from '../../src/domain/console/figures.ts';
import type { Instant } from '../../src/domain/instant.ts';
import type { ReviewTask } from '../../src/http/break-glass.ts';
import { type OverviewParts, overviewRoutes } from '../../src/http/overview.ts';

const now = 1_700_000_000_000;
const quiet: Figures = { stages: [], answers: [], failures: [], traffic: [] };
const well = ['ledger', 'consent', 'policies'].map((name) => ({ name, ok: true, detail: '' }));
const ledger = {
  size: 10,
  published: 10,
  anchored: { size: 10, at: now - 1000 },
  anchoring: true,
  refusedByChain: false,
};
const task = (state: ReviewTask['state']): ReviewTask => ({ state }) as ReviewTask;

let app: FastifyInstance;
const alertsOf = async (changes: Partial<OverviewParts>): Promise<unknown> => {
  app = Fastify();
  overviewRoutes(app, {
    opens: async () => 'operator',
    clock: { now: () => now as Instant },
    startedAt: now - 3_600_000,
    figures: () => quiet,
    health: () => well,
    chain: () => ({ headAgeSeconds: 1, maxHeadAgeSeconds: 60, grants: 0 }),
    ledger: () => ledger,
    anchorSeconds: 60,
    breakGlass: { tasks: () => [] },
    ...changes,
  });
  return (await app.inject('/api/v1/overview')).json().alerts;
};
afterEach(() => app.close());

describe('the alerts of the overview', () => {
  it('are none while all is well', async () => {
    expect(await alertsOf({})).toEqual([]);
  });

  it.each([
    ['ledger', 'ledger-unwritable'],
    ['consent', 'consent-stale'],
    ['policies', 'part-failed'],
  ])('are urgent when the part %s is not well', async (name, kind) => {
    const health = () => well.map((part) => (part.name === name ? { ...part, ok: false } : part));
    expect(await alertsOf({ health })).toEqual([{ kind, severity: 'urgent', count: 1, part: name }]);
  });

  it('tell of a late anchor only when entries wait for one', async () => {
    const old = { size: 10, at: now - 181_000 };
    expect(await alertsOf({ ledger: () => ({ ...ledger, anchored: old }) })).toEqual([]);
    await app.close();
    const late = [{ kind: 'anchor-late', severity: 'urgent', count: 1 }];
    expect(await alertsOf({ ledger: () => ({ ...ledger, size: 11, anchored: old }) })).toEqual(late);
    await app.close();
    const { anchored: _none, ...never } = ledger;
    expect(await alertsOf({ ledger: () => never })).toEqual(late);
    await app.close();
    expect(await alertsOf({ ledger: () => ({ ...never, anchoring: false }) })).toEqual([]);
  });

  it('tell of a chain that knows another history', async () => {
    expect(await alertsOf({ ledger: () => ({ ...ledger, refusedByChain: true }) })).toEqual([
      { kind: 'ledger-refused-by-chain', severity: 'urgent', count: 1 },
    ]);
  });

  it('count reviews of emergency access, overdue ones first, and leave out those that are done', async () => {
    const tasks = () => [task('open'), task('overdue'), task('justified'), task('open'), task('not-justified')];
    expect(await alertsOf({ breakGlass: { tasks } })).toEqual([
      { kind: 'break-glass-overdue', severity: 'urgent', count: 1 },
      { kind: 'break-glass-open', severity: 'watch', count: 2 },
    ]);
  });

  it('count blocked calls, faulty policies and parts that failed', async () => {
    const figures = (): Figures => ({
      ...quiet,
      answers: [{ labels: { interaction: 'read', status: '403', code: 'risk-blocked' }, bounds: [1], counts: [2, 1] }],
      failures: [
        { part: 'policy-reload', error: 'PolicyFault', count: 1 },
        { part: 'anchor', error: 'TypeError', count: 4 },
        { part: 'break-glass', error: 'EmergencyAccess', count: 9 },
      ],
    });
    expect(await alertsOf({ figures })).toEqual([
      { kind: 'risk-blocked', severity: 'watch', count: 3 },
      { kind: 'policy-faulty', severity: 'watch', count: 1 },
      { kind: 'part-failed', severity: 'watch', count: 4, part: 'anchor' },
    ]);
  });

  it('are for those alone whom the page is open to', async () => {
    await alertsOf({
      opens: async (_request, reply) => {
        await reply.code(403).send({ refused: true });
        return undefined;
      },
    });
    expect((await app.inject('/api/v1/overview')).json()).toEqual({ refused: true });
  });
});
