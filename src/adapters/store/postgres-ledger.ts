import { createPrivateKey, randomUUID } from 'node:crypto';
import pg from 'pg';
import { toBase64Url } from '../../domain/ledger/base64.ts';
import { type Checkpoint, formatCheckpoint } from '../../domain/ledger/checkpoint.ts';
import { entryKinds, type LedgerEntry, type LedgerReceipt } from '../../domain/ledger/entry.ts';
import { emptyRoot, type Hash } from '../../domain/ledger/merkle.ts';
import { type NoteSigner, signNote } from '../../domain/ledger/note.ts';
import { parseTilePath } from '../../domain/ledger/tiles.ts';
import type { Clock, Random } from '../../ports.ts';
import { LedgerFrozen, LedgerUnavailable } from './appender.ts';
import { broadcast } from './broadcast.ts';
import { LedgerFenced } from './control.ts';
import type { FilesLedger, LedgerTrouble } from './files-ledger.ts';
import { type IndexNames, indexNames, type NamedColumn } from './index-names.ts';
import { namedUsers } from './indexer.ts';
import type { EntryQuery } from './ledger-index.ts';
import { nodeHashing } from './node-hash.ts';
import type { PayloadKeys } from './payload-keys.ts';
import { prepareTables } from './postgres-prepare.ts';
import { APPEND, EMPTY } from './postgres-schema.ts';
import { createSequencer, type Published, postgresTiles, readPublished } from './postgres-sequencer.ts';
import { inclusionIn, proveConsistency, proveEntry } from './prover.ts';
import { leafHashOf } from './recovery.ts';
import { createSealer, type SealedEntry } from './sealer.ts';
import { logKey } from './signing-key.ts';

export interface PostgresLedgerOptions {
  /** `postgres://` URL; several gateways name the same database. */
  readonly url: string;
  readonly origin: string;
  readonly node?: string;
  /** PEM of the Ed25519 key that all gateways of the log share. */
  readonly signingKey: string;
  /** 32 bytes that all of them share, for what belongs to no patient. */
  readonly ownKey: Uint8Array;
  readonly signers?: (publicOrigin: string) => readonly NoteSigner[];
  readonly payloadKeys: PayloadKeys;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: {
    readonly pending?: number;
    readonly integrateMs?: number;
    readonly leaseMs?: number;
    readonly timeoutMs?: number;
  };
}

interface Waiting extends SealedEntry {
  readonly entry: LedgerEntry;
  /** `first`: only if the log is empty; `last`: nothing after it. Both go alone. */
  readonly place?: 'first' | 'last';
  readonly resolve: (index: number) => void;
  readonly reject: (error: Error) => void;
}

/** Rows of one statement: bounded so that no other gateway waits long for the row that hands out indexes. */
const MOST_PER_COMMIT = 500;
const RECENT = 10_000;
const MOST_EMPTIED = 5000;
const NAMED = ['usr', 'client', 'organisation', 'purpose', 'type', 'code', 'request'];

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const column = <Value>(batch: readonly Waiting[], value: (one: Waiting) => Value): Value[] => batch.map(value);

const whereOf = (
  origin: string,
  query: Omit<EntryQuery, 'limit'>,
  names: IndexNames,
): { readonly clause: string; readonly values: unknown[] } => {
  const values: unknown[] = [origin];
  const wheres = ['origin = $1'];
  const where = (sql: string, value: unknown): void => {
    values.push(value);
    wheres.push(sql.replace('?', `$${values.length}`));
  };
  if (query.patient !== undefined) where('patients @> ?', [names.ofPatient(query.patient)]);
  if (query.resource !== undefined) where('resources @> ?', [names.of('resource', query.resource)]);
  if (query.user !== undefined) where('usr = ?', names.of('user', query.user));
  for (const name of ['client', 'organisation', 'purpose', 'type', 'code'] as const) {
    const value = query[name];
    if (value !== undefined) where(`${name} = ?`, names.of(name, value));
  }
  if (query.requestId !== undefined) where('request = ?', names.of('request', query.requestId));
  if (query.decision !== undefined) where('permit = ?', query.decision === 'permit');
  if (query.from !== undefined) where('at >= ?', query.from);
  if (query.until !== undefined) where('at < ?', query.until);
  if (query.before !== undefined) where('idx < ?', query.before);
  if (query.atLeast !== undefined) where('idx >= ?', query.atLeast);
  if (query.kinds !== undefined)
    where(
      'kind = ANY(?)',
      query.kinds.map((kind) => entryKinds.indexOf(kind)),
    );
  return { clause: wheres.join(' AND '), values };
};

