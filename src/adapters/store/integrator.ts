import type { Hash } from '../../domain/ledger/merkle.ts';
import { encodeBundle, TILE_WIDTH, type TileName } from '../../domain/ledger/tiles.ts';
import { nodeHashing } from './node-hash.ts';
import { TileEdge } from './tile-edge.ts';
import { joinHashes, type TileStore } from './tile-store.ts';

export interface Integrator {
  size(): number;
  root(): Hash;
  /** Writes every tile that these leaves complete or change. After an error nothing has happened: try again. */
  add(leaves: readonly { readonly leaf: Uint8Array; readonly hash: Hash }[]): Promise<void>;
  /** Removes the partial tiles that full ones replaced. Call when the new size is published. */
  tidy(): Promise<void>;
}

export const createIntegrator = (tiles: TileStore, edge: TileEdge, bundle: readonly Uint8Array[]): Integrator => {
  let current = edge;
  let open = [...bundle];
  let stale: TileName[] = [];

  return {
    size: () => current.size,
    root: () => current.root(),
    add: async (leaves) => {
      const grown = new TileEdge(nodeHashing, current.size, current.levels);
      let entries = [...open];
      const writes: (readonly [TileName, Uint8Array])[] = [];
      for (const { leaf, hash } of leaves) {
        entries.push(leaf);
        const full = grown.append(hash);
        if (full.length > 0) {
          writes.push([
            { level: 'entries', index: grown.size / TILE_WIDTH - 1, width: TILE_WIDTH },
            encodeBundle(entries),
          ]);
          entries = [];
        }
        for (const { name, hashes } of full) writes.push([name, joinHashes(hashes)]);
      }
      const whole = writes.map(([name]) => name);
      if (entries.length > 0) {
        const name: TileName = { level: 'entries', index: Math.floor(grown.size / TILE_WIDTH), width: entries.length };
        writes.push([name, encodeBundle(entries)]);
      }
      for (const { name, hashes } of grown.partials()) writes.push([name, joinHashes(hashes)]);
      await tiles.write(writes);
      current = grown;
      open = entries;
      stale.push(...whole);
    },
    tidy: async () => {
      const names = stale;
      stale = [];
      for (const name of names) await tiles.dropPartials(name);
    },
  };
};
