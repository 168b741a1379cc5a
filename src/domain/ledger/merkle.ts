import { equalBytes, type Hashing, scratchOf } from './hash.ts';

/** The tree of RFC 6962 section 2.1: leaves are hashed with a 0 byte before them, nodes with a 1. */
export type Hash = Uint8Array;

export const leafHash = ({ sha256 }: Hashing, leaf: Uint8Array): Hash => {
  const data = scratchOf(leaf.length + 1);
  data[0] = 0;
  data.set(leaf, 1);
  return sha256(data);
};

export const nodeHash = ({ sha256 }: Hashing, left: Hash, right: Hash): Hash => {
  const data = scratchOf(1 + left.length + right.length);
  data[0] = 1;
  data.set(left, 1);
  data.set(right, 1 + left.length);
  return sha256(data);
};

export const emptyRoot = ({ sha256 }: Hashing): Hash => sha256(new Uint8Array(0));

/** The hash of the perfect subtree `index` of 2^`level` leaves. */
export type NodeAt = (level: number, index: number) => Hash;

/** Leaves `from` to `to` (exclusive). Every range a proof asks for starts at a multiple of its size rounded up to a power of two. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/** The largest power of two smaller than n, for n of at least 2. Sizes pass 2^31, so no bit operators. */
const split = (n: number): number => {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
};

const rangeHash = (hashing: Hashing, { from, to }: Range, nodeAt: NodeAt): Hash => {
  const size = to - from;
  const level = Math.log2(size);
  if (Number.isInteger(level) && 2 ** level === size) return nodeAt(level, from / size);
  const middle = from + split(size);
  return nodeHash(
    hashing,
    rangeHash(hashing, { from, to: middle }, nodeAt),
    rangeHash(hashing, { from: middle, to }, nodeAt),
  );
};

export const rootOf = (hashing: Hashing, size: number, nodeAt: NodeAt): Hash =>
  size === 0 ? emptyRoot(hashing) : rangeHash(hashing, { from: 0, to: size }, nodeAt);

const inclusionRanges = (index: number, from: number, to: number, into: Range[]): Range[] => {
  if (to - from === 1) return into;
  const middle = from + split(to - from);
  if (index < middle) inclusionRanges(index, from, middle, into).push({ from: middle, to });
  else inclusionRanges(index, middle, to, into).push({ from, to: middle });
  return into;
};

/** RFC 6962 2.1.1, from the leaf upwards. `index` must be under `size`. */
export const inclusionProof = (hashing: Hashing, index: number, size: number, nodeAt: NodeAt): Hash[] => {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size)
    throw new RangeError('no such leaf in a tree of this size');
  return inclusionRanges(index, 0, size, []).map((range) => rangeHash(hashing, range, nodeAt));
};

const consistencyRanges = (old: number, from: number, to: number, whole: boolean, into: Range[]): Range[] => {
  const size = to - from;
  if (old === size) {
    if (!whole) into.push({ from, to });
    return into;
  }
  const k = split(size);
  if (old <= k) consistencyRanges(old, from, from + k, whole, into).push({ from: from + k, to });
  else consistencyRanges(old - k, from + k, to, false, into).push({ from, to: from + k });
  return into;
};

/** RFC 6962 2.1.2. Empty for an `old` size of 0 or equal sizes. */
export const consistencyProof = (hashing: Hashing, old: number, size: number, nodeAt: NodeAt): Hash[] => {
  if (!Number.isSafeInteger(old) || old < 0 || old > size)
    throw new RangeError('the older size must not be the larger one');
  if (old === 0 || old === size) return [];
  return consistencyRanges(old, 0, size, true, []).map((range) => rangeHash(hashing, range, nodeAt));
};

const odd = (n: number): boolean => n % 2 === 1;
const half = (n: number): number => Math.floor(n / 2);

/** RFC 9162 2.1.3.2. */
/** How many hashes the proof of an entry has. */
export const inclusionLength = (index: number, size: number): number => {
  let length = 0;
  for (let at = index, last = size - 1; last > 0; at = half(at), last = half(last)) if (odd(at) || at < last) length++;
  return length;
};

export const verifyInclusion = (
  hashing: Hashing,
  index: number,
  size: number,
  leaf: Hash,
  proof: readonly Hash[],
  root: Hash,
): boolean => {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  let at = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (odd(at) || at === last) {
      hash = nodeHash(hashing, sibling, hash);
      while (!odd(at) && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else hash = nodeHash(hashing, hash, sibling);
    at = half(at);
    last = half(last);
  }
  return last === 0 && equalBytes(hash, root);
};

/** RFC 9162 2.1.4.2. A tree of size 0 is consistent with every tree, given its own root and no proof. */
export const verifyConsistency = (
  hashing: Hashing,
  old: number,
  size: number,
  oldRoot: Hash,
  root: Hash,
  proof: readonly Hash[],
): boolean => {
  if (!Number.isSafeInteger(old) || !Number.isSafeInteger(size) || old < 0 || old > size) return false;
  if (old === size) return proof.length === 0 && equalBytes(oldRoot, root);
  if (old === 0) return proof.length === 0 && equalBytes(oldRoot, emptyRoot(hashing));
  const path = Number.isInteger(Math.log2(old)) ? [oldRoot, ...proof] : proof;
  const [first, ...rest] = path;
  if (first === undefined || proof.length === 0) return false;
  let at = old - 1;
  let last = size - 1;
  while (odd(at)) {
    at = half(at);
    last = half(last);
  }
  let before = first;
  let after = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (odd(at) || at === last) {
      before = nodeHash(hashing, sibling, before);
      after = nodeHash(hashing, sibling, after);
      while (!odd(at) && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else after = nodeHash(hashing, after, sibling);
    at = half(at);
    last = half(last);
  }
  return last === 0 && equalBytes(before, oldRoot) && equalBytes(after, root);
};

/** The right edge of a growing tree: one hash per set bit of its size. */
export class Frontier {
  readonly #hashing: Hashing;
  readonly #nodes: (Hash | undefined)[];
  size: number;

  constructor(hashing: Hashing, size = 0, nodeAt?: NodeAt) {
    this.#hashing = hashing;
    this.#nodes = [];
    this.size = size;
    let rest = size;
    for (let level = 0; rest > 0; level++) {
      if (odd(rest)) this.#nodes[level] = nodeAt?.(level, rest - 1);
      rest = half(rest);
    }
  }

  append(leaf: Hash): void {
    let hash = leaf;
    let level = 0;
    let left = this.#nodes[0];
    while (left !== undefined) {
      hash = nodeHash(this.#hashing, left, hash);
      this.#nodes[level++] = undefined;
      left = this.#nodes[level];
    }
    this.#nodes[level] = hash;
    this.size++;
  }

  root(): Hash {
    let hash: Hash | undefined;
    for (const node of this.#nodes) {
      if (node !== undefined) hash = hash === undefined ? node : nodeHash(this.#hashing, node, hash);
    }
    return hash ?? emptyRoot(this.#hashing);
  }
}

/** Root, proofs and nodes of a list of leaf hashes held in memory: the groups of one entry, or a test's tree. */
export const nodesOf = (hashing: Hashing, leaves: readonly Hash[]): NodeAt => {
  const at: NodeAt = (level, index) => {
    if (level === 0) {
      const leaf = leaves[index];
      if (leaf === undefined) throw new RangeError('no such leaf');
      return leaf;
    }
    return nodeHash(hashing, at(level - 1, index * 2), at(level - 1, index * 2 + 1));
  };
  return at;
};
