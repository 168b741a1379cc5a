/**
 * Counts different names in constant memory (HyperLogLog, Flajolet et al. 2007): within some 3 % for many, exact for few. It holds no name.
 */
export class DistinctCount {
  #registers: Uint8Array;
  #estimate: number;

  constructor(registers: Uint8Array = new Uint8Array(REGISTERS), estimate = 0) {
    this.#registers = registers;
    this.#estimate = estimate;
  }

  get value(): number {
    return this.#estimate;
  }

  /** As it will be with these names; the same object when none of them is new. */
  with(names: Iterable<string>): DistinctCount {
    let next: Uint8Array | undefined;
    for (const name of names) {
      const hash = hashOf(name);
      const register = hash >>> (32 - INDEX_BITS);
      const rank = Math.clz32((hash << INDEX_BITS) | (1 << (INDEX_BITS - 1))) + 1;
      if (rank <= ((next ?? this.#registers)[register] ?? 0)) continue;
      next ??= this.#registers.slice();
      next[register] = rank;
    }
    return next === undefined ? this : new DistinctCount(next, estimateOf(next));
  }
}

const INDEX_BITS = 11;
const REGISTERS = 1 << INDEX_BITS;

const estimateOf = (registers: Uint8Array): number => {
  let sum = 0;
  let empty = 0;
  for (const rank of registers) {
    sum += 2 ** -rank;
    if (rank === 0) empty++;
  }
  const raw = ((0.7213 / (1 + 1.079 / REGISTERS)) * REGISTERS * REGISTERS) / sum;
  // Few names: the empty registers tell more exactly.
  return Math.round(raw <= 2.5 * REGISTERS && empty > 0 ? REGISTERS * Math.log(REGISTERS / empty) : raw);
};

/** FNV-1a, then the finalizer of MurmurHash3: 32 bits that are spread well for names that differ in their last digit. */
const hashOf = (name: string): number => {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
};
