import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Principal } from '../domain/identity/principal.ts';
import type { LedgerEntry } from '../domain/ledger/entry.ts';
import { callerExplanation, explanation } from '../domain/ledger/explanation.ts';
import type { LedgerStore } from '../ports.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';

export interface ExplainParts {
  readonly ledger: LedgerStore;
  readonly asker: (request: FastifyRequest) => Promise<'operator' | Principal | undefined>;
}

/** `GET /api/v1/explain/{requestId}`: why a call was answered as it was; callers see their own calls only. */
export function explainRoutes(app: FastifyInstance, parts: ExplainParts): void {
  app.get<{ Params: { requestId: string } }>(
    '/api/v1/explain/:requestId',
    documented('Why one of your own calls was answered as it was.'),
    async (request, reply) => {
      const asker = await parts.asker(request);
      if (asker === undefined) return refuse(reply.header('www-authenticate', 'Bearer'), 'auth-token-invalid');
      const found = await parts.ledger.find(request.params.requestId);
      if (found === undefined || (asker !== 'operator' && !own(found.entry, asker))) return refuse(reply, 'not-found');
      const tell = asker === 'operator' ? explanation : callerExplanation;
      return reply.header('cache-control', 'no-store').send(tell(found.entry, found.receipt));
    },
  );
}

const own = (entry: LedgerEntry, asker: Principal): boolean =>
  entry.actor?.user === asker.user && entry.actor.issuer === asker.issuer && entry.actor.client === asker.client;
