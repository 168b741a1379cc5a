import type { FastifyInstance } from 'fastify';
import { consentDomain } from '../domain/consent/typed-data.ts';
import type { SubjectKeys } from '../ports.ts';
import { keyBody, moveBody, patientQuery } from './consent-bodies.ts';
import type { ConsentDesk } from './consent-desk-parts.ts';
import { malformed, type Standing, send } from './consent-standing.ts';
import { readBody } from './consent-words.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';

export interface KeyRoutesParts {
  readonly desk: ConsentDesk;
  readonly keys: SubjectKeys;
  readonly chain: { readonly chainId: number; readonly contract: string };
  readonly passkeyVerifier?: string | undefined;
  readonly standing: Standing;
}

/** `/api/v1/consents/signing` and `/key`: which key signs for the patient, what it must know, and how it becomes another. */
export function keyRoutes(app: FastifyInstance, parts: KeyRoutesParts): void {
  const { desk, passkeyVerifier, standing } = parts;

  app.get<{ Querystring: { patient?: string } }>(
    '/api/v1/consents/signing',
    documented('What a wallet or passkey must know to sign for the patient, and which key signs now.', {
      query: patientQuery,
    }),
    async (request, reply) => {
      const stand = await standing(request, reply, request.query.patient, 'prepare', false);
      if (stand === undefined) return reply;
      const subject = parts.keys.subjectOf(stand.patient);
      if (subject === undefined) return refuse(reply, 'not-found');
      const { now, nextKept } = desk.key(stand.patient);
      return send(reply, 200, {
        subject,
        domain: consentDomain(parts.chain.chainId, parts.chain.contract),
        // Whoever stands in for the patient signs with a key of their own.
        ...(stand.caller.patient === stand.patient ? { key: now, nextKept } : {}),
        ...(passkeyVerifier === undefined ? {} : { passkeyVerifier }),
      });
    },
  );

  app.get<{ Querystring: { patient?: string } }>(
    '/api/v1/consents/nonce',
    documented('The nonce of the next delegation or move to another key, for who signs it elsewhere.', {
      query: patientQuery,
    }),
    async (request, reply) => {
      const stand = await standing(request, reply, request.query.patient, 'prepare', false);
      if (stand === undefined) return reply;
      const nonce = await desk.nonce(stand.patient);
      return typeof nonce === 'string' ? send(reply, 200, { nonce }) : refuse(reply, nonce.code);
    },
  );

  app.post(
    '/api/v1/consents/key',
    documented('Binds the key that signs for the patient.', { body: keyBody }),
    async (request, reply) => {
      const body = readBody(keyBody, request.body ?? {});
      if (!body.ok) return malformed(reply, body.fault);
      const stand = await standing(request, reply, body.value.patient, 'key', false);
      if (stand === undefined) return reply;
      const bound = await desk.register(stand.caller, stand.patient, body.value.controller);
      return 'code' in bound ? refuse(reply, bound.code) : send(reply, 200, bound);
    },
  );

  app.post(
    '/api/v1/consents/key/move',
    documented('Lets another key sign for the patient from then on; the present one signs that.', { body: moveBody }),
    async (request, reply) => {
      const body = readBody(moveBody, request.body);
      if (!body.ok) return malformed(reply, body.fault);
      const { patient, to, ...more } = body.value;
      if (to.how === 'passkey' && passkeyVerifier === undefined)
        return malformed(reply, 'No verifier of passkeys is configured.');
      const stand = await standing(request, reply, patient, 'key', more.signed !== undefined);
      if (stand === undefined) return reply;
      const moved = await desk.move(stand.caller, stand.patient, to, more);
      return 'code' in moved ? refuse(reply, moved.code) : send(reply, 200, moved);
    },
  );
}
