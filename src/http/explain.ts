import { timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Principal } from '../domain/identity/principal.ts';
import type { LedgerEntry } from '../domain/ledger/entry.ts';
import { problemRow } from '../domain/problem.ts';
import type { Clock, IdentityVerifier, LedgerStore } from '../ports.ts';
import { refuse } from './errors.ts';

export interface ExplainParts {
  readonly ledger: LedgerStore;
  readonly verifier: IdentityVerifier;
  readonly clock: Clock;
  /** Of whoever can read the data folder on this machine: sees every entry. */
  readonly operatorToken: string;
}

/** What an entry tells the one who asked for it. */
export interface Explanation {
  readonly requestId: string;
  readonly at: string;
  readonly decision: 'permit' | 'deny';
  readonly code?: string;
  /** One sentence. */
  readonly summary: string;
  readonly whoCanMend?: string;
  readonly interaction?: LedgerEntry['interaction'];
  readonly stages: LedgerEntry['story'];
  readonly outcome: LedgerEntry['outcome'];
  readonly policy?: LedgerEntry['policy'];
  readonly risk?: LedgerEntry['risk'];
  readonly consent?: LedgerEntry['consent'];
  readonly receipt: { readonly index: number; readonly leaf: string; readonly log: string };
}

/** `GET /api/v1/explain/{requestId}`: why a call was answered as it was; callers see their own calls only. */
export function explainRoutes(app: FastifyInstance, parts: ExplainParts): void {
  app.get<{ Params: { requestId: string } }>('/api/v1/explain/:requestId', async (request, reply) => {
    const asker = await askerOf(request, parts);
    if (asker === undefined) return refuse(reply.header('www-authenticate', 'Bearer'), 'auth-token-invalid');
    const found = await parts.ledger.find(request.params.requestId);
    if (found === undefined || (asker !== 'operator' && !own(found.entry, asker))) return refuse(reply, 'not-found');
    return reply.header('cache-control', 'no-store').send(explanation(found.entry, found.receipt));
  });
}

export async function askerOf(
  request: FastifyRequest,
  parts: Omit<ExplainParts, 'ledger'>,
): Promise<'operator' | Principal | undefined> {
  const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) return undefined;
  const given = Buffer.from(token);
  const expected = Buffer.from(parts.operatorToken);
  if (given.length === expected.length && timingSafeEqual(given, expected)) return 'operator';
  const result = await parts.verifier.verify(token, parts.clock.now(), AbortSignal.timeout(5000));
  return 'code' in result ? undefined : result;
}

const own = (entry: LedgerEntry, asker: Principal): boolean =>
  entry.actor?.user === asker.user && entry.actor.issuer === asker.issuer && entry.actor.client === asker.client;

export function explanation(entry: LedgerEntry, receipt: Explanation['receipt']): Explanation {
  const row = entry.code === undefined ? undefined : problemRow(entry.code);
  return {
    requestId: entry.requestId,
    at: new Date(entry.at).toISOString(),
    decision: entry.decision,
    ...(entry.code === undefined ? {} : { code: entry.code }),
    summary:
      row === undefined
        ? `Allowed: ${entry.outcome.returned} resources released, ${entry.outcome.masked} elements masked.`
        : `Refused in the stage ${entry.stage ?? 'unknown'}: ${row.text}`,
    ...(row === undefined ? {} : { whoCanMend: row.fix }),
    ...(entry.interaction === undefined ? {} : { interaction: entry.interaction }),
    stages: entry.story,
    outcome: entry.outcome,
    ...(entry.policy === undefined ? {} : { policy: entry.policy }),
    ...(entry.risk === undefined ? {} : { risk: entry.risk }),
    ...(entry.consent === undefined ? {} : { consent: entry.consent }),
    receipt,
  };
}
