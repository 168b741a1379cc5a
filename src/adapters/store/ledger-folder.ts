import { createPrivateKey } from 'node:crypto';
import { type Checkpoint, parseCheckpoint } from '../../domain/ledger/checkpoint.ts';
import { closesLog } from '../../domain/ledger/leaf.ts';
import { emptyRoot } from '../../domain/ledger/merkle.ts';
import { openNote } from '../../domain/ledger/note.ts';
import { decodeBundle, TILE_WIDTH } from '../../domain/ledger/tiles.ts';
import type { Random } from '../../ports.ts';
import type { Control } from './control.ts';
import { type FileSystem, isMissing, readText, replaceFile, under } from './file-system.ts';
import type { LedgerOptions } from './files-ledger.ts';
import type { IndexThread } from './index-thread.ts';
import { rowOf } from './indexer.ts';
import { createIntegrator, type Integrator } from './integrator.ts';
import { nodeHashing } from './node-hash.ts';
import { listSpans, type Recovered, readSpan, recoverEdge, recoverTail } from './recovery.ts';
import type { Sealer } from './sealer.ts';
import { type LogKey, loadSigningKey, logKey } from './signing-key.ts';
import { createTileStore, LedgerDamaged, type TileStore } from './tile-store.ts';

const ownPayloadKey = async (files: FileSystem, path: string, random: Random, create: boolean): Promise<Uint8Array> => {
  try {
    return await files.read(path);
  } catch (error) {
    if (!isMissing(error) || !create) throw error;
    const key = random.bytes(32);
    await replaceFile(files, path, key);
    return key;
  }
};

/** What the folder holds, proven against what was signed before anything is built on it. */
export interface Found {
  readonly key: LogKey;
  readonly ownKey: Uint8Array;
  readonly note: string;
  readonly checkpoint: Checkpoint;
  readonly tiles: TileStore;
  readonly integrator: Integrator;
  /** Durable, and not yet in the tree. */
  readonly tail: readonly Recovered[];
  readonly frozen: boolean;
  readonly retired: boolean;
}

/** A leaf of the published tree of `size`. */
export const leafIn = async (tiles: TileStore, size: number, at: number): Promise<Uint8Array | undefined> => {
  if (at < 0 || at >= size) return undefined;
  const index = Math.floor(at / TILE_WIDTH);
  const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
  const bytes = await tiles.read({ level: 'entries', index, width });
  return bytes && decodeBundle(bytes, width)?.[at % TILE_WIDTH];
};

const RETIRED = 'retired';

/** Whether the payloads of the log in this folder were given up: then its tree alone is the log. */
export const wasRetired = async (files: FileSystem, folder: string): Promise<boolean> =>
  (await readText(files, under(folder, RETIRED))) !== undefined;

const dropSegments = async (files: FileSystem, folder: string): Promise<void> => {
  const segments = under(folder, 'segments');
  for (const name of await files.list(segments)) await files.removeFile(under(segments, name));
};

/** The mark first: once it is durable the next start finishes what was begun. */
export const markRetired = async (files: FileSystem, folder: string): Promise<void> => {
  await replaceFile(files, under(folder, RETIRED), Buffer.from('1\n'));
  await dropSegments(files, folder);
};

export const readFolder = async (options: LedgerOptions, files: FileSystem, control: Control): Promise<Found> => {
  const { folder, origin, random } = options;
  const keys = options.keysFolder ?? under(folder, 'keys');
  const segments = under(folder, 'segments');
  const note = await readText(files, under(folder, 'log', 'checkpoint'));
  const fresh = note === undefined && (await files.list(segments)).length === 0;
  if (note === undefined && control.published !== undefined && control.published.size > 0) {
    throw new LedgerDamaged('checkpoint', 'The checkpoint is gone, though this log has published one.');
  }
  const pem = options.signingKey;
  const key = logKey(
    origin,
    pem === undefined
      ? await loadSigningKey(files, under(keys, 'signing.pem'), fresh && options.keysFolder === undefined)
      : createPrivateKey(pem),
  );
  const ownKey = await ownPayloadKey(files, under(keys, 'payload.key'), random, fresh);
  const opened = note === undefined ? undefined : openNote(note, [key.verifier]);
  const signed = opened && parseCheckpoint(opened.text);
  if (note !== undefined && signed?.origin !== origin) {
    throw new LedgerDamaged('checkpoint', 'The checkpoint is not signed by the key of this log, or is of another log.');
  }
  const checkpoint: Checkpoint = signed ?? { origin, size: 0, root: emptyRoot(nodeHashing) };
  const { size } = checkpoint;
  const tiles = createTileStore(under(folder, 'log'), files);
  const edge = await recoverEdge(tiles, checkpoint);
  const width = size % TILE_WIDTH;
  const bytes =
    width === 0
      ? new Uint8Array(0)
      : await tiles.read({ level: 'entries', index: Math.floor(size / TILE_WIDTH), width });
  const bundle = bytes && decodeBundle(bytes, width);
  if (bundle === undefined) {
    throw new LedgerDamaged('tile/entries', 'The last bundle of entries is missing or damaged.');
  }
  const retired = await wasRetired(files, folder);
  if (retired) {
    const end = await leafIn(tiles, size, size - 1);
    if (end === undefined || !closesLog(size - 1, end))
      throw new LedgerDamaged('retired', 'This log is marked as retired, and did not end.');
    await dropSegments(files, folder);
  }
  const tail = retired ? [] : await recoverTail(files, segments, size);
  const total = size + tail.length;
  if (control.published !== undefined && control.published.size > total) {
    throw new LedgerDamaged(
      'segments',
      `This log has published ${control.published.size} entries, and ${total} are here: an older copy was put in its place.`,
    );
  }
  const last = tail.at(-1)?.leaf ?? (await leafIn(tiles, size, size - 1));
  return {
    ...{ key, ownKey, note: note ?? '', checkpoint, tiles, tail, retired },
    integrator: createIntegrator(tiles, edge, bundle),
    frozen: last !== undefined && closesLog(total - 1, last),
  };
};

/** Indexes what the index does not hold yet, from the segments and the living keys. */
export const catchUpIndex = async (
  index: IndexThread,
  total: number,
  files: FileSystem,
  segments: string,
  sealer: Sealer,
): Promise<void> => {
  if ((await index.size()) > total) await index.clear();
  const from = await index.size();
  if (from === total) return;
  const openAny = sealer.openAny();
  const spans = await listSpans(files, segments);
  for (const [i, span] of spans.entries()) {
    if ((spans[i + 1]?.first ?? Number.POSITIVE_INFINITY) <= from) continue;
    const records = (await readSpan(files, segments, span)).filter((record) => record.index >= from);
    for (let at = 0; at < records.length; at += 1024) {
      const slice = records.slice(at, at + 1024);
      await index.add(
        slice.map((record) => rowOf(record.index, record.at, record.leaf, openAny(record.payload)?.entry)),
      );
    }
  }
};
