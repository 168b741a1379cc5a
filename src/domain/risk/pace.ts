import { BoundedMap } from '../bounded-map.ts';

export type PaceVerdict =
  | { readonly kind: 'admit' }
  /** `until`: when the next call is given. */
  | { readonly kind: 'over'; readonly until: number };

interface Bucket {
  /** Calls that may still be made, and when that was reckoned. */
  left: number;
  time: number;
}

const USERS = 20_000;
const MINUTE = 60_000;

/** A bucket of calls per caller, refilled evenly over the minute. Bounded; throws when the time is no number. */
export class Pace {
  readonly #buckets = new BoundedMap<string, Bucket>(USERS);
  readonly #calls: number;

  constructor(callsPerMinute: number) {
    this.#calls = callsPerMinute;
  }

  take(user: string, now: number, only?: 'looking'): PaceVerdict {
    if (!Number.isFinite(now)) throw new RangeError('the time is no number');
    const known = this.#buckets.get(user) ?? { left: this.#full, time: now };
    const since = Math.max(0, now - known.time);
    const left = Math.min(this.#full, known.left + (since * this.#calls) / MINUTE);
    if (left < 1) return { kind: 'over', until: now + ((1 - left) * MINUTE) / this.#calls };
    if (only === undefined) this.#buckets.set(user, { left: left - 1, time: Math.max(now, known.time) });
    return { kind: 'admit' };
  }

  /** At least one, or nothing would ever pass. */
  get #full(): number {
    return Math.max(1, this.#calls);
  }
}
