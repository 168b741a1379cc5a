import type { Checkpoint } from '../../domain/ledger/checkpoint.ts';
import { type Hash, leafHash } from '../../domain/ledger/merkle.ts';
import { hashesAtLevel, TILE_WIDTH } from '../../domain/ledger/tiles.ts';
import { type FileSystem, under } from './file-system.ts';
import type { Location } from './ledger-index.ts';
import { nodeHashing } from './node-hash.ts';
import { parseSegmentName, type SegmentSpan, scanSegment, spansOf } from './segment.ts';
import { TileEdge } from './tile-edge.ts';
import { LedgerDamaged, type TileStore } from './tile-store.ts';

export interface Recovered {
  readonly index: number;
  readonly leaf: Uint8Array;
  readonly payload: Uint8Array;
  readonly at: Location;
}

export const listSpans = async (files: FileSystem, folder: string): Promise<SegmentSpan[]> =>
  spansOf(await files.list(folder));

/** The records of one segment that are entries of the log. */
export const readSpan = async (files: FileSystem, folder: string, span: SegmentSpan): Promise<Recovered[]> => {
  const bytes = Buffer.from(await files.read(under(folder, span.name)));
  const scanned = scanSegment(bytes);
  if (scanned === undefined) return [];
  if (scanned.first !== span.first || scanned.damaged) {
    const entry = span.first + scanned.records.length;
    throw new LedgerDamaged(span.name, `Entry ${entry} is damaged, and later entries follow it.`);
  }
  return scanned.records.slice(0, span.limit - span.first).map((record, i) => ({
    index: span.first + i,
    leaf: record.leaf,
    payload: record.payload,
    at: { segment: span.name, offset: record.offset, length: record.length },
  }));
};

/**
 * The entries from `from` on that reached the disk, acknowledged or not, and all of them synced now: what is read here
 * is in the log for good. A gap, or fewer entries than were published, means that files were altered or are missing.
 */
export const recoverTail = async (files: FileSystem, folder: string, from: number): Promise<Recovered[]> => {
  const spans = await listSpans(files, folder);
  const entries: Recovered[] = [];
  let next: number | undefined;
  for (const [i, span] of spans.entries()) {
    const following = spans[i + 1]?.first;
    if (following !== undefined && following <= from) continue;
    const records = await readSpan(files, folder, span);
    if (next !== undefined && span.first !== next) {
      throw new LedgerDamaged(span.name, `Entries ${next} to ${span.first - 1} are missing.`);
    }
    if (next === undefined && span.first > from)
      throw new LedgerDamaged(span.name, `Entries from ${from} on are missing.`);
    next = span.first + records.length;
    const last = records.at(-1);
    const file = await files.openFile(under(folder, span.name));
    try {
      if (i === spans.length - 1 && last !== undefined) await file.truncate(last.at.offset + last.at.length);
      await file.sync();
    } finally {
      await file.close();
    }
    for (const record of records) if (record.index >= from) entries.push(record);
  }
  if ((next ?? 0) < from) throw new LedgerDamaged('segments', `Entries from ${next ?? 0} on are missing.`);
  return entries;
};

/** The files that no entry of the log lies in: left by a start that never wrote, or by a writer that lost the log. */
export const idleSegments = async (files: FileSystem, folder: string, epoch: number): Promise<string[]> => {
  const names = await files.list(folder);
  const used = new Set(spansOf(names).map((span) => span.name));
  return names.filter((name) => (parseSegmentName(name)?.epoch ?? epoch) < epoch && !used.has(name));
};

/** The right edge of the published tree, from its tiles, proven against the checkpoint's root. */
export const recoverEdge = async (tiles: TileStore, { size, root }: Checkpoint): Promise<TileEdge> => {
  const levels: (readonly Hash[])[] = [];
  for (let level = 0; hashesAtLevel(level, size) > 0; level++) {
    const hashes = hashesAtLevel(level, size);
    levels.push(hashes % TILE_WIDTH === 0 ? [] : await tiles.hashes(level, Math.floor(hashes / TILE_WIDTH), size));
  }
  const edge = new TileEdge(nodeHashing, size, levels);
  if (!Buffer.from(edge.root()).equals(root)) {
    throw new LedgerDamaged('tile', 'The tiles do not have the root that the checkpoint signs.');
  }
  return edge;
};

export const leafHashOf = (leaf: Uint8Array): Hash => leafHash(nodeHashing, leaf);
