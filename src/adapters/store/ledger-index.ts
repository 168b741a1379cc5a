import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import { type EntryKind, entryKinds } from '../../domain/ledger/entry.ts';
import { type IndexNames, indexNames } from './index-names.ts';

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
  /** Of a refusal: its row in the table of problems. */
  readonly code?: string;
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

/** How many entries there are, by hour and by user, the busiest users alone; hours are those of the caller's offset from UTC. */
export interface Tally {
  /** `hour`: since 1970. */
  readonly hours: readonly { readonly hour: number; readonly permit: boolean; readonly count: number }[];
  /** `hour`: of the day. */
  readonly users: readonly { readonly user: string; readonly hour: number; readonly count: number }[];
}

/** What of an entry can be looked up; of one whose keys are gone, what its leaf tells. */
export interface IndexRow {
  readonly index: number;
  readonly place: Location;
  readonly at: number;
  readonly kind: number;
  readonly permit: boolean;
  readonly named?: {
    readonly user: string | undefined;
    readonly client: string | undefined;
    readonly organisation: string | undefined;
    readonly purpose: string | undefined;
    readonly type: string | undefined;
    readonly code: string | undefined;
    readonly request: string;
    readonly patients: readonly PatientId[];
    readonly resources: readonly string[];
  };
}

/** As `Tally`, with the newest entry of each user in the place of the name, which the index does not know. */
export interface IndexTally {
  readonly hours: Tally['hours'];
  readonly users: readonly { readonly sample: number; readonly hour: number; readonly count: number }[];
}

/** Holds keyed names only: `IndexNames`. */
export interface LedgerIndex {
  /** Entries below this are in the index. */
  size(): number;
  /** In one transaction, so that a page which many of them touch is written once. */
  add(rows: readonly IndexRow[]): void;
  locate(index: number): Location | undefined;
  ofRequest(requestId: string): number | undefined;
  patientsOf(index: number): readonly PatientId[];
  /** Newest first. */
  find(query: EntryQuery): readonly number[];
  /** Counts what `find` without a limit would give. */
  tally(query: Omit<EntryQuery, 'limit'>, offsetMs: number): IndexTally;
  /** From then on the index is what it would be if it were made again without the patient's key. */
  forget(patient: PatientId): void;
  clear(): void;
  close(): void;
}

/** Of the tables below, and of how names are made: what an earlier version left is made again. */
const VERSION = 3;
const SCHEMA = `
CREATE TABLE IF NOT EXISTS segments (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS entries (
  idx INTEGER PRIMARY KEY, segment INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
  at INTEGER NOT NULL, kind INTEGER NOT NULL, permit INTEGER NOT NULL,
  user BLOB, client BLOB, organisation BLOB, purpose BLOB, type BLOB, request BLOB, code BLOB);
CREATE INDEX IF NOT EXISTS entries_code ON entries (code, idx) WHERE code IS NOT NULL;
CREATE INDEX IF NOT EXISTS entries_request ON entries (request);
CREATE INDEX IF NOT EXISTS entries_user ON entries (user, idx);
CREATE TABLE IF NOT EXISTS subjects (patient BLOB NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (patient, idx)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS subjects_idx ON subjects (idx);
CREATE TABLE IF NOT EXISTS resources (ref BLOB NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (ref, idx)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS made_with (key BLOB PRIMARY KEY);`;
const TABLES = ['entries', 'subjects', 'resources', 'state', 'segments', 'made_with'];

