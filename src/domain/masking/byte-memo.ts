import { text } from '../json/cursor.ts';
import type { Tape } from '../json/tape.ts';

const SLOTS = 4096;
const LONGEST = 200;
const TAIL = 13;

/**
 * Remembers what was made of a string, by its bytes. Records repeat the same few hundred codes, systems and references; what
 * was asked before costs one pass over the bytes and makes no string. A slot holds what was asked last, so that there is
 * no list to overrun.
 */
export class ByteMemo<Value> {
  readonly #make: (value: string) => Value;
  readonly #keys: (Uint8Array | undefined)[];
  readonly #values: (Value | undefined)[];
  readonly #mask: number;

  /** `slots` MUST be a power of two. */
  constructor(make: (value: string) => Value, slots = SLOTS) {
    this.#make = make;
    this.#mask = slots - 1;
    this.#keys = new Array<Uint8Array | undefined>(slots).fill(undefined);
    this.#values = new Array<Value | undefined>(slots).fill(undefined);
  }

  /** The node MUST be a string. */
  of(tape: Tape, node: number): Value {
    const { bytes } = tape;
    const from = tape.start[node] as number;
    const to = tape.end[node] as number;
    const length = to - from;
    let hash = length;
    // The ends of URLs, ids and codes are what tells them apart.
    for (let at = length > TAIL ? to - TAIL : from; at < to; at += 1)
      hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0;
    const slot = (hash ^ (hash >>> 12)) & this.#mask;
    const known = this.#keys[slot];
    if (known !== undefined && known.length === length) {
      let at = 0;
      while (at < length && known[at] === bytes[from + at]) at += 1;
      if (at === length) return this.#values[slot] as Value;
    }
    const value = this.#make(text(tape, node));
    if (length <= LONGEST) {
      this.#keys[slot] = bytes.slice(from, to);
      this.#values[slot] = value;
    }
    return value;
  }
}
