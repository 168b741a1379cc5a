import type { Pool } from 'pg';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from '../../domain/ledger/checkpoint.ts';
import { type NoteSigner, type NoteVerifier, openNote, signNote } from '../../domain/ledger/note.ts';
import { decodeBundle, TILE_WIDTH, type TileName, tilePath } from '../../domain/ledger/tiles.ts';
import { LedgerFenced } from './control.ts';
import { createIntegrator, type Integrator } from './integrator.ts';
import { LEASE } from './postgres-schema.ts';
import { inTransaction } from './postgres-transaction.ts';
import { leafHashOf, recoverEdge } from './recovery.ts';
import { createTileReader, cutToWidth, LedgerDamaged, type TileReader, type TileStore } from './tile-store.ts';

/** Entries taken into the tree by one transaction. */
const AT_ONCE = 20_000;

export const levelNumber = (level: TileName['level']): number => (level === 'entries' ? -1 : level);

/** A partial tile that a full one replaced is cut from it, as the files do. */
export const postgresTiles = (pool: Pool, origin: string): TileReader => {
  const readRow = async (name: TileName): Promise<Uint8Array | undefined> => {
    const { rows } = await pool.query(
      'SELECT bytes FROM ledger_tiles WHERE origin = $1 AND level = $2 AND idx = $3 AND width = $4',
      [origin, levelNumber(name.level), name.index, name.width],
    );
    return rows[0]?.bytes as Uint8Array | undefined;
  };
  return createTileReader(async (name) => {
    const bytes = await readRow(name);
    if (bytes !== undefined || name.width === TILE_WIDTH) return bytes;
    const full = await readRow({ ...name, width: TILE_WIDTH });
    return full && cutToWidth(name, full);
  });
};

export interface Published {
  readonly checkpoint: Checkpoint;
  readonly note: string;
}

/** What the cluster has published; never trusted before its signature was checked. */
export const readPublished = async (pool: Pool, origin: string, verifier: NoteVerifier): Promise<Published> => {
  const { rows } = await pool.query('SELECT note FROM ledger_checkpoints WHERE origin = $1', [origin]);
  const note = String(rows[0]?.note ?? '');
  const opened = openNote(note, [verifier]);
  const checkpoint = opened && parseCheckpoint(opened.text);
  if (checkpoint?.origin !== origin) {
    throw new LedgerDamaged('ledger_checkpoints', 'The checkpoint is not signed by the key of this log.');
  }
  return { checkpoint, note };
};

export interface Sequencer {
  /** One round: keeps or seeks the lease and, holding it, integrates what was committed. */
  round(): Promise<Published>;
  leads(): boolean;
}

interface Lead {
  readonly epoch: string;
  readonly integrator: Integrator;
  /** Tiles of a round, written in the transaction that publishes it. */
  readonly writes: (readonly [TileName, Uint8Array])[];
  readonly stale: TileName[];
}

/** The elected one of a cluster. A sequencer that slept past its lease meets another epoch in its own transaction and stops. */
export const createSequencer = (options: {
  readonly pool: Pool;
  readonly origin: string;
  readonly holder: string;
  readonly leaseMs: number;
  readonly signers: readonly NoteSigner[];
  readonly verifier: NoteVerifier;
}): Sequencer => {
  const { pool, origin, holder, leaseMs, signers, verifier } = options;
  const reader = postgresTiles(pool, origin);
  let lead: Lead | undefined;

  const takeOver = async (epoch: string, { checkpoint }: Published): Promise<Lead> => {
    const writes: (readonly [TileName, Uint8Array])[] = [];
    const stale: TileName[] = [];
    const tiles: TileStore = {
      ...reader,
      write: async (all) => {
        writes.push(...all);
      },
      dropPartials: async (name) => {
        stale.push(name);
      },
    };
    const { size } = checkpoint;
    const edge = await recoverEdge(tiles, checkpoint);
    const width = size % TILE_WIDTH;
    const name: TileName = { level: 'entries', index: Math.floor(size / TILE_WIDTH), width };
    const bytes = width === 0 ? new Uint8Array(0) : await reader.read(name);
    const bundle = bytes && decodeBundle(bytes, width);
    if (bundle === undefined)
      throw new LedgerDamaged(tilePath(name), 'The last bundle of entries is missing or damaged.');
    return { epoch, integrator: createIntegrator(tiles, edge, bundle), writes, stale };
  };

  const publish = async ({ epoch, integrator, writes, stale }: Lead, from: number): Promise<Published> => {
    const checkpoint: Checkpoint = { origin, size: integrator.size(), root: integrator.root() };
    const note = signNote(formatCheckpoint(checkpoint), signers);
    await inTransaction(pool, async (client) => {
      const held = await client.query(
        'SELECT 1 FROM ledger_leases WHERE origin = $1 AND holder = $2 AND epoch = $3 FOR UPDATE',
        [origin, holder, epoch],
      );
      if (held.rowCount !== 1) throw new LedgerFenced('Another gateway sequences this ledger now.');
      for (const [{ level, index, width }, bytes] of writes) {
        await client.query(
          'INSERT INTO ledger_tiles VALUES ($1, $2, $3, $4, $5) ON CONFLICT (origin, level, idx, width) DO UPDATE SET bytes = excluded.bytes',
          [origin, levelNumber(level), index, width, bytes],
        );
      }
      for (const { level, index } of stale) {
        await client.query('DELETE FROM ledger_tiles WHERE origin = $1 AND level = $2 AND idx = $3 AND width < $4', [
          origin,
          levelNumber(level),
          index,
          TILE_WIDTH,
        ]);
      }
      const moved = await client.query(
        'UPDATE ledger_checkpoints SET size = $2, root = $3, note = $4 WHERE origin = $1 AND size = $5',
        [origin, checkpoint.size, checkpoint.root, note, from],
      );
      if (moved.rowCount !== 1) throw new LedgerFenced('The published log is not the one this gateway extends.');
    });
    writes.length = 0;
    stale.length = 0;
    return { checkpoint, note };
  };

  return {
    leads: () => lead !== undefined,
    round: async () => {
      const { rows } = await pool.query(LEASE, [origin, holder, leaseMs / 1000]);
      const epoch = rows[0]?.epoch as string | undefined;
      const published = await readPublished(pool, origin, verifier);
      if (epoch === undefined) {
        lead = undefined;
        return published;
      }
      try {
        if (lead?.epoch !== epoch || lead.integrator.size() !== published.checkpoint.size) {
          lead = await takeOver(epoch, published);
        }
        const { size } = published.checkpoint;
        const committed = await pool.query(
          'SELECT idx, leaf FROM ledger_entries WHERE origin = $1 AND idx >= $2 ORDER BY idx LIMIT $3',
          [origin, size, AT_ONCE],
        );
        if (committed.rows.length === 0) return published;
        const leaves = committed.rows.map((row, i) => {
          if (Number(row.idx) !== size + i) throw new LedgerDamaged('ledger_entries', `Entry ${size + i} is missing.`);
          return { leaf: row.leaf as Uint8Array, hash: leafHashOf(row.leaf as Uint8Array) };
        });
        await lead.integrator.add(leaves);
        await lead.integrator.tidy();
        return await publish(lead, size);
      } catch (error) {
        // What was computed and not published is dropped; the next round starts from what the cluster holds.
        lead = undefined;
        throw error;
      }
    },
  };
};
