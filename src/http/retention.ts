import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import type { Instant } from '../domain/instant.ts';
import type { LedgerEntry } from '../domain/ledger/entry.ts';
import { readBody } from './consent-words.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';
import { type PrivacyGateParts, privacyGate } from './privacy-gate.ts';
import { outcomeOf } from './reasons.ts';

interface Standing {
  readonly origin: string;
  readonly entries: number;
  readonly state: 'open' | 'kept' | 'held' | 'due' | 'retired';
  readonly closed?: Instant;
  readonly until?: Instant;
}

export interface RetentionDesk {
  standings(): Promise<readonly Standing[]>;
  retire(origin: string, by?: NonNullable<LedgerEntry['actor']>): Promise<Standing | undefined>;
}

const origin = Type.String({ minLength: 1, maxLength: 255 });
/** The origin twice: what is destroyed does not come back. */
const retirementBody = Type.Object({ origin, confirm: origin }, { additionalProperties: false });

const told = ({ closed, until, ...standing }: Standing) => ({
  ...standing,
  ...(closed === undefined ? {} : { closed: new Date(closed).toISOString() }),
  ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
});

const whyKept: Readonly<Record<Exclude<Standing['state'], 'due'>, string>> = {
  open: 'The log is still written to.',
  kept: 'Its entries must be kept: `ledger.retention` is not set, or they are not old enough.',
  held: 'A legal hold covers entries of it.',
  retired: 'The log was retired before.',
};

/** `/api/v1/retention`: how long each log must be kept, and the end of one that is due. */
export function retentionRoutes(
  app: FastifyInstance,
  parts: PrivacyGateParts & { readonly desk: RetentionDesk },
): void {
  const { desk } = parts;
  const admitted = privacyGate(parts);

  app.get('/api/v1/retention', documented('The logs, and until when each must be kept.'), async (request, reply) => {
    if ((await admitted(request, reply)) === undefined) return reply;
    return reply.send({ logs: (await desk.standings()).map(told) });
  });

  app.post(
    '/api/v1/retention',
    documented('Destroys the payloads of a log that need not be kept any more.', { body: retirementBody }),
    async (request, reply) => {
      const asker = await admitted(request, reply);
      if (asker === undefined) return reply;
      const body = readBody(retirementBody, request.body);
      if (!body.ok || body.value.origin !== body.value.confirm) return refuse(reply, 'body-invalid');
      const standing = await desk.retire(body.value.origin, asker.by);
      if (standing === undefined) return refuse(reply, 'not-found');
      if (standing.state === 'due') return reply.send({ ...told(standing), state: 'retired' });
      return reply
        .code(409)
        .type('application/fhir+json; charset=utf-8')
        .send(outcomeOf('retention', [{ rule: 'retention', text: whyKept[standing.state] }]));
    },
  );
}