const whereOf = (
  query: Omit<EntryQuery, 'limit'>,
  names: IndexNames,
): { readonly clause: string; readonly values: SQLInputValue[] } => {
  const wheres: string[] = [];
  const values: SQLInputValue[] = [];
  const where = (sql: string, ...bound: readonly SQLInputValue[]): void => {
    wheres.push(sql);
    values.push(...bound);
  };
  if (query.patient !== undefined)
    where('idx IN (SELECT idx FROM subjects WHERE patient = ?)', names.ofPatient(query.patient));
  if (query.resource !== undefined)
    where('idx IN (SELECT idx FROM resources WHERE ref = ?)', names.of('resource', query.resource));
  for (const column of ['user', 'client', 'organisation', 'purpose', 'type', 'code'] as const) {
    const value = query[column];
    if (value !== undefined) where(`${column} = ?`, names.of(column, value));
  }
  if (query.requestId !== undefined) where('request = ?', names.of('request', query.requestId));
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

export const openLedgerIndex = (path: string, key: Uint8Array): LedgerIndex => {
  const names = indexNames(key);
  const database = new DatabaseSync(path, { timeout: 5000 });
  // Losing the index costs a rebuild, never an entry: no sync is worth its time here. Deleted rows are overwritten.
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA secure_delete = ON; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4096;',
  );
  const ownMark = names.of('type', '');
  const usable = (): boolean => {
    const known = database.prepare('SELECT key FROM made_with').get()?.key;
    return known instanceof Uint8Array && Buffer.from(known).equals(ownMark);
  };
  const made = Number(database.prepare('PRAGMA user_version').get()?.user_version);
  if (made !== VERSION || !usable()) {
    for (const table of TABLES) database.exec(`DROP TABLE IF EXISTS ${table}`);
    database.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE);');
    database.exec(`${SCHEMA} PRAGMA user_version = ${VERSION};`);
    database.prepare('INSERT INTO made_with VALUES (?)').run(ownMark);
  }
  const prepare = (sql: string) => database.prepare(sql);
  const addEntry = prepare('INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const addSubject = prepare('INSERT OR IGNORE INTO subjects VALUES (?, ?)');
  const addResource = prepare('INSERT OR IGNORE INTO resources VALUES (?, ?)');
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
    database.exec('BEGIN');
    try {
      work();
      database.exec('COMMIT');
    } catch (error) {
      segments.clear();
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  };
  const optional = (
    column: 'user' | 'client' | 'organisation' | 'purpose' | 'type' | 'code',
    value: string | undefined,
  ) => (value === undefined ? null : names.of(column, value));

  return {
    size: () => Number(getSize.get()?.size ?? 0),
    add: (rows) =>
      transaction(() => {
        for (const { index, place, at, kind, permit, named } of rows) {
          addEntry.run(
            index,
            segmentId(place.segment),
            place.offset,
            place.length,
            at,
            kind,
            permit ? 1 : 0,
            optional('user', named?.user),
            optional('client', named?.client),
            optional('organisation', named?.organisation),
            optional('purpose', named?.purpose),
            optional('type', named?.type),
            named === undefined ? null : names.of('request', named.request),
            optional('code', named?.code),
          );
          for (const patient of named?.patients ?? []) addSubject.run(names.ofPatient(patient), index);
          for (const reference of named?.resources ?? []) addResource.run(names.of('resource', reference), index);
        }
        const last = rows.at(-1);
        if (last !== undefined) setSize.run(last.index + 1);
      }),
    locate: (index) => {
      const row = prepare(
        'SELECT s.name, e.offset, e.length FROM entries e JOIN segments s ON s.id = e.segment WHERE e.idx = ?',
      ).get(index);
      return row && { segment: String(row.name), offset: Number(row.offset), length: Number(row.length) };
    },
    ofRequest: (requestId) => {
      const row = prepare('SELECT max(idx) AS idx FROM entries WHERE request = ?').get(names.of('request', requestId));
      return row?.idx === null || row === undefined ? undefined : Number(row.idx);
    },
    patientsOf: (index) =>
      prepare('SELECT patient FROM subjects WHERE idx = ?')
        .all(index)
        .flatMap((row) => {
          const patient = row.patient instanceof Uint8Array ? names.patientOf(row.patient) : undefined;
          return patient === undefined ? [] : [patient];
        }),
    find: (query) => {
      const { clause, values } = whereOf(query, names);
      return prepare(`SELECT idx FROM entries ${clause} ORDER BY idx DESC LIMIT ?`)
        .all(...values, query.limit)
        .map((row) => Number(row.idx));
    },
    tally: (query, offsetMs) => {
      const { clause, values } = whereOf(query, names);
      const hours = prepare(
        `SELECT (at + CAST(? AS INTEGER)) / 3600000 AS hour, permit, count(*) AS count FROM entries ${clause} GROUP BY 1, 2`,
      ).all(offsetMs, ...values);
      const users = prepare(
        `SELECT user, (at + CAST(? AS INTEGER)) / 3600000 % 24 AS hour, count(*) AS count, max(idx) AS newest
         FROM entries ${clause === '' ? 'WHERE' : `${clause} AND`} user IS NOT NULL GROUP BY 1, 2`,
      )
        .all(offsetMs, ...values)
        .map(({ user, hour, count, newest }) => ({
          user: user instanceof Uint8Array ? Buffer.from(user).toString('latin1') : '',
          hour: Number(hour),
          count: Number(count),
          newest: Number(newest),
        }));
      const samples = new Map<string, number>();
      for (const { user, newest } of users) samples.set(user, Math.max(newest, samples.get(user) ?? 0));
      return {
        hours: hours.map(({ hour, permit, count }) => ({
          hour: Number(hour),
          permit: permit === 1,
          count: Number(count),
        })),
        users: users.map(({ user, hour, count }) => ({ sample: samples.get(user) ?? 0, hour, count })),
      };
    },
    forget: (patient) => {
      const name = names.ofPatient(patient);
      transaction(() => {
        // Of entries about this patient alone only what the leaf tells stays; of others, what the rest still open.
        const alone =
          'SELECT idx FROM subjects WHERE patient = ?1 AND idx NOT IN (SELECT idx FROM subjects WHERE patient <> ?1)';
        prepare(
          `DELETE FROM resources WHERE idx IN (${alone}) OR (ref = ?2 AND idx IN (SELECT idx FROM subjects WHERE patient = ?1))`,
        ).run(name, names.of('resource', `Patient/${patient}`));
        prepare(
          `UPDATE entries SET at = at - at % 1000, user = NULL, client = NULL, organisation = NULL, purpose = NULL, type = NULL, request = NULL, code = NULL
           WHERE idx IN (${alone})`,
        ).run(name);
        prepare('DELETE FROM subjects WHERE patient = ?').run(name);
      });
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    },
    clear: () =>
      transaction(() => {
        for (const table of TABLES.slice(0, -1)) database.exec(`DELETE FROM ${table}`);
        segments.clear();
      }),
    close: () => database.close(),
  };
};
