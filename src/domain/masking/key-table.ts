/** One name, and all that a look-up reads of it side by side: what lies apart in memory costs more than the comparison. */
class Entry<Value> {
  readonly name: string;
  readonly value: Value;
  readonly length: number;
  readonly first: number;
  readonly second: number;
  readonly third: number;
  /** The words from the thirteenth byte on. */
  readonly others: readonly number[];
  /** The name that followed this one the last time. */
  follower: Entry<Value> | undefined;

  constructor(name: string, value: Value) {
    const view = viewOf(name);
    this.name = name;
    this.value = value;
    this.length = view.byteLength - TAIL;
    this.first = wordAt(view, 0, this.length);
    this.second = this.length > 4 ? wordAt(view, 4, this.length) : 0;
    this.third = this.length > 8 ? wordAt(view, 8, this.length) : 0;
    const others: number[] = [];
    for (let at = 12; at < this.length; at += 4) others.push(wordAt(view, at, this.length));
    this.others = others;
    this.follower = undefined;
  }
}

/**
 * Members of a type by the bytes of their names: a look-up makes no string, and compares four bytes at a time. Records
 * list their members in much the same order each time, so a name is first compared with the one that followed the last hit.
 */
export class KeyTable<Value> {
  readonly #entries: Entry<Value>[] = [];
  #slots: (Entry<Value> | undefined)[] = new Array<Entry<Value> | undefined>(16).fill(undefined);
  #last: Entry<Value> | undefined;

  get values(): readonly Value[] {
    return this.#entries.map(({ value }) => value);
  }

  set(name: string, value: Value): void {
    const entry = new Entry(name, value);
    this.#entries.push(entry);
    if (this.#entries.length * 2 <= this.#slots.length) {
      this.#enter(entry);
      return;
    }
    this.#slots = new Array<Entry<Value> | undefined>(this.#slots.length * 2).fill(undefined);
    for (const each of this.#entries) this.#enter(each);
  }

  #enter(entry: Entry<Value>): void {
    const mask = this.#slots.length - 1;
    let slot = hash(viewOf(entry.name), 0, entry.length) & mask;
    while (this.#slots[slot] !== undefined) slot = (slot + 1) & mask;
    this.#slots[slot] = entry;
  }

  /** The value for the name that stands in the bytes from `start` to `end`; three more bytes MUST follow it. */
  find(view: DataView, start: number, end: number): Value | undefined {
    const length = end - start;
    const last = this.#last;
    const guess = last?.follower;
    if (guess !== undefined && same(guess, view, start, length)) {
      this.#last = guess;
      return guess.value;
    }
    if (length === 0) return undefined;
    const mask = this.#slots.length - 1;
    let slot = hash(view, start, length) & mask;
    for (;;) {
      const entry = this.#slots[slot];
      if (entry === undefined) return undefined;
      if (same(entry, view, start, length)) {
        if (last !== undefined) last.follower = entry;
        this.#last = entry;
        return entry.value;
      }
      slot = (slot + 1) & mask;
    }
  }

  named(name: string): Value | undefined {
    const view = viewOf(name);
    return this.find(view, 0, view.byteLength - TAIL);
  }
}

/** Bytes that are read beyond the end of a name, and shifted away. */
const TAIL = 3;

const viewOf = (name: string): DataView => {
  const bytes = new TextEncoder().encode(name);
  const room = new Uint8Array(bytes.length + TAIL);
  room.set(bytes);
  return new DataView(room.buffer);
};

/** The bytes from `at` on, up to four of them, of a name of that length. */
const wordAt = (view: DataView, at: number, length: number, start = 0): number => {
  const word = view.getInt32(start + at);
  return length - at >= 4 ? word : word >> ((4 - (length - at)) * 8);
};

const same = <Value>(entry: Entry<Value>, view: DataView, start: number, length: number): boolean => {
  if (entry.length !== length || entry.first !== wordAt(view, 0, length, start)) return false;
  if (length <= 4) return true;
  if (entry.second !== wordAt(view, 4, length, start)) return false;
  if (length <= 8) return true;
  if (entry.third !== wordAt(view, 8, length, start)) return false;
  const { others } = entry;
  for (let i = 0; i < others.length; i += 1) if (others[i] !== wordAt(view, 12 + i * 4, length, start)) return false;
  return true;
};

const hash = (view: DataView, start: number, length: number): number =>
  length * 7 +
  view.getUint8(start) * 31 +
  view.getUint8(start + length - 1) * 17 +
  view.getUint8(start + (length >> 1)) * 13;
