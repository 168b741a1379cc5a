/** A map that forgets what was touched longest ago once it holds `limit` keys: floods of users or patients cost no memory. */
export class BoundedMap<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  readonly limit: number;
  readonly #atOnce: number;

  /** `atOnce` go when one must: a map walks over what was deleted at its beginning each time that it is asked for its oldest. */
  constructor(limit: number, atOnce = 1) {
    this.limit = limit;
    this.#atOnce = atOnce;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Does not count as a touch. */
  peek(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  get(key: Key): Value | undefined {
    const value = this.#entries.get(key);
    // The order only matters once something must go; below that the move would cost for nothing.
    if (value !== undefined && this.#entries.size * 2 > this.limit) {
      this.#entries.delete(key);
      this.#entries.set(key, value);
    }
    return value;
  }

  set(key: Key, value: Value): void {
    this.#entries.set(key, value);
    if (this.#entries.size <= this.limit) return;
    let surplus = this.#atOnce;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      surplus -= 1;
      if (surplus === 0) return;
    }
  }

  delete(key: Key): void {
    this.#entries.delete(key);
  }

  entries(): IterableIterator<[Key, Value]> {
    return this.#entries.entries();
  }

  values(): IterableIterator<Value> {
    return this.#entries.values();
  }

  keys(): IterableIterator<Key> {
    return this.#entries.keys();
  }
}
