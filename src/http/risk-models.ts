import { Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../domain/identity/principal.ts';
import { problemRow } from '../domain/problem.ts';
import { readBody } from './consent-words.ts';
import type { Opens } from './console-access.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';
import { outcomeOf } from './reasons.ts';

export interface ModelAnswer {
  readonly state: 'promoted' | 'waiting';
  readonly model: string;
  readonly approvals: readonly string[];
  readonly text: string;
}

export interface ModelRefusal {
  readonly refused: 'promotion-refused' | 'ledger-unavailable';
  readonly text: string;
}

type Changed = Promise<ModelAnswer | ModelRefusal>;

export interface RiskModelRoutesParts {
  readonly opens: Opens;
  readonly challenge: (text: string, officer: Principal) => Changed;
  readonly promote: (hash: string, officer: Principal) => Changed;
  readonly rollback: (officer: Principal) => Changed;
}

const promotionBody = Type.Object(
  { model: Type.String({ pattern: '^[0-9a-f]{64}$' }) },
  { additionalProperties: false },
);
const emptyBody = Type.Object({}, { additionalProperties: false });

/**
 * `/api/v1/risk/models`: let one run beside, approve it, go back. People do this under their own name; who has only the machine uses
 * the commands with a key.
 */
export function riskModelRoutes(app: FastifyInstance, parts: RiskModelRoutesParts): void {
  const admitted = async (request: FastifyRequest, reply: FastifyReply): Promise<Principal | undefined> => {
    void reply.header('cache-control', 'no-store');
    const asker = await parts.opens(request, reply, 'risk');
    if (asker !== 'operator') return asker;
    refuse(reply, 'scope-insufficient');
    return undefined;
  };
  const tell = async (reply: FastifyReply, changed: Changed): Promise<FastifyReply> => {
    const answer = await changed;
    return 'refused' in answer
      ? reply
          .code(problemRow(answer.refused).status)
          .type('application/fhir+json; charset=utf-8')
          .send(outcomeOf(answer.refused, [{ rule: 'promotion', text: answer.text }]))
      : reply.send(answer);
  };

  app.post(
    '/api/v1/risk/models/challenger',
    documented('Takes a model in to run in the shadow.'),
    async (request, reply) => {
      const officer = await admitted(request, reply);
      if (officer === undefined) return reply;
      if (typeof request.body !== 'object' || request.body === null) return refuse(reply, 'body-invalid');
      return tell(reply, parts.challenge(JSON.stringify(request.body), officer));
    },
  );

  app.post(
    '/api/v1/risk/models/promotion',
    documented('Approves that the challenger is put in force.', { body: promotionBody }),
    async (request, reply) => {
      const officer = await admitted(request, reply);
      if (officer === undefined) return reply;
      const body = readBody(promotionBody, request.body);
      if (!body.ok) return refuse(reply, 'body-invalid');
      return tell(reply, parts.promote(body.value.model, officer));
    },
  );

  app.post(
    '/api/v1/risk/models/rollback',
    documented('Puts the model before this one in force again.', { body: emptyBody }),
    async (request, reply) => {
      const officer = await admitted(request, reply);
      if (officer === undefined) return reply;
      if (!readBody(emptyBody, request.body ?? {}).ok) return refuse(reply, 'body-invalid');
      return tell(reply, parts.rollback(officer));
    },
  );
}
