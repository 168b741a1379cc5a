import { type BrowserApp, mayCallFrom } from '../domain/identity/origins.ts';
import type { Principal } from '../domain/identity/principal.ts';
import type { Allowance, TokenBuckets } from '../domain/identity/rate-limit.ts';
import { type Problem, problem } from '../domain/problem.ts';
import type { Authenticated } from './exchange.ts';
import { deny, proceed, type Stage } from './stage.ts';

/** What the answer tells the caller of their allowance, whatever the answer is. */
export type RateHeaders = Readonly<Record<string, string>>;

/** How often, and from which pages, a client may call for a user. */
export type Admission = (
  principal: Principal,
  origin: unknown,
  now: number,
) => { readonly headers: RateHeaders; readonly problem?: Problem };

/** `own`: the origin of the gateway's own pages, which any app may be called from. */
export const admission =
  (buckets: TokenBuckets, apps: readonly BrowserApp[], own: () => string): Admission =>
  ({ issuer, client, user }, origin, now) => {
    const allowance = buckets.take(JSON.stringify([issuer, client, user]), now);
    const headers = headersOf(allowance);
    if (!allowance.ok) return { headers, problem: problem('rate-limited', { retryAfter: allowance.retryAfter }) };
    return origin === own() || mayCallFrom(apps, client, origin)
      ? { headers }
      : { headers, problem: problem('origin-foreign') };
  };

const headersOf = ({ limit, remaining, reset }: Allowance): RateHeaders => ({
  'ratelimit-limit': String(limit),
  'ratelimit-remaining': String(remaining),
  'ratelimit-reset': String(reset),
});

/** Asked as soon as it is known who calls, and before anything is known of what for: it tells of nothing else. */
export function admit(admitted: Admission): Stage<Authenticated, Authenticated> {
  return {
    name: 'admit',
    failure: 'stage-failed',
    budgetMs: 100,
    run(input, context) {
      const { headers, problem: refusal } = admitted(input.principal, input.headers.origin, context.now);
      Object.assign(context.headers, headers);
      return refusal === undefined
        ? proceed(input)
        : deny(refusal, { rule: refusal.code, text: 'The client may not call so often, or not from there.' });
    },
  };
}
