import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import type { GrantId } from '../domain/consent/grant.ts';
import { delegateRights } from '../domain/consent/typed-data.ts';
import type { Clock } from '../ports.ts';
import { delegateBody, endDelegateBody, patientQuery, vouchBody } from './consent-bodies.ts';
import type { ConsentDesk, Signature } from './consent-desk-parts.ts';
import { malformed, type Stand, type Standing, send } from './consent-standing.ts';
import { readBody } from './consent-words.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';

export interface DelegateRoutesParts {
  readonly desk: ConsentDesk;
  readonly clock: Clock;
  readonly standing: Standing;
}

/** How long a delegation that is signed here may take to reach the chain. */
const deadlineSeconds = 600;

/** `/api/v1/consents/delegates`: who may act for the patient, and until when. `…/{id}/vouch`: the two people of TWO_PERSON. */
export function delegateRoutes(app: FastifyInstance, { desk, clock, standing }: DelegateRoutesParts): void {
  const seconds = (): number => Math.floor(clock.now() / 1000);

  const set = (
    { caller, patient }: Stand,
    terms: { readonly delegate: string; readonly rights: number; readonly until: number },
    more: { readonly nonce?: string; readonly deadline?: number; readonly signed?: Signature },
  ) => {
    const { nonce, deadline = seconds() + deadlineSeconds, signed } = more;
    const whole = { ...terms, delegate: terms.delegate.toLowerCase(), deadline };
    return desk.delegate(caller, patient, nonce === undefined ? whole : { ...whole, nonce }, signed);
  };

  app.get<{ Querystring: { patient?: string } }>(
    '/api/v1/consents/delegates',
    documented('Who may sign for the patient.', { query: patientQuery }),
    async (request, reply) => {
      const stand = await standing(request, reply, request.query.patient, 'look', false);
      if (stand === undefined) return reply;
      const now = seconds();
      const delegates = desk.delegates(stand.patient).map(({ delegate, rights, until }) => ({
        delegate,
        rights: Object.entries(delegateRights).flatMap(([name, bit]) => ((rights & bit) === 0 ? [] : [name])),
        ...(rights === 0 ? {} : { until: new Date(until * 1000).toISOString() }),
        state: rights !== 0 && until > now ? 'active' : 'ended',
      }));
      return send(reply, 200, { patient: stand.patient, delegates });
    },
  );

  app.post(
    '/api/v1/consents/delegates',
    documented('Lets somebody sign for the patient.', { body: delegateBody }),
    async (request, reply) => {
      const body = readBody(delegateBody, request.body);
      if (!body.ok) return malformed(reply, body.fault);
      const { delegate, until, patient, ...more } = body.value;
      const end = Math.floor(Date.parse(until) / 1000);
      if (!Number.isSafeInteger(end)) return malformed(reply, '`until` is no time.');
      const stand = await standing(request, reply, patient, 'grant', more.signed !== undefined);
      if (stand === undefined) return reply;
      const rights = more.rights.reduce((sum, right) => sum | delegateRights[right], 0);
      const settled = await set(stand, { delegate, rights, until: end }, more);
      return 'code' in settled ? refuse(reply, settled.code) : send(reply, 200, { delegate, settled });
    },
  );

  app.post<{ Params: { account: string } }>(
    '/api/v1/consents/delegates/:account/end',
    documented('Ends what a delegate may sign.', { body: Type.Omit(endDelegateBody, ['delegate']) }),
    async (request, reply) => {
      const body = readBody(endDelegateBody, { ...(request.body ?? {}), delegate: request.params.account });
      if (!body.ok) return malformed(reply, body.fault);
      const { delegate, patient, ...more } = body.value;
      const stand = await standing(request, reply, patient, 'revoke', more.signed !== undefined);
      if (stand === undefined) return reply;
      const known = desk.delegates(stand.patient).some((one) => one.delegate === delegate.toLowerCase());
      if (!known) return refuse(reply, 'not-found');
      const settled = await set(stand, { delegate, rights: 0, until: 0 }, more);
      return 'code' in settled ? refuse(reply, settled.code) : send(reply, 200, { delegate, settled });
    },
  );

  app.post<{ Params: { id: string } }>(
    '/api/v1/consents/:id/vouch',
    documented('A second person vouches for a grant that asks for one.', { body: vouchBody }),
    async (request, reply) => {
      const body = readBody(vouchBody, request.body);
      if (!body.ok) return malformed(reply, body.fault);
      const stand = await standing(request, reply, body.value.patient, 'vouch', false);
      if (stand === undefined) return reply;
      const vouched = await desk.vouch(stand.caller, stand.patient, request.params.id as GrantId);
      if ('code' in vouched) return refuse(reply, vouched.code);
      return send(reply, 200, {
        id: request.params.id,
        ...vouched,
        until: new Date(vouched.until * 1000).toISOString(),
      });
    },
  );
}
