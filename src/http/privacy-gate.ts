import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../domain/identity/principal.ts';
import type { LedgerEntry } from '../domain/ledger/entry.ts';
import { refuse } from './errors.ts';

type Actor = NonNullable<LedgerEntry['actor']>;

export interface PrivacyGateParts {
  readonly asker: (request: FastifyRequest) => Promise<'operator' | Principal | undefined>;
  readonly roles: ReadonlySet<string>;
}

/** Answers the refusal itself; otherwise who asks, `undefined` in it being the operator. */
export const privacyGate =
  (parts: PrivacyGateParts) =>
  async (request: FastifyRequest, reply: FastifyReply): Promise<{ readonly by: Actor | undefined } | undefined> => {
    const asker = await parts.asker(request);
    void reply.header('cache-control', 'no-store');
    if (asker === undefined) {
      refuse(reply.header('www-authenticate', 'Bearer'), 'auth-token-invalid');
      return undefined;
    }
    if (asker === 'operator') return { by: undefined };
    if (!asker.roles.some((role) => parts.roles.has(role))) {
      refuse(reply, 'scope-insufficient');
      return undefined;
    }
    const { user, issuer, client, roles, fhirUser } = asker;
    return { by: { user, issuer, client, roles, ...(fhirUser === undefined ? {} : { fhirUser }) } };
  };
