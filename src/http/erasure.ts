import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import type { PatientId } from '../domain/fhir/interaction.ts';
import type { Instant } from '../domain/instant.ts';
import type { LedgerEntry } from '../domain/ledger/entry.ts';
import { readBody } from './consent-words.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';
import { type PrivacyGateParts, privacyGate } from './privacy-gate.ts';
import { outcomeOf } from './reasons.ts';

type Actor = NonNullable<LedgerEntry['actor']>;

interface Hold {
  readonly reason: string;
  readonly until?: Instant;
}

export interface ErasureDesk {
  hold(patient: PatientId, hold: Hold, by?: Actor): Promise<void>;
  lift(patient: PatientId, by?: Actor): Promise<boolean>;
  holds(): readonly (Hold & { readonly patient: PatientId })[];
  erase(
    patient: PatientId,
    by?: Actor,
  ): Promise<
    | { readonly kind: 'erased'; readonly id: string; readonly entries: number }
    | ({ readonly kind: 'held' } & Hold)
    | { readonly kind: 'unknown' }
  >;
}

export interface ErasureRoutesParts extends PrivacyGateParts {
  readonly desk: ErasureDesk;
}

const patient = Type.String({ pattern: '^[A-Za-z0-9.-]{1,64}$' });
const strict = { additionalProperties: false } as const;
/** The id twice: what is destroyed does not come back. */
const erasureBody = Type.Object({ patient, confirm: patient }, strict);
const holdBody = Type.Object(
  {
    patient,
    reason: Type.String({ minLength: 1, maxLength: 500 }),
    until: Type.Optional(Type.String({ maxLength: 40 })),
  },
  strict,
);
const liftBody = Type.Object({ patient }, strict);

const told = ({ reason, until }: Hold) => ({
  reason,
  ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
});

/** `/api/v1/erasures` and `/api/v1/legal-holds`. Ids travel in bodies, so that no proxy on the way logs them. */
export function erasureRoutes(app: FastifyInstance, parts: ErasureRoutesParts): void {
  const { desk } = parts;
  const admitted = privacyGate(parts);

  app.post(
    '/api/v1/erasures',
    documented('Erases what the gateway keeps of a patient.', { body: erasureBody }),
    async (request, reply) => {
      const asker = await admitted(request, reply);
      if (asker === undefined) return reply;
      const body = readBody(erasureBody, request.body);
      if (!body.ok || body.value.patient !== body.value.confirm) return refuse(reply, 'body-invalid');
      const answer = await desk.erase(body.value.patient as PatientId, asker.by);
      switch (answer.kind) {
        case 'held':
          return reply
            .code(409)
            .type('application/fhir+json; charset=utf-8')
            .send(outcomeOf('legal-hold', [{ rule: 'legal-hold', text: answer.reason }]));
        case 'unknown':
          return refuse(reply, 'not-found');
        default:
          return reply.send({ id: answer.id, entries: answer.entries });
      }
    },
  );

  app.get('/api/v1/legal-holds', documented('Patients whose traces may not be erased.'), async (request, reply) => {
    if ((await admitted(request, reply)) === undefined) return reply;
    return reply.send({ holds: desk.holds().map((hold) => ({ patient: hold.patient, ...told(hold) })) });
  });

  app.post(
    '/api/v1/legal-holds',
    documented('Holds the traces of a patient.', { body: holdBody, status: 201 }),
    async (request, reply) => {
      const asker = await admitted(request, reply);
      if (asker === undefined) return reply;
      const body = readBody(holdBody, request.body);
      const until = body.ok && body.value.until !== undefined ? Date.parse(body.value.until) : undefined;
      if (!body.ok || Number.isNaN(until)) return refuse(reply, 'body-invalid');
      const hold = { reason: body.value.reason, ...(until === undefined ? {} : { until: until as Instant }) };
      await desk.hold(body.value.patient as PatientId, hold, asker.by);
      return reply.code(201).send({ patient: body.value.patient, ...told(hold) });
    },
  );

  app.post('/api/v1/legal-holds/lift', documented('Lifts a hold.', { body: liftBody }), async (request, reply) => {
    const asker = await admitted(request, reply);
    if (asker === undefined) return reply;
    const body = readBody(liftBody, request.body);
    if (!body.ok) return refuse(reply, 'body-invalid');
    return (await desk.lift(body.value.patient as PatientId, asker.by))
      ? reply.send({ patient: body.value.patient })
      : refuse(reply, 'not-found');
  });
}
