import type { FastifyInstance } from 'fastify';
import { PromotionRefused } from '../adapters/risk/model-store.ts';
import type { EntryQuery } from '../adapters/store/ledger-index.ts';
import type { DayAccess } from '../domain/console/risk.ts';
import type { LedgerEntry } from '../domain/ledger/entry.ts';
import { fullLadder } from '../domain/risk/model.ts';
import type { ReviewCase } from '../domain/risk/review-queue.ts';
import { DAY } from '../domain/risk/time.ts';
import type { Opens } from '../http/console-access.ts';
import { riskRoutes } from '../http/risk.ts';
import { type ModelAnswer, type ModelRefusal, riskModelRoutes } from '../http/risk-models.ts';
import type { Clock } from '../ports.ts';
import type { OpenRisk } from './risk.ts';
import { ChangeNotRecorded } from './risk-models.ts';
import type { Threats } from './threats.ts';

export interface RiskApiParts {
  readonly risk: OpenRisk;
  readonly threats: Threats;
  readonly ledger: {
    query(query: EntryQuery): Promise<readonly number[]>;
    open(index: number): Promise<{ readonly entry: LedgerEntry } | undefined>;
  };
  readonly clock: Clock;
  readonly opens: Opens;
}

const MOST_ACCESSES = 500;
const MOST_DAYS = 10;

/** The review desk of the risk score: `/api/v1/risk/...`. */
export function mountRisk(app: FastifyInstance, parts: RiskApiParts): void {
  const { risk, threats, ledger, clock, opens } = parts;
  const { engine, queue, models } = risk;

  async function daysOf({ login, days }: ReviewCase): Promise<readonly DayAccess[]> {
    if (login === undefined) return [];
    const newest = days.slice(-MOST_DAYS);
    const limit = Math.ceil(MOST_ACCESSES / Math.max(1, newest.length));
    const found = await Promise.all(
      newest.map((day) => {
        const from = Date.parse(`${day}T00:00:00Z`);
        return ledger.query({ user: login, from, until: from + DAY, limit });
      }),
    );
    const opened = await Promise.all(found.flat().map((index) => ledger.open(index)));
    return opened
      .flatMap((each) => (each === undefined ? [] : [accessOf(each.entry)]))
      .toSorted((a, b) => (a.at < b.at ? -1 : 1));
  }

  riskRoutes(app, {
    opens,
    cases: {
      list: (state, most) => queue.list(state, most),
      find: (id) => queue.find(id),
      decide: (id, decision, reviewer, reason) => queue.decide(id, decision, reviewer, reason, clock.now()),
      kept: () => risk.keepCases(),
      reviews: () => queue.reviews(),
    },
    daysOf,
    links: ({ user, role, department }, patient, time) =>
      engine.links({ user, role, ...(department === undefined ? {} : { department }) }, patient, time),
    whatIf: (thresholds) => ({
      days: risk.history.days,
      curve: risk.history.whatIf(
        thresholds,
        queue
          .list('all', Number.POSITIVE_INFINITY)
          .flatMap(({ user, days, state }) => (state === 'open' ? [] : days.map((day) => ({ user, day, state })))),
      ),
    }),
    status() {
      const { model, challenger, shadow, assessed, failed, actions } = engine.status();
      const { card, ladder, hash, net } = engine.model;
      const beside = models.store.challenger();
      return {
        model: { id: model, hash, ladder: fullLadder(risk.policy.ladder ?? ladder), card, features: net.sizes[0] ?? 0 },
        ...(challenger === undefined || beside === undefined
          ? {}
          : { challenger: { id: challenger, hash: beside.hash, card: beside.card, shadow } }),
        store: models.store.status(),
        promotion: risk.policy.promotion,
        counts: { assessed, failed, ...actions },
        drift: risk.drift.status(),
        volume: risk.policy.volume,
        threats: threats.status(),
      };
    },
  });

  const settled = async (change: () => Promise<ModelAnswer>): Promise<ModelAnswer | ModelRefusal> => {
    try {
      return await change();
    } catch (error) {
      if (error instanceof PromotionRefused) return { refused: 'promotion-refused', text: error.message };
      if (error instanceof ChangeNotRecorded)
        return { refused: 'ledger-unavailable', text: 'The change comes into force once the ledger takes its entry.' };
      throw error;
    }
  };
  riskModelRoutes(app, {
    opens,
    challenge: (text, officer) => settled(() => models.challenge(text, officer)),
    promote: (hash, officer) => settled(() => models.promote(hash, officer)),
    rollback: (officer) => settled(() => models.rollback(officer)),
  });
}

const accessOf = ({ at, requestId, decision, code, interaction, patients, risk, outcome }: LedgerEntry): DayAccess => ({
  at: new Date(at).toISOString(),
  requestId,
  decision,
  ...(code === undefined ? {} : { code }),
  ...(interaction === undefined ? {} : { interaction: interaction.kind }),
  ...(interaction?.type === undefined ? {} : { type: interaction.type }),
  patients,
  returned: outcome.returned,
  ...(risk === undefined ? {} : { score: risk.score, action: risk.action }),
});
