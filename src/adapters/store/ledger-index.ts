import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import { type EntryKind, entryKinds, type LedgerEntry } from '../../domain/ledger/entry.ts';

/** Where a record lies: the segment by the file's name, and the bytes within. */
export interface Location {
  readonly segment: string;
  readonly offset: number;
  readonly length: number;
}

/** What an entry can be looked up by. Everything here can be made again from the segments and the patients' keys. */
export interface EntryQuery {
  readonly patient?: PatientId;
  readonly user?: string;
  readonly client?: string;
  readonly organisation?: string;
  readonly purpose?: string;
  readonly type?: string;
  readonly resource?: string;
  readonly kinds?: readonly EntryKind[];
  readonly decision?: 'permit' | 'deny';
  readonly requestId?: string;
  /** Milliseconds since 1970; `until` is exclusive. */
  readonly from?: number;
  readonly until?: number;
  /** For paging: only entries before this index, newest first. */
  readonly before?: number;
  /** Only entries from this index on. */
  readonly atLeast?: number;
  readonly limit: number;
}

/** How many entries there are, by hour and by user; hours are those of the caller's offset from UTC. */
export interface Tally {
  /** `hour`: since 1970. */
  readonly hours: readonly { readonly hour: number; readonly permit: boolean; readonly count: number }[];
  /** `hour`: of the day. */
  readonly users: readonly { readonly user: string; readonly hour: number; readonly count: number }[];
}

