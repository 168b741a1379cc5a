/**
 * Rows by their id: open addressing over one array of numbers. A Map of a million strings costs some 140 bytes an entry;
 * this costs 8. Ids are hashes, so their first word spreads well; whoever grinds for collisions pays for each grant.
 */
export class IdIndex {
  /** Row + 1; 0 is free. */
  #slots = new Uint32Array(1024);
  #count = 0;
  readonly #firstWord: (row: number) => number;

  /** @param firstWord The first word of a row's id, as long as the row is in the index. */
  constructor(firstWord: (row: number) => number) {
    this.#firstWord = firstWord;
  }

  /** @param is Whether the row has the id that is looked for. */
  find(firstWord: number, is: (row: number) => boolean): number | undefined {
    const mask = this.#slots.length - 1;
    for (let slot = firstWord & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot] ?? 0;
      if (row === 0) return undefined;
      if (is(row - 1)) return row - 1;
    }
  }

  /** The row must not be there yet. */
  add(row: number): void {
    if (++this.#count * 2 > this.#slots.length) this.#grow();
    this.#put(row);
  }

  delete(row: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#firstWord(row) & mask;
    while (this.#slots[slot] !== row + 1) {
      if (this.#slots[slot] === 0) return;
      slot = (slot + 1) & mask;
    }
    this.#count--;
    // What follows without a gap may belong further up: close the gap behind what is taken out.
    for (let next = (slot + 1) & mask; this.#slots[next] !== 0; next = (next + 1) & mask) {
      const home = this.#firstWord((this.#slots[next] ?? 0) - 1) & mask;
      if (((next - home) & mask) >= ((next - slot) & mask)) {
        this.#slots[slot] = this.#slots[next] ?? 0;
        slot = next;
      }
    }
    this.#slots[slot] = 0;
  }

  #put(row: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#firstWord(row) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = row + 1;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    for (const row of old) if (row !== 0) this.#put(row - 1);
  }
}
