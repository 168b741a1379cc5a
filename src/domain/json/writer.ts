/** Below this length a loop over the units beats the call to the encoder. */
const SHORT = 128;

const encoder = new TextEncoder();

/**
 * Puts an answer together out of texts and bytes in one array. Encoding each piece of a Bundle by itself and joining them
 * was a third of releasing it (100 entries: 0.25 ms of 0.7).
 */
export class JsonWriter {
  #bytes: Uint8Array;
  #length = 0;

  /** `room` is how many bytes it will be, at a guess. */
  constructor(room: number) {
    this.#bytes = new Uint8Array(room);
  }

  text(text: string): this {
    // A UTF-16 unit becomes at most three bytes.
    this.#makeRoom(text.length * 3);
    const bytes = this.#bytes;
    const from = this.#length;
    let at = 0;
    if (text.length <= SHORT) {
      for (; at < text.length; at += 1) {
        const unit = text.charCodeAt(at);
        if (unit > 0x7f) break;
        bytes[from + at] = unit;
      }
    }
    this.#length = at === text.length ? from + at : from + encoder.encodeInto(text, bytes.subarray(from)).written;
    return this;
  }

  bytes(chunk: Uint8Array): this {
    this.#makeRoom(chunk.length);
    this.#bytes.set(chunk, this.#length);
    this.#length += chunk.length;
    return this;
  }

  #makeRoom(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array((this.#length + more) * 2);
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}
