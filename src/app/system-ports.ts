import { randomBytes, randomFillSync } from 'node:crypto';
import type { Instant } from '../domain/instant.ts';
import type { Clock, Random } from '../ports.ts';

export const systemClock: Clock = { now: () => Date.now() as Instant };
export const systemRandom: Random = pooledRandom();

/** A call into the generator costs 10 us whatever it gives: a pool is filled at once, and no byte is given twice. */
function pooledRandom(): Random {
  const pool = Buffer.alloc(8192);
  let used = pool.length;
  return {
    bytes(length) {
      if (length > 256) return new Uint8Array(randomBytes(length));
      if (used + length > pool.length) {
        randomFillSync(pool);
        used = 0;
      }
      const bytes = new Uint8Array(pool.subarray(used, used + length));
      pool.fill(0, used, used + length);
      used += length;
      return bytes;
    },
  };
}
