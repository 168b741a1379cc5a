import { Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { CaseAnswer, CasesAnswer, DayAccess, RiskStatusAnswer, WhatIfAnswer } from '../domain/console/risk.ts';
import type { Review } from '../domain/risk/review.ts';
import type { CaseDecision, Decided, ReviewCase } from '../domain/risk/review-queue.ts';
import { readBody } from './consent-words.ts';
import type { Opens } from './console-access.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';
import { outcomeOf } from './reasons.ts';

export interface RiskRoutesParts {
  readonly opens: Opens;
  readonly cases: {
    list(state: ReviewCase['state'] | 'all', most: number): readonly ReviewCase[];
    find(id: string): ReviewCase | undefined;
    decide(
      id: string,
      decision: CaseDecision['decision'],
      reviewer: { readonly name: string; readonly aliases?: readonly string[] },
      reason: string,
    ): Decided;
    /** Resolves when what was decided survives a crash. */
    kept(): Promise<void>;
    reviews(): readonly Review[];
  };
  /** All that the case's user did on its days, alerted or not. */
  readonly daysOf: (known: ReviewCase) => Promise<readonly DayAccess[]>;
  readonly links: (
    known: ReviewCase,
    patient: string,
    time: number,
  ) => { readonly explanation: string | undefined; readonly links: readonly string[] };
  readonly whatIf: (thresholds: readonly number[]) => WhatIfAnswer;
  readonly status: () => RiskStatusAnswer;
}

const decisionBody = Type.Object(
  {
    decision: Type.Union([Type.Literal('confirmed'), Type.Literal('dismissed')]),
    reason: Type.String({ maxLength: 2000 }),
  },
  { additionalProperties: false },
);

const states: readonly string[] = ['open', 'confirmed', 'dismissed', 'all'];
const MOST_CASES = 500;
/** Patients of a case whose links are looked up for the map. */
const MOST_PATIENTS = 60;
const thresholds = Array.from({ length: 97 }, (_, step) => (step + 2) / 100);

const refusals: Readonly<Record<Exclude<Decided, 'decided' | 'unknown'>, string>> = {
  'no-reason': 'A decision needs a reason of eight letters or more.',
  own: 'Nobody decides about their own accesses.',
  twice: 'You have decided this case already; a second opinion is for somebody else.',
};

/** `/api/v1/risk`: what was alerted, why, and what people decided about it; how the model fares. */
export function riskRoutes(app: FastifyInstance, parts: RiskRoutesParts): void {
  const { cases } = parts;
  const admitted = (request: FastifyRequest, reply: FastifyReply) => {
    void reply.header('cache-control', 'no-store');
    return parts.opens(request, reply, 'risk');
  };

  app.get('/api/v1/risk/status', documented('The model in force and how it fares.'), async (request, reply) => {
    if ((await admitted(request, reply)) === undefined) return reply;
    return reply.send(parts.status());
  });

  app.get<{ Querystring: { state?: string; limit?: string } }>(
    '/api/v1/risk/cases',
    documented('Accesses that wait for a review.'),
    async (request, reply) => {
      if ((await admitted(request, reply)) === undefined) return reply;
      const { state = 'open', limit = '50' } = request.query;
      const most = Number(limit);
      if (!states.includes(state) || !Number.isInteger(most) || most < 1 || most > MOST_CASES)
        return refuse(reply, 'query-ambiguous');
      const found = cases.list(state as ReviewCase['state'] | 'all', most);
      // The list is for choosing; the accesses are in the case.
      const answer: CasesAnswer = { cases: found.map(({ accesses: _accesses, ...told }) => told) };
      return reply.send(answer);
    },
  );

  app.get<{ Params: { id: string } }>(
    '/api/v1/risk/cases/:id',
    documented('One access with its reasons.'),
    async (request, reply) => {
      if ((await admitted(request, reply)) === undefined) return reply;
      const known = cases.find(request.params.id);
      if (known === undefined) return refuse(reply, 'not-found');
      const latest = known.accesses.at(-1)?.at ?? `${known.day}T23:59:59Z`;
      const day = await parts.daysOf(known);
      const named = new Set([...known.patients, ...day.flatMap(({ patients }) => patients)]);
      const answer: CaseAnswer = {
        case: known,
        day,
        patients: [...named].slice(0, MOST_PATIENTS).map((patient) => ({
          patient,
          alerted: known.accesses.filter((access) => access.patient === patient).length,
          accesses: day.filter((access) => access.patients.includes(patient)).length,
          ...parts.links(known, patient, Date.parse(latest)),
        })),
      };
      return reply.send(answer);
    },
  );

  app.post<{ Params: { id: string } }>(
    '/api/v1/risk/cases/:id/decision',
    documented('What came of a review.', { body: decisionBody }),
    async (request, reply) => {
      const asker = await admitted(request, reply);
      if (asker === undefined) return reply;
      const body = readBody(decisionBody, request.body);
      if (!body.ok) return refuse(reply, 'body-invalid');
      const reviewer =
        asker === 'operator'
          ? { name: 'operator' }
          : { name: asker.user, ...(asker.fhirUser === undefined ? {} : { aliases: [asker.fhirUser] }) };
      const { decision, reason } = body.value;
      const decided = cases.decide(request.params.id, decision, reviewer, reason);
      switch (decided) {
        case 'decided':
          await cases.kept();
          return reply.send({ id: request.params.id, state: cases.find(request.params.id)?.state });
        case 'unknown':
          return refuse(reply, 'not-found');
        default:
          return reply
            .code(409)
            .type('application/fhir+json; charset=utf-8')
            .send(outcomeOf('review-refused', [{ rule: decided, text: refusals[decided] }]));
      }
    },
  );

  /** The decisions as `consentry risk train --reviews` reads them. */
  app.get('/api/v1/risk/reviews', documented('The reviews that were done.'), async (request, reply) => {
    if ((await admitted(request, reply)) === undefined) return reply;
    const lines = cases.reviews().map((review) => `${JSON.stringify(review)}\n`);
    return reply.type('application/x-ndjson').send(lines.join(''));
  });

  app.get('/api/v1/risk/what-if', documented('What other bounds would have done.'), async (request, reply) => {
    if ((await admitted(request, reply)) === undefined) return reply;
    return reply.send(parts.whatIf(thresholds));
  });
}
