import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Instant } from '../../domain/instant.ts';
import type { Checkpoint } from '../../domain/ledger/checkpoint.ts';

/** Another process owns the log, or took it while this one slept. Nothing more may be acknowledged or published. */
export class LedgerFenced extends Error {}

/** Somebody else holds the log: surely alive, or perhaps gone with its machine. */
export class LedgerBusy extends LedgerFenced {
  readonly certain: boolean;

  constructor(certain: boolean) {
    super('Another process writes this ledger. Stop it first, or give this one a folder of its own.');
    this.certain = certain;
  }
}

/** Says who writes, and what was published last. Locks of the database file fall with the process that held them. */
export interface Control {
  readonly epoch: number;
  /** What was published when this writer took over. */
  readonly published: { readonly size: number; readonly root: Uint8Array } | undefined;
  /** Cheap: asked after every sync, before anything is acknowledged. */
  holds(): boolean;
  renew(now: Instant): void;
  /** Compare and swap: `from` must be what was published last; `rename` runs while every other writer is locked out. */
  publish(from: number, to: Checkpoint, rename: () => void): void;
  release(): void;
}

export interface Owner {
  readonly pid: number;
  /** Tells a process from a later one with the same number, and machines from each other. */
  readonly birth: string;
  isAlive(pid: number, birth: string): boolean | undefined;
}

const SCHEMA = `CREATE TABLE IF NOT EXISTS owner (
  id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL, pid INTEGER NOT NULL, birth TEXT NOT NULL, renewed INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS published (id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL, root BLOB NOT NULL);`;

export interface ControlOptions {
  readonly path: string;
  readonly owner: Owner;
  readonly now: Instant;
  /** A silent owner that may still live is left alone for this long. */
  readonly leaseMs: number;
}

const NOT_A_DATABASE: readonly unknown[] = [11, 26];

/** What the file says was published, read beside a writer; `damaged` when it is no such file, `undefined` when it cannot be told. */
export const readPublishedClaim = (
  path: string,
): { readonly size: number; readonly root: Uint8Array } | 'damaged' | undefined => {
  if (!existsSync(path)) return undefined;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true });
    const row = database.prepare('SELECT size, root FROM published').get();
    return row && { size: Number(row.size), root: Uint8Array.from(row.root as Uint8Array) };
  } catch (error) {
    // A folder that cannot be written has no room for what reading beside a writer needs.
    return NOT_A_DATABASE.includes((error as { readonly errcode?: unknown }).errcode) ? 'damaged' : undefined;
  } finally {
    database?.close();
  }
};

export const acquireControl = ({ path, owner, now, leaseMs }: ControlOptions): Control => {
  const database = new DatabaseSync(path, { timeout: 5000 });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
  database.exec(SCHEMA);
  const inTransaction = <Result>(work: () => Result): Result => {
    database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  };

  let epoch = 0;
  try {
    epoch = inTransaction(() => {
      const row = database.prepare('SELECT epoch, pid, birth, renewed FROM owner').get();
      if (row !== undefined && row.pid !== 0) {
        const alive = owner.isAlive(Number(row.pid), String(row.birth));
        const silentMs = now - Number(row.renewed);
        if (alive !== false && silentMs < leaseMs) throw new LedgerBusy(alive === true);
      }
      const next = Number(row?.epoch ?? 0) + 1;
      database
        .prepare('INSERT OR REPLACE INTO owner (id, epoch, pid, birth, renewed) VALUES (1, ?, ?, ?, ?)')
        .run(next, owner.pid, owner.birth, now);
      return next;
    });
  } catch (error) {
    database.close();
    throw error;
  }

  const current = database.prepare('SELECT epoch FROM owner');
  const last = database.prepare('SELECT size, root FROM published');
  const row = last.get();
  const holds = (): boolean => database.isOpen && current.get()?.epoch === epoch;
  const demand = (): void => {
    if (!holds()) throw new LedgerFenced('Another process took this ledger over while this one was not running.');
  };
  return {
    epoch,
    published:
      row === undefined ? undefined : { size: Number(row.size), root: Uint8Array.from(row.root as Uint8Array) },
    holds,
    renew: (at) => {
      database.prepare('UPDATE owner SET renewed = ? WHERE epoch = ?').run(at, epoch);
    },
    publish: (from, to, rename) =>
      inTransaction(() => {
        demand();
        const size = Number(last.get()?.size ?? 0);
        if (size > from || to.size < size)
          throw new LedgerFenced('The published log is not the one this writer extends.');
        rename();
        database.prepare('INSERT OR REPLACE INTO published (id, size, root) VALUES (1, ?, ?)').run(to.size, to.root);
      }),
    release: () => {
      if (!database.isOpen) return;
      if (holds()) database.prepare('UPDATE owner SET pid = 0 WHERE epoch = ?').run(epoch);
      database.close();
    },
  };
};