/** The same log in PostgreSQL: any number of gateways append, the commit acknowledges, one of them sequences. */
export const openPostgresLedger = async (options: PostgresLedgerOptions): Promise<FilesLedger> => {
  const { url, origin, payloadKeys, random, clock } = options;
  const { pending = 20_000, integrateMs = 200, leaseMs = 5000, timeoutMs = 10_000 } = options.limits ?? {};
  const pool = new pg.Pool({
    connectionString: url,
    max: 6,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    statement_timeout: timeoutMs,
    // Whatever the server's default: an acknowledged commit is on its disk.
    options: '-c synchronous_commit=on',
  });
  const { on: onTrouble, tell: trouble } = broadcast<Parameters<LedgerTrouble>>();
  // An idle connection that the server cut: the pool replaces it.
  pool.on('error', () => undefined);

  const key = logKey(origin, createPrivateKey(options.signingKey));
  const signers = [key.signer, ...(options.signers?.(origin) ?? [])];
  const root = emptyRoot(nodeHashing);
  const names = indexNames(payloadKeys.indexKey);
  try {
    const note = signNote(formatCheckpoint({ origin, size: 0, root }), signers);
    await prepareTables(pool, names, { origin, root, note });
  } catch (error) {
    await pool.end();
    throw error;
  }
  const sealer = createSealer({ payloadKeys, ownKey: options.ownKey, node: options.node ?? origin, random });
  const holder = randomUUID();
  const tiles = postgresTiles(pool, origin);
  const sequencer = createSequencer({ pool, origin, holder, leaseMs, signers, verifier: key.verifier });
  const named = (batch: readonly Waiting[], name: NamedColumn, value: (one: Waiting) => string | undefined) =>
    column(batch, (one) => {
      const text = value(one);
      return text === undefined ? null : names.of(name, text);
    });
  const publications = broadcast<[checkpoint: Checkpoint, note: string]>();
  const recent = new Map<string, { readonly entry: LedgerEntry; readonly index: number; readonly hash: Hash }>();
  let published: Published = await readPublished(pool, origin, key.verifier);
  let size = published.checkpoint.size;
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  let closed = false;
  let healthy = true;
  let frozen = false;
  let retired = false;

  const commit = async (batch: readonly Waiting[]): Promise<void> => {
    try {
      const { rows } = await pool.query(APPEND, [
        origin,
        batch.length,
        column(batch, ({ leaf }) => leaf),
        column(batch, ({ payload }) => payload),
        column(batch, ({ entry }) => names.of('request', entry.requestId)),
        column(batch, ({ entry }) => entry.at),
        column(batch, ({ entry }) => entryKinds.indexOf(entry.kind)),
        column(batch, ({ entry }) => entry.decision === 'permit'),
        named(batch, 'user', ({ entry }) => entry.actor?.user),
        named(batch, 'client', ({ entry }) => entry.actor?.client),
        named(batch, 'organisation', ({ entry }) => entry.actor?.organisation),
        named(batch, 'purpose', ({ entry }) => entry.purpose),
        named(batch, 'type', ({ entry }) => entry.interaction?.type),
        column(batch, ({ entry }) => JSON.stringify(entry.patients.map((patient) => hex(names.ofPatient(patient))))),
        column(batch, ({ entry }) => JSON.stringify(entry.resources.map((each) => hex(names.of('resource', each))))),
        batch[0]?.place === 'last',
        batch[0]?.place === 'first',
        named(batch, 'code', ({ entry }) => entry.code),
      ]);
      if (rows.length === 0) throw new LedgerFrozen('This log ended, or was begun.');
      const first = Number(rows[0]?.first);
      frozen = batch[0]?.place === 'last';
      size = Math.max(size, first + batch.length);
      healthy = true;
      batch.forEach(({ entry, hash, resolve }, i) => {
        recent.set(entry.requestId, { entry, index: first + i, hash });
        resolve(first + i);
      });
      for (const old of recent.keys()) {
        if (recent.size <= RECENT) break;
        recent.delete(old);
      }
    } catch (error) {
      if (error instanceof LedgerFrozen) {
        // Another gateway closed it, or began it: what it holds now is looked up before anybody goes on.
        await standing().catch(() => undefined);
        for (const { reject } of batch) reject(error);
        return;
      }
      // A connection cut in mid-commit leaves it open whether the entries are in: they may be, unacknowledged.
      healthy = false;
      trouble('write-failed', error);
      for (const { reject } of batch) reject(new LedgerUnavailable('The ledger cannot be written.', { cause: error }));
    }
  };
  const run = async (): Promise<void> => {
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const alone = waiting.findIndex(({ place }) => place !== undefined);
      const batch = waiting.slice(0, alone < 0 ? MOST_PER_COMMIT : Math.max(1, Math.min(alone, MOST_PER_COMMIT)));
      waiting = waiting.slice(batch.length);
      await commit(batch);
    }
    running = undefined;
  };

  let working: Promise<void> | undefined;
  const round = async (): Promise<void> => {
    const next = await sequencer.round();
    const moved = next.checkpoint.size > published.checkpoint.size;
    published = next;
    size = Math.max(size, next.checkpoint.size);
    healthy = true;
    if (moved) publications.tell(next.checkpoint, next.note);
  };
  const integrate = async (): Promise<Published['checkpoint']> => {
    while (working !== undefined) await working.catch(() => undefined);
    working = round().finally(() => {
      working = undefined;
    });
    await working;
    return published.checkpoint;
  };
  let timer: NodeJS.Timeout | undefined;
  const tick = (): void => {
    // A log that ended and is published whole needs nobody.
    if (closed || (frozen && published.checkpoint.size === size)) return;
    timer = setTimeout(() => {
      integrate()
        .catch((error) => trouble(error instanceof LedgerFenced ? 'fenced' : 'integrate-failed', error))
        .finally(tick);
    }, integrateMs);
    timer.unref();
  };
  const standing = async (): Promise<void> => {
    const { rows } = await pool.query('SELECT next, frozen, retired FROM ledger_logs WHERE origin = $1', [origin]);
    size = Math.max(size, Number(rows[0]?.next ?? 0));
    frozen = rows[0]?.frozen === true;
    retired = rows[0]?.retired === true;
  };
  /** In steps, so that no statement takes long; what a crash left is done by the next start. */
  const empty = async (): Promise<void> => {
    for (let at = 0; at < size; at += MOST_EMPTIED) await pool.query(EMPTY, [origin, at, at + MOST_EMPTIED]);
    recent.clear();
  };
  await standing();
  if (retired) await empty();
  await integrate();
  tick();

  const receipt = (index: number, hash: Hash): LedgerReceipt => ({ log: origin, index, leaf: toBase64Url(hash) });
  const rowAt = async (index: number) => {
    const { rows } = await pool.query(
      'SELECT leaf, payload, patients FROM ledger_entries WHERE origin = $1 AND idx = $2',
      [origin, index],
    );
    return rows[0] as { leaf: Uint8Array; payload: Uint8Array; patients: Uint8Array[] } | undefined;
  };
  const open: FilesLedger['open'] = async (index) => {
    const row = await rowAt(index);
    // Another gateway may have retired the log.
    if (row === undefined || row.payload.length === 0) return undefined;
    // Another gateway may have made the key since, or destroyed it.
    await payloadKeys.refresh?.();
    const patients = row.patients.map(names.patientOf).filter((patient) => patient !== undefined);
    return sealer.open(index, row, 'ledger_entries', patients);
  };

  const store = async (entry: LedgerEntry, place?: 'first' | 'last'): Promise<LedgerReceipt> => {
    if (closed) throw new LedgerUnavailable('The ledger is closed.');
    if (frozen) throw new LedgerFrozen('This log ended.');
    if (waiting.length >= pending) throw new LedgerUnavailable('The ledger is overloaded.');
    const sealed = await sealer.seal(entry).catch((error) => {
      throw new LedgerUnavailable('The entry cannot be sealed.', { cause: error });
    });
    const index = await new Promise<number>((resolve, reject) => {
      waiting.push({ ...sealed, entry, resolve, reject, ...(place === undefined ? {} : { place }) });
      running ??= run();
    });
    return receipt(index, sealed.hash);
  };

  const ledger: FilesLedger = {
    origin,
    logs: () => [ledger],
    at: (number) => ({ log: ledger, index: number }),
    frozen: () => frozen,
    retired: () => retired,
    retire: async () => {
      if (!frozen || (await integrate()).size !== size) throw new Error('Only a log that ended is retired.');
      await pool.query('UPDATE ledger_logs SET retired = true WHERE origin = $1 AND frozen', [origin]);
      retired = true;
      await empty();
    },
    freeze: async (entry) => {
      await store(entry, 'last');
    },
    begin: async (entry) => {
      await store(entry, 'first').catch((error) => {
        if (!(error instanceof LedgerFrozen)) throw error;
      });
    },
    verifierKey: key.verifierKey,
    size: () => size,
    integrated: () => published.checkpoint,
    checkpoint: () => published.note,
    healthy: () => healthy,
    leads: sequencer.leads,
    integrate,
    open,
    leaf: async (index) => (await rowAt(index))?.leaf,
    append: (entry) => store(entry),
    find: async (requestId) => {
      const known = recent.get(requestId);
      if (known !== undefined) return { entry: known.entry, receipt: receipt(known.index, known.hash) };
      const { rows } = await pool.query(
        'SELECT max(idx) AS idx FROM ledger_entries WHERE origin = $1 AND request = $2',
        [origin, names.of('request', requestId)],
      );
      const found = rows[0]?.idx === null || rows[0] === undefined ? undefined : await open(Number(rows[0].idx));
      return found && { entry: found.entry, receipt: receipt(found.index, leafHashOf(found.leaf)) };
    },
    query: async (query) => {
      if (retired) return [];
      const { clause, values } = whereOf(origin, query, names);
      const text = `SELECT idx FROM ledger_entries WHERE ${clause} ORDER BY idx DESC LIMIT $${values.length + 1}`;
      return (await pool.query(text, [...values, query.limit])).rows.map(({ idx }) => Number(idx));
    },
    tally: async (query, offsetMs) => {
      if (retired) return { hours: [], users: [] };
      const { clause, values } = whereOf(origin, query, names);
      const local = `(at + $${values.length + 1}::bigint) / 3600000`;
      const [hours, users] = await Promise.all([
        pool.query(
          `SELECT ${local} AS hour, permit, count(*) AS count FROM ledger_entries WHERE ${clause} GROUP BY 1, 2`,
          [...values, offsetMs],
        ),
        pool.query(
          `WITH told AS (SELECT idx, usr, at FROM ledger_entries WHERE ${clause} AND usr IS NOT NULL)
           SELECT newest AS sample, ${local} % 24 AS hour, count(*) AS count FROM told
           JOIN (SELECT usr AS whose, max(idx) AS newest FROM told GROUP BY usr) AS each ON whose = usr GROUP BY 1, 2`,
          [...values, offsetMs],
        ),
      ]);
      return {
        hours: hours.rows.map(({ hour, permit, count }) => ({
          hour: Number(hour),
          permit: permit === true,
          count: Number(count),
        })),
        users: await namedUsers(
          users.rows.map((row) => ({ sample: Number(row.sample), hour: Number(row.hour), count: Number(row.count) })),
          open,
        ),
      };
    },
    inclusion: (index, size) => inclusionIn(tiles, published, index, size),
    forget: async (patient) => {
      for (const [requestId, { entry }] of recent) if (entry.patients.includes(patient)) recent.delete(requestId);
      await pool.query(
        // Of entries about this patient alone only what the leaf tells stays, as in the files.
        `UPDATE ledger_entries SET patients = array_remove(patients, $2::bytea),
           resources = CASE WHEN cardinality(patients) = 1 THEN '{}' ELSE array_remove(resources, $3::bytea) END,
           at = CASE WHEN cardinality(patients) = 1 THEN at - at % 1000 ELSE at END,
           ${NAMED.map((each) => `${each} = CASE WHEN cardinality(patients) > 1 THEN ${each} END`).join(', ')}
         WHERE origin = $1 AND patients @> ARRAY[$2::bytea]`,
        [origin, names.ofPatient(patient), names.of('resource', `Patient/${patient}`)],
      );
    },
    receiptProof: async (index, extra) => {
      const deadline = clock.now() + timeoutMs;
      // Another gateway may be the one that integrates.
      while (index >= published.checkpoint.size && clock.now() < deadline) {
        await integrate();
        if (index >= published.checkpoint.size) await new Promise((resolve) => setTimeout(resolve, integrateMs / 4));
      }
      return proveEntry(tiles, published, index, extra);
    },
    consistency: (from, to) => proveConsistency(tiles, to ?? published, from),
    resource: async (path) => {
      if (path === 'checkpoint') return Buffer.from(published.note);
      const name = parseTilePath(path);
      return name && tiles.read(name);
    },
    onPublish: publications.on,
    onTrouble,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
      await integrate().catch((error) => trouble('integrate-failed', error));
      await pool
        .query("UPDATE ledger_leases SET renewed = 'epoch', holder = '' WHERE origin = $1 AND holder = $2", [
          origin,
          holder,
        ])
        .catch(() => undefined);
      await pool.end();
    },
  };
  return ledger;
};
