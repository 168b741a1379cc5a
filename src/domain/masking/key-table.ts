/**
 * Members of a type by the bytes of their names: a look-up makes no string. Records list their members in much the same
 * order each time, so a name is first compared with the one that followed the last hit.
 */
export class KeyTable<Value> {
  readonly #names: Uint8Array[] = [];
  readonly #values: Value[] = [];
  readonly #followers: number[] = [];
  #slots = new Int16Array(16).fill(-1);
  #last = 0;

  get size(): number {
    return this.#values.length;
  }

  get values(): readonly Value[] {
    return this.#values;
  }

  set(name: string, value: Value): void {
    this.#names.push(new TextEncoder().encode(name));
    this.#values.push(value);
    this.#followers.push(0);
    if (this.#values.length * 2 > this.#slots.length) this.#grow();
    else this.#enter(this.#values.length - 1);
  }

  #grow(): void {
    this.#slots = new Int16Array(this.#slots.length * 2).fill(-1);
    for (let index = 0; index < this.#names.length; index += 1) this.#enter(index);
  }

  #enter(index: number): void {
    const name = this.#names[index] as Uint8Array;
    const mask = this.#slots.length - 1;
    let slot = hash(name, 0, name.length) & mask;
    while (this.#slots[slot] !== -1) slot = (slot + 1) & mask;
    this.#slots[slot] = index;
  }

  /** The value for the name that stands in the bytes from `start` to `end`. */
  find(bytes: Uint8Array, start: number, end: number): Value | undefined {
    const names = this.#names;
    const guess = this.#followers[this.#last] as number;
    if (guess < names.length && same(names[guess] as Uint8Array, bytes, start, end)) {
      this.#last = guess;
      return this.#values[guess];
    }
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hash(bytes, start, end) & mask;
    for (;;) {
      const index = slots[slot] as number;
      if (index < 0) return undefined;
      if (same(names[index] as Uint8Array, bytes, start, end)) {
        this.#followers[this.#last] = index;
        this.#last = index;
        return this.#values[index];
      }
      slot = (slot + 1) & mask;
    }
  }

  named(name: string): Value | undefined {
    const bytes = new TextEncoder().encode(name);
    return this.find(bytes, 0, bytes.length);
  }
}

const hash = (bytes: Uint8Array, start: number, end: number): number =>
  (end - start) * 7 +
  (bytes[start] as number) * 31 +
  (bytes[end - 1] as number) * 17 +
  (bytes[(start + end) >> 1] as number) * 13;

const same = (name: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean => {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i += 1) if (name[i] !== bytes[start + i]) return false;
  return true;
};
