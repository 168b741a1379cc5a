import { type Checkpoint, parseCheckpoint } from '../../domain/ledger/checkpoint.ts';
import { halfYearOf, originOf } from '../../domain/ledger/half-year.ts';
import { closesLog, decodeLeaf } from '../../domain/ledger/leaf.ts';
import type { Hash } from '../../domain/ledger/merkle.ts';
import { openNote, type VerifierKey } from '../../domain/ledger/note.ts';
import { decodeBundle, TILE_WIDTH, tilePath } from '../../domain/ledger/tiles.ts';
import { rowVerifier } from './note-keys.ts';
import { proveConsistency } from './prover.ts';
import { createTileReader } from './tile-store.ts';

const TIMEOUT_MS = 10_000;

/** A published log of another gateway, as an anchor needs it. */
export interface RemoteLog {
  readonly checkpoint: Checkpoint;
  /** Of a log that follows the first. */
  readonly half: string | undefined;
  consistency(from: number): Promise<readonly Hash[]>;
}

/**
 * The row of logs that is served at `url`, each as it stands now, signed with the key that is trusted. Rejects when one
 * cannot be had: what is anchored for another gateway is never more than it signed.
 */
export const readRemoteLogs = async (url: string, key: VerifierKey): Promise<readonly RemoteLog[]> => {
  const base = url.replace(/\/$/, '');
  const logs: RemoteLog[] = [];
  for (let half: string | undefined; ; ) {
    const prefix = half === undefined ? base : `${base}/${half}`;
    const get = async (path: string): Promise<Uint8Array | undefined> => {
      const answer = await fetch(`${prefix}/${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (answer.ok) return new Uint8Array(await answer.arrayBuffer());
      await answer.body?.cancel();
      return undefined;
    };
    const origin = originOf(key.name, half);
    const note = await get('checkpoint');
    const opened = note && openNote(Buffer.from(note).toString('utf8'), [rowVerifier(key, origin)]);
    const checkpoint = opened && parseCheckpoint(opened.text);
    if (checkpoint?.origin !== origin) {
      // A closed log whose successor is not published yet.
      if (note === undefined && half !== undefined) return logs;
      throw new Error('The log of another gateway is not signed by the key that is trusted.');
    }
    const tiles = createTileReader((name) => get(tilePath(name)));
    const { size } = checkpoint;
    logs.push({
      checkpoint,
      half,
      consistency: async (from) => (await proveConsistency(tiles, { checkpoint, note: '' }, from)).path,
    });
    const index = Math.floor((size - 1) / TILE_WIDTH);
    const width = size - index * TILE_WIDTH;
    const bundle = size < 2 ? undefined : await tiles.read({ level: 'entries', index, width });
    const last = bundle && decodeBundle(bundle, width)?.at(-1);
    if (last === undefined || !closesLog(size - 1, last)) return logs;
    const next = halfYearOf((decodeLeaf(last)?.second ?? 0) * 1000);
    if (half !== undefined && next <= half) return logs;
    half = next;
  }
};
