import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config/schema.ts';
import { TokenBuckets } from '../domain/identity/rate-limit.ts';
import { admitRoutes } from '../http/admission.ts';
import type { Clock } from '../ports.ts';
import { admission } from '../stages/admit.ts';

/** Who may call how often, and from which pages. A preflight says no client, so that it is answered for all of them. */
export async function openAdmission(app: FastifyInstance, config: Config, clock: Clock, own: () => string) {
  const { corsOrigins, browserApps, profile } = config;
  const origins = [...corsOrigins, ...browserApps.flatMap((each) => each.origins)];
  if (origins.length > 0 || profile === 'sandbox')
    await app.register(cors, {
      // The sandbox is for developers: any page on this machine may call it.
      origin: profile === 'sandbox' ? [...origins, /^http:\/\/(localhost|127\.0\.0\.1)(:\d+)?$/] : origins,
      exposedHeaders: [
        'etag',
        'location',
        'content-location',
        'retry-after',
        'ratelimit-limit',
        'ratelimit-remaining',
        'ratelimit-reset',
        'x-progress',
        'x-request-id',
        'x-ledger-receipt',
        'x-record-integrity',
        'x-access-notice',
        'x-access-masking',
        // How to log in again after `risk-step-up`, and the scope that would do.
        'www-authenticate',
      ],
    });
  const admitted = admission(new TokenBuckets(config.limits.rate), browserApps, own);
  return { admitted, check: admitRoutes(app, admitted, clock) };
}
