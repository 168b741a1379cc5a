import { BoundedMap } from '../bounded-map.ts';

/** So many calls in so many seconds, and as many at once. */
export interface Rate {
  readonly requests: number;
  readonly seconds: number;
}

export interface Allowance {
  readonly ok: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** Seconds until all of it is there again. */
  readonly reset: number;
  /** Seconds until one more call is; 0 while there is one. */
  readonly retryAfter: number;
}

interface Bucket {
  level: number;
  at: number;
}

/** Callers that are remembered; who is forgotten begins with a full bucket. */
const CALLERS = 100_000;

/** A token bucket for each caller. It looks at nothing but how often the caller called. */
export class TokenBuckets {
  readonly #buckets = new BoundedMap<string, Bucket>(CALLERS);
  readonly #rate: Rate;

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** `now` in milliseconds; a clock that was set back fills nothing. */
  take(caller: string, now: number): Allowance {
    const { requests, seconds } = this.#rate;
    const perSecond = requests / seconds;
    let bucket = this.#buckets.get(caller);
    if (bucket === undefined) {
      bucket = { level: requests, at: now };
      this.#buckets.set(caller, bucket);
    }
    bucket.level = Math.min(requests, bucket.level + (Math.max(0, now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    // Written so that a level which is no number refuses.
    const ok = bucket.level >= 1;
    if (ok) bucket.level -= 1;
    return {
      ok,
      limit: requests,
      remaining: Math.max(0, Math.floor(bucket.level)),
      reset: Math.ceil((requests - bucket.level) / perSecond),
      retryAfter: bucket.level >= 1 ? 0 : Math.max(1, Math.ceil((1 - bucket.level) / perSecond)),
    };
  }
}
