import { dirname } from 'node:path';
import { LRUCache } from 'lru-cache';
import { concat } from '../../domain/ledger/hash.ts';
import { type Hash, type NodeAt, nodeHash } from '../../domain/ledger/merkle.ts';
import { HASH_BYTES, hashesAtLevel, TILE_WIDTH, type TileName, tilePath } from '../../domain/ledger/tiles.ts';
import { type FileSystem, isMissing, makeFolderDurably, under, writeBeside } from './file-system.ts';
import { nodeHashing } from './node-hash.ts';

/** 256 full tiles with their inner nodes are 4 MiB. */
const CACHED_TILES = 256;
/** Tiles on their way at once: under load each step waits for a turn of the event loop, not for the disk. */
const AT_ONCE = 32;

/** Damage found while reading: which file, and what is wrong with it. */
export class LedgerDamaged extends Error {
  readonly file: string;

  constructor(file: string, message: string) {
    super(message);
    this.file = file;
  }
}

export interface TileReader {
  read(name: TileName): Promise<Uint8Array | undefined>;
  /** The hashes of one tile of a log of `size`, checked for length. */
  hashes(level: number, index: number, size: number): Promise<readonly Hash[]>;
  /** Fetches the tiles that `work` needs and runs it. */
  withNodes<Result>(size: number, work: (nodeAt: NodeAt) => Result): Promise<Result>;
}

export interface TileStore extends TileReader {
  /** All of them, each whole or not there, and durable when this resolves. */
  write(tiles: readonly (readonly [TileName, Uint8Array])[]): Promise<void>;
  /** Partial tiles of a tile that is full now; clients fall back to the full one. */
  dropPartials(name: TileName): Promise<void>;
}

export const splitHashes = (bytes: Uint8Array): Hash[] => {
  const hashes: Hash[] = [];
  for (let at = 0; at < bytes.length; at += HASH_BYTES) hashes.push(bytes.subarray(at, at + HASH_BYTES));
  return hashes;
};

export const joinHashes = (hashes: readonly Hash[]): Uint8Array => concat(...hashes);

class MissingTile extends Error {
  readonly level: number;
  readonly index: number;

  constructor(level: number, index: number) {
    super('a tile is not in memory');
    this.level = level;
    this.index = index;
  }
}

/** The first `width` entries or hashes of a wider tile. */
export const cutToWidth = (name: TileName, bytes: Uint8Array): Uint8Array => {
  if (name.level !== 'entries') return bytes.subarray(0, name.width * HASH_BYTES);
  let at = 0;
  for (let i = 0; i < name.width; i++) at += 2 + (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
  return bytes.subarray(0, at);
};

/** Proofs over tiles from wherever `read` finds them. */
export const createTileReader = (read: TileReader['read']): TileReader => {
  const cache = new LRUCache<string, readonly (readonly Hash[])[]>({ max: CACHED_TILES });

  const hashes: TileReader['hashes'] = async (level, index, size) => {
    const width = Math.min(TILE_WIDTH, hashesAtLevel(level, size) - index * TILE_WIDTH);
    const name: TileName = { level, index, width };
    const bytes = width > 0 ? await read(name) : undefined;
    if (bytes?.length !== width * HASH_BYTES) {
      throw new LedgerDamaged(tilePath(name), 'The tile is missing or has the wrong length.');
    }
    return splitHashes(bytes);
  };

  /** All perfect subtrees within a tile, by height: half as much again to keep, and each proof hash is then a look-up. */
  const expand = (leaves: readonly Hash[]): (readonly Hash[])[] => {
    const rows: (readonly Hash[])[] = [leaves];
    for (let row = leaves; row.length > 1; ) {
      const above: Hash[] = [];
      for (let i = 0; i + 1 < row.length; i += 2) {
        above.push(nodeHash(nodeHashing, row[i] ?? new Uint8Array(0), row[i + 1] ?? new Uint8Array(0)));
      }
      rows.push(above);
      row = above;
    }
    return rows;
  };

  return {
    read,
    hashes,
    withNodes: async (size, work) => {
      const here = new Map<string, readonly (readonly Hash[])[]>();
      const nodeAt: NodeAt = (level, index) => {
        const tileLevel = Math.floor(level / 8);
        const height = level % 8;
        const perTile = TILE_WIDTH / 2 ** height;
        const tile = Math.floor(index / perTile);
        const rows = here.get(`${tileLevel}/${tile}`);
        if (rows === undefined) throw new MissingTile(tileLevel, tile);
        const hash = rows[height]?.[index % perTile];
        if (hash === undefined) throw new RangeError('a node past the end of the log');
        return hash;
      };
      for (;;) {
        try {
          return work(nodeAt);
        } catch (error) {
          if (!(error instanceof MissingTile)) throw error;
          const full = (error.index + 1) * TILE_WIDTH <= hashesAtLevel(error.level, size);
          const key = `${error.level}/${error.index}`;
          const cached = full ? cache.get(key) : undefined;
          const rows = cached ?? expand(await hashes(error.level, error.index, size));
          if (full) cache.set(key, rows);
          here.set(key, rows);
        }
      }
    },
  };
};

export const createTileStore = (folder: string, files: FileSystem): TileStore => {
  const known = new Set<string>();

  const readFile = async (name: TileName): Promise<Uint8Array | undefined> => {
    try {
      return await files.read(under(folder, tilePath(name)));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  };

  const read = async (name: TileName): Promise<Uint8Array | undefined> => {
    const bytes = await readFile(name);
    if (bytes !== undefined || name.width === TILE_WIDTH) return bytes;
    const full = await readFile({ ...name, width: TILE_WIDTH });
    return full && cutToWidth(name, full);
  };

  return {
    ...createTileReader(read),
    write: async (tiles) => {
      const parents = new Set<string>();
      for (const [name] of tiles) parents.add(dirname(under(folder, tilePath(name))));
      for (const parent of parents) {
        if (known.has(parent)) continue;
        await makeFolderDurably(files, folder, parent);
        known.add(parent);
      }
      for (let i = 0; i < tiles.length; i += AT_ONCE) {
        // All of them end before a failure is told: a second try must not meet the first one's temporary files.
        const written = await Promise.allSettled(
          tiles.slice(i, i + AT_ONCE).map(async ([name, bytes]) => {
            const path = under(folder, tilePath(name));
            await files.rename(await writeBeside(files, path, bytes), path);
          }),
        );
        for (const result of written) if (result.status === 'rejected') throw result.reason;
      }
      await Promise.all([...parents].map((parent) => files.syncFolder(parent)));
    },
    dropPartials: async (name) => {
      const path = under(folder, `${tilePath({ ...name, width: TILE_WIDTH })}.p`);
      known.delete(path);
      await files.removeFolder(path);
    },
  };
};
