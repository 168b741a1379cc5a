import { text } from '../json/cursor.ts';
import type { Tape } from '../json/tape.ts';

const SLOTS = 4096;

/**
 * Remembers a yes or no about strings by their bytes. Records repeat the same few hundred codes and systems; a question
 * that was asked before costs one pass over the bytes and makes no string.
 */
export class ByteMemo {
  readonly #ask: (value: string) => boolean;
  readonly #keys: (Uint8Array | undefined)[] = new Array<Uint8Array | undefined>(SLOTS).fill(undefined);
  readonly #answers = new Uint8Array(SLOTS);

  constructor(ask: (value: string) => boolean) {
    this.#ask = ask;
  }

  /** The node MUST be a string. */
  says(tape: Tape, node: number): boolean {
    const { bytes } = tape;
    const from = tape.start[node] as number;
    const to = tape.end[node] as number;
    const length = to - from;
    let hash = length;
    for (let at = from; at < to; at += 1) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0;
    const slot = (hash ^ (hash >>> 12)) & (SLOTS - 1);
    const known = this.#keys[slot];
    if (known !== undefined && known.length === length) {
      let at = 0;
      while (at < length && known[at] === bytes[from + at]) at += 1;
      if (at === length) return this.#answers[slot] === 1;
    }
    const answer = this.#ask(text(tape, node));
    // A slot holds what was asked last: there is no list to overrun.
    if (length <= 200) {
      this.#keys[slot] = bytes.slice(from, to);
      this.#answers[slot] = answer ? 1 : 0;
    }
    return answer;
  }
}
