import { text } from '../json/cursor.ts';
import type { Tape } from '../json/tape.ts';

const SLOTS = 4096;
/** Bytes of a cell; a longer string is made anew each time. */
const LONGEST = 128;
const WORDS = LONGEST >> 2;

/** The bytes after the last whole word, as one number. */
const rest = (bytes: Uint8Array, from: number, length: number): number => {
  let word = 0;
  for (let at = from + (length & ~3); at < from + length; at += 1) word = (word << 8) | (bytes[at] as number);
  return word;
};

/**
 * Remembers what was made of a string, by its bytes. Records repeat the same few hundred codes, systems and references; what
 * was asked before costs one pass over the bytes, four at a time, and makes no string. A slot holds what was asked last, so
 * that there is no list to overrun. Cells of one array, not an array for each string: making those was half of a miss.
 */
export class ByteMemo<Value> {
  readonly #make: (value: string) => Value;
  readonly #slots: number;
  readonly #lengths: Uint8Array;
  readonly #values: (Value | undefined)[];
  /** Made when first needed: a policy has hundreds of places that could ask, of which few are asked. */
  #cells: Int32Array | undefined;

  /** `slots` MUST be a power of two. */
  constructor(make: (value: string) => Value, slots = SLOTS) {
    this.#make = make;
    this.#slots = slots;
    this.#lengths = new Uint8Array(slots);
    this.#values = new Array<Value | undefined>(slots).fill(undefined);
  }

  /** The node MUST be a string. */
  of(tape: Tape, node: number): Value {
    const { bytes, view } = tape;
    const from = tape.start[node] as number;
    const length = (tape.end[node] as number) - from;
    if (length > LONGEST) return this.#make(text(tape, node));
    this.#cells ??= new Int32Array(this.#slots * WORDS);
    const cells = this.#cells;
    const words = length >> 2;
    const last = rest(bytes, from, length);
    let hash = length ^ last;
    // The ends of URLs, ids and codes are what tells them apart.
    for (let word = words > 3 ? words - 3 : 0; word < words; word += 1)
      hash = Math.imul(hash, 0x5bd1e995) ^ view.getInt32(from + word * 4);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    const slot = (hash ^ (hash >>> 13)) & (this.#slots - 1);
    const cell = slot * WORDS;
    if (this.#lengths[slot] === length) {
      let word = 0;
      while (word < words && cells[cell + word] === view.getInt32(from + word * 4)) word += 1;
      if (word === words && (words === WORDS || cells[cell + words] === last)) return this.#values[slot] as Value;
    }
    const value = this.#make(text(tape, node));
    this.#lengths[slot] = length;
    this.#values[slot] = value;
    for (let word = 0; word < words; word += 1) cells[cell + word] = view.getInt32(from + word * 4);
    if (words < WORDS) cells[cell + words] = last;
    return value;
  }
}
