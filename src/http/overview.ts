import type { FastifyInstance } from 'fastify';
import type { EpochSeconds } from '../domain/consent/grant.ts';
import { answerRows, type Figures, stageRows } from '../domain/console/figures.ts';
import type { Alert, Overview } from '../domain/console/overview.ts';
import type { Clock } from '../ports.ts';
import type { BreakGlassDesk } from './break-glass.ts';
import type { Opens } from './console-access.ts';
import { documented } from './documented.ts';
import type { PartHealth } from './health.ts';

export interface OverviewParts {
  readonly opens: Opens;
  readonly clock: Clock;
  readonly startedAt: number;
  readonly figures: () => Figures;
  readonly health: () => readonly PartHealth[];
  readonly chain: () => Overview['chain'];
  readonly ledger: () => Overview['ledger'] & { readonly refusedByChain: boolean };
  /** An anchor older than this is late. */
  readonly anchorSeconds: number;
  readonly breakGlass: Pick<BreakGlassDesk, 'tasks'>;
}

/** `GET /api/v1/overview`: what goes on, in figures that name nobody. */
export function overviewRoutes(app: FastifyInstance, parts: OverviewParts): void {
  app.get(
    '/api/v1/overview',
    documented('How the gateway fares, for the first page of the console.'),
    async (request, reply) => {
      if ((await parts.opens(request, reply, 'overview')) === undefined) return reply;
      const { stages, answers, traffic } = parts.figures();
      const { refusedByChain: _alarm, ...ledger } = parts.ledger();
      const overview: Overview = {
        at: parts.clock.now(),
        startedAt: parts.startedAt,
        traffic,
        answers: answerRows(answers),
        stages: stageRows(stages),
        chain: parts.chain(),
        ledger,
        alerts: alerts(parts),
      };
      return reply.header('cache-control', 'no-store').send(overview);
    },
  );
}

const unhealthy: Readonly<Record<string, Alert['kind']>> = { ledger: 'ledger-unwritable', consent: 'consent-stale' };

/** Urgent first. What is being handled elsewhere, such as a refused call, is a figure and no alert. */
function alerts(parts: OverviewParts): readonly Alert[] {
  const found: Alert[] = [];
  const add = (kind: Alert['kind'], severity: Alert['severity'], count = 1, part?: string): void => {
    if (count > 0) found.push({ kind, severity, count, ...(part === undefined ? {} : { part }) });
  };
  const now = parts.clock.now();
  for (const { name, ok } of parts.health()) if (!ok) add(unhealthy[name] ?? 'part-failed', 'urgent', 1, name);
  const ledger = parts.ledger();
  if (ledger.refusedByChain) add('ledger-refused-by-chain', 'urgent');
  const waiting = ledger.size > (ledger.anchored?.size ?? 0);
  const since = ledger.anchored?.at ?? parts.startedAt;
  // Three rounds: one may fall into a pause of the chain.
  if (ledger.anchoring && waiting && now - since > 3000 * parts.anchorSeconds) add('anchor-late', 'urgent');
  const tasks = parts.breakGlass.tasks(Math.floor(now / 1000) as EpochSeconds);
  add('break-glass-overdue', 'urgent', tasks.filter(({ state }) => state === 'overdue').length);
  add('break-glass-open', 'watch', tasks.filter(({ state }) => state === 'open').length);
  const { answers, failures } = parts.figures();
  const blocked = answerRows(answers).filter(({ code }) => code === 'risk-blocked');
  add(
    'risk-blocked',
    'watch',
    blocked.reduce((sum, { count }) => sum + count, 0),
  );
  for (const { part, error, count } of failures) {
    if (error === 'PolicyFault') add('policy-faulty', 'watch', count);
    else if (part !== 'break-glass') add('part-failed', 'watch', count, part);
  }
  return found.sort((a, b) => Number(b.severity === 'urgent') - Number(a.severity === 'urgent'));
}
