import type { Hashing } from '../../domain/ledger/hash.ts';
import { emptyRoot, type Hash, nodeHash } from '../../domain/ledger/merkle.ts';
import { TILE_WIDTH, type TileName } from '../../domain/ledger/tiles.ts';

/** Hashes of `list` from `from`, `width` (a power of two) of them, folded to one. */
const fold = (hashing: Hashing, list: readonly Hash[], from: number, width: number): Hash => {
  if (width === 1) {
    const hash = list[from];
    if (hash === undefined) throw new RangeError('a tile has fewer hashes than its width says');
    return hash;
  }
  const half = width / 2;
  return nodeHash(hashing, fold(hashing, list, from, half), fold(hashing, list, from + half, half));
};

/** The unfinished tile of each level: all that is needed to append and to give the root. */
export class TileEdge {
  readonly #hashing: Hashing;
  readonly #levels: Hash[][];
  #size: number;

  constructor(hashing: Hashing, size = 0, levels: readonly (readonly Hash[])[] = []) {
    this.#hashing = hashing;
    this.#size = size;
    this.#levels = levels.map((level) => [...level]);
  }

  /** The unfinished tiles, the lowest level first. */
  get levels(): readonly (readonly Hash[])[] {
    return this.#levels;
  }

  get size(): number {
    return this.#size;
  }

  /** Returns the tiles that this leaf completed, the lowest level first. */
  append(leaf: Hash): { readonly name: TileName; readonly hashes: readonly Hash[] }[] {
    const full: { name: TileName; hashes: readonly Hash[] }[] = [];
    this.#size++;
    let hash = leaf;
    for (let level = 0; ; level++) {
      const list = this.#levels[level] ?? [];
      this.#levels[level] = list;
      list.push(hash);
      if (list.length < TILE_WIDTH) return full;
      const index = this.#size / TILE_WIDTH ** (level + 1) - 1;
      full.push({ name: { level, index, width: TILE_WIDTH }, hashes: list });
      hash = fold(this.#hashing, list, 0, TILE_WIDTH);
      this.#levels[level] = [];
    }
  }

  /** The partial tiles of this size. */
  partials(): { readonly name: TileName; readonly hashes: readonly Hash[] }[] {
    return this.#levels.flatMap((hashes, level) =>
      hashes.length === 0
        ? []
        : [
            {
              name: { level, index: Math.floor(this.#size / TILE_WIDTH ** (level + 1)), width: hashes.length },
              hashes,
            },
          ],
    );
  }

  root(): Hash {
    let root: Hash | undefined;
    for (const list of this.#levels) {
      let end = list.length;
      for (let width = 1; end > 0; width *= 2) {
        if (Math.floor(end / width) % 2 === 0) continue;
        end -= width;
        const left = fold(this.#hashing, list, end, width);
        root = root === undefined ? left : nodeHash(this.#hashing, left, root);
      }
    }
    return root ?? emptyRoot(this.#hashing);
  }
}
