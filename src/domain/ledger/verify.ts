import { type Checkpoint, formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { equalBytes, type Hashing } from './hash.ts';
import { decodeLeaf } from './leaf.ts';
import { Frontier, type Hash, leafHash } from './merkle.ts';
import { type NoteVerifier, openNote } from './note.ts';
import { decodeBundle, HASH_BYTES, hashesAtLevel, TILE_WIDTH, type TileName, tilePath } from './tiles.ts';

/** The first thing that is wrong: which file, and which entry where one can be named. */
export interface Finding {
  readonly file: string;
  readonly entry?: number;
  readonly text: string;
}

/** What is checked, read from wherever the log lies: its folder, or a web server. */
export interface LogSource {
  checkpoint(): Promise<string | undefined>;
  tile(name: TileName): Promise<Uint8Array | undefined>;
}

/** A root somebody else remembers: an anchor on the chain, a witness, a note a patient kept. */
export interface Remembered {
  readonly size: number;
  readonly root: Uint8Array;
  readonly by: string;
}

/** Called for each leaf, in order, when its hash is the one the tiles hold. Answers what else is wrong with it. */
export type LeafCheck = (index: number, leaf: Uint8Array) => Finding | undefined | Promise<Finding | undefined>;

export interface VerifyOptions {
  readonly hashing: Hashing;
  readonly source: LogSource;
  readonly verifiers: readonly NoteVerifier[];
  readonly remembered: readonly Remembered[];
  readonly check?: LeafCheck;
  readonly progress?: (done: number, size: number) => void;
}

export type Verified =
  | {
      readonly ok: true;
      readonly checkpoint: Checkpoint;
      readonly signedBy: readonly string[];
      readonly confirmed: number;
    }
  | { readonly ok: false; readonly finding: Finding; readonly checkpoint?: Checkpoint };

const hashAt = (tile: Uint8Array, i: number): Hash => tile.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);

/**
 * Recomputes the whole log: every bundle, every tile, the root, and every root somebody remembers. The first entry
 * whose leaf does not hash to what the lowest tile says is named; a tile that disagrees with the leaves under it is too.
 */
export const verifyLog = async (options: VerifyOptions): Promise<Verified> => {
  const { hashing, source, verifiers } = options;
  const bad = (file: string, text: string, entry?: number, checkpoint?: Checkpoint): Verified => ({
    ok: false,
    finding: { file, text, ...(entry === undefined ? {} : { entry }) },
    ...(checkpoint === undefined ? {} : { checkpoint }),
  });

  const note = await source.checkpoint();
  if (note === undefined) return bad('checkpoint', 'There is no checkpoint.');
  const opened = openNote(note, verifiers);
  const checkpoint = opened && parseCheckpoint(opened.text);
  if (opened === undefined || checkpoint === undefined || formatCheckpoint(checkpoint) !== opened.text) {
    return bad('checkpoint', 'The checkpoint is not signed by a key that is trusted here.');
  }
  if (!opened.signedBy.includes(checkpoint.origin))
    return bad('checkpoint', 'The log itself did not sign the checkpoint.');
  const { size } = checkpoint;

  const roots = new Map<number, Remembered[]>();
  for (const one of options.remembered) {
    if (one.size > size)
      return bad(
        'checkpoint',
        `The log has ${size} entries, but ${one.by} remembers ${one.size}: it was cut.`,
        size,
        checkpoint,
      );
    roots.set(one.size, [...(roots.get(one.size) ?? []), one]);
  }
  let confirmed = 0;
  const frontier = new Frontier(hashing);
  const disagrees = (): Remembered | undefined => {
    const here = roots.get(frontier.size);
    if (here === undefined) return undefined;
    const root = frontier.root();
    const wrong = here.find((one) => !equalBytes(one.root, root));
    if (wrong === undefined) confirmed += here.length;
    return wrong;
  };

  /** The hashes of the level below, one tile's worth per level, to check the level above. */
  const rising: Hash[][] = [];
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    const bundleName: TileName = { level: 'entries', index, width };
    const tileName: TileName = { level: 0, index, width };
    const bundle = await source.tile(bundleName);
    const tile = await source.tile(tileName);
    const first = index * TILE_WIDTH;
    if (bundle === undefined) return bad(tilePath(bundleName), 'The bundle is missing.', first, checkpoint);
    if (tile === undefined) return bad(tilePath(tileName), 'The tile is missing.', first, checkpoint);
    if (tile.length !== width * HASH_BYTES)
      return bad(tilePath(tileName), 'The tile has the wrong length.', first, checkpoint);
    const leaves = decodeBundle(bundle, width);
    if (leaves === undefined)
      return bad(tilePath(bundleName), 'The bundle does not hold the entries it should.', first, checkpoint);
    for (const [i, leaf] of leaves.entries()) {
      const entry = first + i;
      const wrong = disagrees();
      if (wrong !== undefined)
        return bad(
          'checkpoint',
          `The first ${entry} entries do not have the root that ${wrong.by} remembers.`,
          Math.max(0, entry - 1),
          checkpoint,
        );
      const hash = leafHash(hashing, leaf);
      if (!equalBytes(hash, hashAt(tile, i))) {
        return bad(tilePath(bundleName), `Entry ${entry} is not the one that was logged.`, entry, checkpoint);
      }
      if (decodeLeaf(leaf) === undefined)
        return bad(tilePath(bundleName), `Entry ${entry} is not a leaf of this ledger.`, entry, checkpoint);
      const other = await options.check?.(entry, leaf);
      if (other !== undefined) return { ok: false, finding: other, checkpoint };
      frontier.append(hash);
    }
    const level = await checkAbove(options, rising, index, tile, size);
    if (level !== undefined) return { ok: false, finding: level, checkpoint };
    options.progress?.(first + width, size);
  }
  const wrong = disagrees();
  if (wrong !== undefined)
    return bad(
      'checkpoint',
      `The log does not have the root that ${wrong.by} remembers.`,
      Math.max(0, size - 1),
      checkpoint,
    );
  if (!equalBytes(frontier.root(), checkpoint.root)) {
    return bad('checkpoint', 'The entries do not have the root that the checkpoint signs.', undefined, checkpoint);
  }
  const last = await checkRemainder(options, rising, size);
  if (last !== undefined) return { ok: false, finding: last, checkpoint };
  return { ok: true, checkpoint, signedBy: opened.signedBy, confirmed };
};

