import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Principal } from '../domain/identity/principal.ts';
import type { Clock, IdentityVerifier } from '../ports.ts';

export interface AskerParts {
  readonly verifier: IdentityVerifier;
  readonly clock: Clock;
  /** Of whoever can read the data folder on this machine: sees every entry. */
  readonly operatorToken: string;
  /** Roles that open a side of this API; they count only in tokens of applications with the scope for it. */
  readonly isOfficer: (role: string) => boolean;
}

/**
 * Who calls the gateway's own API. An application that an officer uses for something else acts for them without their
 * office: a token without the scope `consentry/officer` carries none of the roles that open a side of this API.
 */
export async function askerOf(request: FastifyRequest, parts: AskerParts): Promise<'operator' | Principal | undefined> {
  const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) return undefined;
  const given = Buffer.from(token);
  const expected = Buffer.from(parts.operatorToken);
  if (given.length === expected.length && timingSafeEqual(given, expected)) return 'operator';
  const result = await parts.verifier.verify(token, parts.clock.now(), AbortSignal.timeout(5000));
  if ('code' in result || result.officer === true) return 'code' in result ? undefined : result;
  return { ...result, roles: result.roles.filter((role) => !parts.isOfficer(role)) };
}
