import { hash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  consistencyProof,
  emptyRoot,
  Frontier,
  type Hash,
  inclusionProof,
  leafHash,
  type NodeAt,
  nodeHash,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from '../../../src/domain/ledger/merkle.ts';

const hashing = { sha256: (data: Uint8Array) => Buffer.from(hash('sha256', data, 'binary'), 'latin1') };

/** Every perfect subtree, made once: a proof over any size is then look-ups. */
const treeOf = (size: number): { readonly leaves: readonly Hash[]; readonly nodeAt: NodeAt } => {
  const rows: Hash[][] = [Array.from({ length: size }, (_, i) => leafHash(hashing, Buffer.from(`leaf ${i}`)))];
  for (let row = rows[0] ?? []; row.length > 1; row = rows.at(-1) ?? []) {
    const above: Hash[] = [];
    for (let i = 0; i + 1 < row.length; i += 2) above.push(nodeHash(hashing, row[i] as Hash, row[i + 1] as Hash));
    rows.push(above);
  }
  const nodeAt: NodeAt = (level, index) => {
    const found = rows[level]?.[index];
    if (found === undefined) throw new RangeError('no such node');
    return found;
  };
  return { leaves: rows[0] ?? [], nodeAt };
};

/** RFC 6962 2.1 word for word: the oracle. */
const mth = (leaves: readonly Hash[]): Hash => {
  if (leaves.length === 0) return emptyRoot(hashing);
  if (leaves.length === 1) return leaves[0] as Hash;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return nodeHash(hashing, mth(leaves.slice(0, k)), mth(leaves.slice(k)));
};

const flip = (bytes: Uint8Array, bit: number): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
};

const MOST = 1000;
/** `npm test` leaves sizes out above a few hundred; CONSENTRY_MERKLE_STEP=1 takes every pair. */
const STEP = Number(process.env.CONSENTRY_MERKLE_STEP ?? 0);
const { leaves, nodeAt } = treeOf(MOST);
const roots = Array.from({ length: MOST + 1 }, (_, size) => rootOf(hashing, size, nodeAt));

describe('the Merkle tree', () => {
  it('has the root that RFC 6962 defines, at every size', () => {
    for (let size = 0; size <= 260; size++) expect(roots[size]).toEqual(mth(leaves.slice(0, size)));
  });

  it('gives the same root when it grows leaf by leaf', () => {
    const frontier = new Frontier(hashing);
    for (let size = 0; size < MOST; size++) {
      expect(frontier.root()).toEqual(roots[size]);
      frontier.append(leaves[size] as Hash);
    }
  });

  it('resumes growing from any size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MOST - 1 }), fc.integer({ min: 0, max: 40 }), (size, more) => {
        const frontier = new Frontier(hashing, size, nodeAt);
        const end = Math.min(MOST, size + more);
        for (let i = size; i < end; i++) frontier.append(leaves[i] as Hash);
        expect(frontier.root()).toEqual(roots[end]);
      }),
    );
  });

  it('proves every older size consistent with every newer one', () => {
    const failures: string[] = [];
    for (let size = 1; size <= MOST; size += STEP || (size < 200 ? 1 : 17)) {
      for (let old = 1; old <= size; old++) {
        const proof = consistencyProof(hashing, old, size, nodeAt);
        if (!verifyConsistency(hashing, old, size, roots[old] as Hash, roots[size] as Hash, proof))
          failures.push(`${old}/${size}`);
      }
    }
    expect(failures).toEqual([]);
  });

  it('proves every leaf in every size', () => {
    const failures: string[] = [];
    for (let size = 1; size <= MOST; size += STEP || (size < 150 ? 1 : 23)) {
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(hashing, index, size, nodeAt);
        if (!verifyInclusion(hashing, index, size, leaves[index] as Hash, proof, roots[size] as Hash))
          failures.push(`${index}/${size}`);
      }
    }
    expect(failures).toEqual([]);
  });

  it('refuses a proof with any one bit flipped, dropped, doubled or moved', () => {
    const size = fc.integer({ min: 2, max: MOST });
    fc.assert(
      fc.property(size, fc.nat(), fc.nat(), (n, a, b) => {
        const old = 1 + (a % (n - 1));
        const proof = consistencyProof(hashing, old, n, nodeAt);
        const at = b % proof.length;
        const check = (changed: readonly Hash[], from = old, to = n): boolean =>
          verifyConsistency(hashing, from, to, roots[old] as Hash, roots[n] as Hash, changed);
        expect(check(proof.with(at, flip(proof[at] as Hash, b % 256)))).toBe(false);
        expect(check(proof.toSpliced(at, 1))).toBe(false);
        expect(check(proof.toSpliced(at, 0, proof[at] as Hash))).toBe(false);
        expect(check([...proof, new Uint8Array(32)])).toBe(false);
        const index = a % n;
        const path = inclusionProof(hashing, index, n, nodeAt);
        const holds = (leaf: Hash, changed: readonly Hash[], i = index): boolean =>
          verifyInclusion(hashing, i, n, leaf, changed, roots[n] as Hash);
        const leaf = leaves[index] as Hash;
        expect(holds(flip(leaf, b % 256), path)).toBe(false);
        expect(holds(leaf, path.with(b % path.length, flip(path[b % path.length] as Hash, a % 256)))).toBe(false);
        expect(holds(leaf, path.slice(1))).toBe(false);
        expect(holds(leaf, path, (index + 1) % n)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('answers for sizes past 32 bits', () => {
    // A tree whose subtrees are all the same: node hashes depend on the level alone.
    const levels: Hash[] = [leafHash(hashing, new Uint8Array(0))];
    for (let i = 0; i < 52; i++) levels.push(nodeHash(hashing, levels[i] as Hash, levels[i] as Hash));
    const same: NodeAt = (level) => levels[level] as Hash;
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 2 ** 50 }), fc.double({ min: 0, max: 1, noNaN: true }), (size, part) => {
        const old = Math.max(1, Math.floor((size - 1) * part));
        const root = rootOf(hashing, size, same);
        expect(
          verifyConsistency(
            hashing,
            old,
            size,
            rootOf(hashing, old, same),
            root,
            consistencyProof(hashing, old, size, same),
          ),
        ).toBe(true);
        expect(
          verifyInclusion(hashing, old, size, levels[0] as Hash, inclusionProof(hashing, old, size, same), root),
        ).toBe(true);
      }),
    );
  });
});
