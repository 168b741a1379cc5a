import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ConsolePage, Me } from '../domain/console/page.ts';
import { ownPatient, standsFor } from '../domain/identity/own-patient.ts';
import type { Principal } from '../domain/identity/principal.ts';
import { pagesFor } from '../domain/policy/role-policy.ts';
import type { Policies } from '../ports.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';

export type Asker = 'operator' | Principal;

export interface ConsoleAccessParts {
  readonly policies: Policies;
  /** Who calls: the operator of this machine, or the principal of a valid token. */
  readonly asker: (request: FastifyRequest) => Promise<Asker | undefined>;
}

/**
 * Who calls, when one of their roles opens the page (policies/roles.yaml); otherwise the reply is a refusal already and
 * the result `undefined`. Every route of the gateway API that stands behind a page of the console begins with it.
 */
export type Opens = (request: FastifyRequest, reply: FastifyReply, page: ConsolePage) => Promise<Asker | undefined>;

export const consoleAccess =
  (parts: ConsoleAccessParts): Opens =>
  async (request, reply, page) => {
    const asker = await known(parts, request, reply);
    if (asker === undefined || asker === 'operator') return asker;
    const policy = parts.policies.current();
    if (policy !== undefined && pagesFor(policy.roles, asker.roles).includes(page)) return asker;
    refuse(reply, policy === undefined ? 'policy-unavailable' : 'scope-insufficient');
    return undefined;
  };

/** `GET /api/v1/me`: who the token says the caller is, and which pages their roles open. */
export function meRoutes(app: FastifyInstance, parts: ConsoleAccessParts): void {
  app.get(
    '/api/v1/me',
    documented('Who the token says you are, and which pages your roles open.'),
    async (request, reply) => {
      const asker = await known(parts, request, reply);
      if (asker === undefined) return reply;
      if (asker === 'operator') return refuse(reply, 'not-found');
      const policy = parts.policies.current();
      if (policy === undefined) return refuse(reply, 'policy-unavailable');
      const own = ownPatient(asker);
      const { launchPatient } = asker;
      const ward = launchPatient !== undefined && standsFor(asker, launchPatient) ? launchPatient : undefined;
      const me: Me = {
        user: asker.user,
        client: asker.client,
        ...(asker.organisation === undefined ? {} : { organisation: asker.organisation }),
        roles: asker.roles,
        purpose: asker.purpose,
        ...(own === undefined ? {} : { patient: own }),
        ...(own !== undefined || ward === undefined ? {} : { patient: ward, guardian: true }),
        pages: pagesFor(policy.roles, asker.roles),
      };
      return reply.header('cache-control', 'no-store').send(me);
    },
  );
}

async function known(
  parts: ConsoleAccessParts,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Asker | undefined> {
  const asker = await parts.asker(request);
  if (asker === undefined) refuse(reply.header('www-authenticate', 'Bearer'), 'auth-token-invalid');
  return asker;
}
