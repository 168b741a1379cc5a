import type { Slab } from './slab.ts';
import { decodeString } from './text.ts';

/**
 * The first key of an object that repeats an earlier one after unescaping, or -1. For objects with many keys or with
 * escapes in a key: a Set of strings, whose hash an attacker cannot aim at, so that the cost stays linear.
 * The object's nodes stand in the slab up to `past`.
 */
export const repeatedKey = (bytes: Uint8Array, slab: Slab, object: number, past: number): number => {
  const { start, end, next, used } = slab;
  const seen = new Set<string>();
  for (let key = object + 1; key < past; key = used + (next[key] as number)) {
    const before = seen.size;
    seen.add(decodeString(bytes, start[key] as number, end[key] as number));
    if (seen.size === before) return key;
  }
  return -1;
};