const tileRoot = (hashing: Hashing, tile: Uint8Array): Hash => {
  const frontier = new Frontier(hashing);
  for (let i = 0; i * HASH_BYTES < tile.length; i++) frontier.append(hashAt(tile, i));
  return frontier.root();
};

/** After a full tile of a level, one more hash of the next level is known; a full row of them must be the tile there. */
const checkAbove = async (
  { hashing, source }: VerifyOptions,
  rising: Hash[][],
  index: number,
  tile: Uint8Array,
  size: number,
): Promise<Finding | undefined> => {
  let bytes = tile;
  let at = index;
  for (let level = 1; bytes.length === TILE_WIDTH * HASH_BYTES; level++) {
    const row = rising[level] ?? [];
    rising[level] = row;
    row.push(tileRoot(hashing, bytes));
    if (row.length < TILE_WIDTH) return undefined;
    at = Math.floor(at / TILE_WIDTH);
    const name: TileName = { level, index: at, width: TILE_WIDTH };
    const finding = await compareTile(source, name, row, size);
    if (finding !== undefined) return finding;
    bytes = (await source.tile(name)) ?? new Uint8Array(0);
    rising[level] = [];
  }
  return undefined;
};

const checkRemainder = async (
  { source }: VerifyOptions,
  rising: readonly (readonly Hash[])[],
  size: number,
): Promise<Finding | undefined> => {
  for (let level = 1; hashesAtLevel(level, size) > 0; level++) {
    const row = rising[level] ?? [];
    if (row.length === 0) continue;
    const name: TileName = { level, index: Math.floor(hashesAtLevel(level, size) / TILE_WIDTH), width: row.length };
    const finding = await compareTile(source, name, row, size);
    if (finding !== undefined) return finding;
  }
  return undefined;
};

const compareTile = async (
  source: LogSource,
  name: TileName,
  hashes: readonly Hash[],
  size: number,
): Promise<Finding | undefined> => {
  const tile = await source.tile(name);
  const file = tilePath(name);
  if (typeof name.level !== 'number') return undefined;
  const span = TILE_WIDTH ** name.level;
  const start = name.index * TILE_WIDTH * span;
  if (tile?.length !== hashes.length * HASH_BYTES)
    return { file, entry: Math.min(start, size), text: 'The tile is missing or has the wrong length.' };
  const at = hashes.findIndex((hash, i) => !equalBytes(hash, hashAt(tile, i)));
  return at < 0
    ? undefined
    : { file, entry: start + at * span, text: 'The tile is not the one of the entries under it.' };
};