export interface LedgerIndex {
  /** Entries below this are in the index. */
  size(): number;
  add(
    entries: readonly { readonly index: number; readonly entry: LedgerEntry | undefined; readonly at: Location }[],
  ): void;
  /**
   * Between the two, additions share one transaction, so that a page which many of them touch is written once. Queries
   * see them at once; `rollback` forgets them all.
   */
  begin(): void;
  commit(): void;
  rollback(): void;
  locate(index: number): Location | undefined;
  ofRequest(requestId: string): number | undefined;
  patientsOf(index: number): readonly PatientId[];
  /** Newest first. */
  find(query: EntryQuery): readonly number[];
  /** Counts what `find` without a limit would give. */
  tally(query: Omit<EntryQuery, 'limit'>, offsetMs: number): Tally;
  forget(patient: PatientId): void;
  clear(): void;
  close(): void;
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS segments (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS entries (
  idx INTEGER PRIMARY KEY, segment INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
  at INTEGER, kind INTEGER, permit INTEGER, user TEXT, client TEXT, organisation TEXT, purpose TEXT, type TEXT, request TEXT);
CREATE INDEX IF NOT EXISTS entries_request ON entries (request);
CREATE INDEX IF NOT EXISTS entries_user ON entries (user, idx);
CREATE TABLE IF NOT EXISTS subjects (patient TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (patient, idx)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS subjects_idx ON subjects (idx);
CREATE TABLE IF NOT EXISTS resources (ref TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (ref, idx)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL);`;

/** `Type/id` of `Type/id/_history/version`. */
const unversioned = (reference: string): string => {
  const end = reference.indexOf('/_history/');
  return end < 0 ? reference : reference.slice(0, end);
};

const whereOf = (query: Omit<EntryQuery, 'limit'>): { readonly clause: string; readonly values: SQLInputValue[] } => {
  const wheres: string[] = [];
  const values: SQLInputValue[] = [];
  const where = (sql: string, ...bound: readonly SQLInputValue[]): void => {
    wheres.push(sql);
    values.push(...bound);
  };
  if (query.patient !== undefined) where('idx IN (SELECT idx FROM subjects WHERE patient = ?)', query.patient);
  if (query.resource !== undefined) where('idx IN (SELECT idx FROM resources WHERE ref = ?)', query.resource);
  for (const column of ['user', 'client', 'organisation', 'purpose', 'type'] as const) {
    const value = query[column];
    if (value !== undefined) where(`${column} = ?`, value);
  }
  if (query.requestId !== undefined) where('request = ?', query.requestId);
  if (query.decision !== undefined) where('permit = ?', query.decision === 'permit' ? 1 : 0);
  if (query.from !== undefined) where('at >= ?', query.from);
  if (query.until !== undefined) where('at < ?', query.until);
  if (query.before !== undefined) where('idx < ?', query.before);
  if (query.atLeast !== undefined) where('idx >= ?', query.atLeast);
  if (query.kinds !== undefined) {
    const kinds = query.kinds.map((kind) => entryKinds.indexOf(kind));
    where(`kind IN (${kinds.map(() => '?').join(', ')})`, ...kinds);
  }
  return { clause: wheres.length > 0 ? `WHERE ${wheres.join(' AND ')}` : '', values };
};

export const openLedgerIndex = (path: string): LedgerIndex => {
  const database = new DatabaseSync(path, { timeout: 5000 });
  // Losing the index costs a rebuild, never an entry: no sync is worth its time here. Deleted rows are overwritten.
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA secure_delete = ON; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4096;',
  );
  database.exec(SCHEMA);
  const prepare = (sql: string) => database.prepare(sql);
  const addEntry = prepare('INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const addSubject = prepare('INSERT OR IGNORE INTO subjects VALUES (?, ?)');
  const addResource = prepare('INSERT OR IGNORE INTO resources VALUES (?, ?)');
  // Of a Bundle: one call for 100 costs a quarter less than 100 calls, but a call for one costs a quarter more.
  const addResources = prepare('INSERT OR IGNORE INTO resources SELECT value, ?2 FROM json_each(?1)');
  const setSize = prepare('INSERT OR REPLACE INTO state VALUES (1, ?)');
  const getSize = prepare('SELECT size FROM state');
  const segments = new Map<string, number>();
  const segmentId = (name: string): number => {
    const known = segments.get(name);
    if (known !== undefined) return known;
    prepare('INSERT OR IGNORE INTO segments (name) VALUES (?)').run(name);
    const id = Number(prepare('SELECT id FROM segments WHERE name = ?').get(name)?.id);
    segments.set(name, id);
    return id;
  };
  const transaction = (work: () => void): void => {
    if (database.isTransaction) {
      work();
      return;
    }
    database.exec('BEGIN');
    try {
      work();
      database.exec('COMMIT');
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  };
  const size = (): number => Number(getSize.get()?.size ?? 0);

  return {
    size,
    add: (entries) =>
      transaction(() => {
        for (const { index, entry, at } of entries) {
          addEntry.run(
            index,
            segmentId(at.segment),
            at.offset,
            at.length,
            entry?.at ?? null,
            entry === undefined ? null : entryKinds.indexOf(entry.kind),
            entry === undefined ? null : entry.decision === 'permit' ? 1 : 0,
            entry?.actor?.user ?? null,
            entry?.actor?.client ?? null,
            entry?.actor?.organisation ?? null,
            entry?.purpose ?? null,
            entry?.interaction?.type ?? null,
            entry?.requestId ?? null,
          );
          for (const patient of entry?.patients ?? []) addSubject.run(patient, index);
          const resources = entry?.resources ?? [];
          if (resources.length > 8) addResources.run(JSON.stringify(resources.map(unversioned)), index);
          else for (const reference of resources) addResource.run(unversioned(reference), index);
        }
        const last = entries.at(-1);
        if (last !== undefined) setSize.run(last.index + 1);
      }),
    begin: () => database.exec('BEGIN'),
    commit: () => database.exec('COMMIT'),
    rollback: () => {
      if (database.isTransaction) database.exec('ROLLBACK');
    },
    locate: (index) => {
      const row = prepare(
        'SELECT s.name, e.offset, e.length FROM entries e JOIN segments s ON s.id = e.segment WHERE e.idx = ?',
      ).get(index);
      return row && { segment: String(row.name), offset: Number(row.offset), length: Number(row.length) };
    },
    ofRequest: (requestId) => {
      const row = prepare('SELECT max(idx) AS idx FROM entries WHERE request = ?').get(requestId);
      return row?.idx === null || row === undefined ? undefined : Number(row.idx);
    },
    patientsOf: (index) =>
      prepare('SELECT patient FROM subjects WHERE idx = ?')
        .all(index)
        .map((row) => String(row.patient) as PatientId),
    find: (query) => {
      const { clause, values } = whereOf(query);
      return prepare(`SELECT idx FROM entries ${clause} ORDER BY idx DESC LIMIT ?`)
        .all(...values, query.limit)
        .map((row) => Number(row.idx));
    },
    tally: (query, offsetMs) => {
      const { clause, values } = whereOf(query);
      const and = clause === '' ? 'WHERE' : `${clause} AND`;
      const hours = prepare(
        `SELECT (at + CAST(? AS INTEGER)) / 3600000 AS hour, permit, count(*) AS count FROM entries ${and} at IS NOT NULL GROUP BY 1, 2`,
      ).all(offsetMs, ...values);
      const users = prepare(
        `SELECT user, (at + CAST(? AS INTEGER)) / 3600000 % 24 AS hour, count(*) AS count FROM entries ${and} user IS NOT NULL GROUP BY 1, 2`,
      ).all(offsetMs, ...values);
      return {
        hours: hours.map(({ hour, permit, count }) => ({
          hour: Number(hour),
          permit: permit === 1,
          count: Number(count),
        })),
        users: users.map(({ user, hour, count }) => ({ user: String(user), hour: Number(hour), count: Number(count) })),
      };
    },
    forget: (patient) =>
      transaction(() => {
        prepare(
          `DELETE FROM resources WHERE idx IN (SELECT idx FROM subjects WHERE patient = ?)
           AND (ref = ? OR idx NOT IN (SELECT idx FROM subjects WHERE patient <> ?))`,
        ).run(patient, `Patient/${patient}`, patient);
        prepare('DELETE FROM subjects WHERE patient = ?').run(patient);
      }),
    clear: () =>
      transaction(() => {
        for (const table of ['entries', 'subjects', 'resources', 'state', 'segments'])
          database.exec(`DELETE FROM ${table}`);
        segments.clear();
      }),
    close: () => database.close(),
  };
};
