import { DatabaseSync } from 'node:sqlite';
import { LRUCache } from 'lru-cache';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import { scan } from '../../domain/json/scan.ts';
import { fromBase64Url, toBase64Url } from '../../domain/ledger/base64.ts';
import type { LedgerEntry } from '../../domain/ledger/entry.ts';
import { concat, equalBytes, hmac } from '../../domain/ledger/hash.ts';
import {
  digestMethods,
  type IntegrityState,
  losslessDigest,
  recordDigests,
} from '../../domain/ledger/record-integrity.ts';
import type { Clock, LedgerStore, RecordIntegrity, StoredRecord } from '../../ports.ts';
import type { EntryQuery } from './ledger-index.ts';
import { nodeHashing } from './node-hash.ts';
import type { PayloadKeys } from './payload-keys.ts';

export interface RecordNotary extends RecordIntegrity {
  /** Drops what is known of a patient, before the key is destroyed. */
  forget(patient: PatientId): void;
  /** Resolves when all that was noted is in the ledger. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export interface NotaryOptions {
  readonly path: string;
  readonly ledger: Pick<LedgerStore, 'append'> & {
    query(query: EntryQuery): Promise<readonly number[]>;
    open(index: number): Promise<{ readonly entry: LedgerEntry } | undefined>;
  };
  readonly keys: PayloadKeys;
  /** Names the rows, so that the file alone tells of nobody; salts records that belong to no patient. */
  readonly ownKey: Uint8Array;
  readonly clock: Clock;
  /** How long an older version may still be served as the current one: calls under way, indexes that lag. */
  readonly graceMs?: number;
  /** An alteration, once for each thing that is wrong. */
  readonly alarm: () => void;
  readonly failed: (error: unknown) => void;
}

const SCHEMA = `CREATE TABLE IF NOT EXISTS records (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, ref TEXT NOT NULL, version TEXT NOT NULL, owner TEXT NOT NULL, digest BLOB NOT NULL,
  written INTEGER NOT NULL, noted INTEGER NOT NULL, UNIQUE (ref, version));
CREATE INDEX IF NOT EXISTS records_owner ON records (owner);
CREATE TABLE IF NOT EXISTS deleted (ref TEXT PRIMARY KEY, seq INTEGER NOT NULL);`;

const utf8 = new TextEncoder();
const LABEL = utf8.encode('consentry record v1');
const NAME_LABEL = utf8.encode('consentry record name v1');
const OWNER_LABEL = utf8.encode('consentry record owner v1');
const SEEN = 50_000;
/** Records of one ledger entry; a Bundle's first sight is then one append for each patient. */
const BATCH = 100;
/** Canonical forms are made for so long before other work has its turn. */
const SLICE_MS = 2;
/** Noted records that may wait for their ledger entries. */
const MOST_TOLD = 1000;
/** First sights that may wait; a record beyond them is noted when it is next seen. */
const MOST_WAITING = 20_000;
const GRACE_MS = 60_000;
const ALTERED = 'What the server holds is not what was notarised for this version.';

/** On its way into the file and the ledger: its own copy of the bytes, as the answer is gone by then. */
interface Waiting {
  readonly ref: string;
  readonly reference: string;
  readonly version: string;
  readonly patient: PatientId | undefined;
  readonly key: Uint8Array;
  readonly bytes: Uint8Array;
  /** Names the bytes. */
  readonly name: string;
  readonly state: 'verified' | 'baseline';
}

interface Told {
  readonly patient: PatientId | undefined;
  readonly resource: string;
  readonly text: string;
  /** Set for a first sight: the row, which the ledger may know better. */
  readonly seen?: { readonly one: Waiting; readonly digest: Uint8Array };
}

const salted = (key: Uint8Array, reference: string, version: string, digest: Uint8Array): Uint8Array =>
  hmac(nodeHashing, key, LABEL, concat(utf8.encode(`${reference}\0${version}\0`), digest));

/** The keyed name of a record or patient in the file. */
const keyed = (key: Uint8Array, label: Uint8Array, text: string): string =>
  toBase64Url(hmac(nodeHashing, key, label, utf8.encode(text)).subarray(0, 16));

const bytesOf = ({ tape, node }: StoredRecord): Uint8Array => tape.bytes.subarray(tape.start[node], tape.end[node]);

/**
 * Remembers a salted digest of every version that was written here or seen, and tells whether what the server gives now is
 * that. A check is a look-up; canonical forms of new versions, the file and the ledger entries follow after the answer.
 */
export const openRecordNotary = (options: NotaryOptions): RecordNotary => {
  const { ledger, keys, ownKey, clock, alarm, failed, graceMs = GRACE_MS } = options;
  const database = new DatabaseSync(options.path, { timeout: 5000 });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON;');
  database.exec(SCHEMA);
  const find = database.prepare('SELECT seq, owner, digest, written FROM records WHERE ref = ? AND version = ?');
  const newest = database.prepare('SELECT seq, digest, noted FROM records WHERE ref = ? ORDER BY seq DESC LIMIT 1');
  const add = database.prepare(
    'INSERT INTO records (ref, version, owner, digest, written, noted) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const correct = database.prepare('UPDATE records SET digest = ?, written = ? WHERE ref = ? AND version = ?');
  const drop = database.prepare('DELETE FROM records WHERE seq = ?');
  const gone = database.prepare('SELECT seq FROM deleted WHERE ref = ?');
  const remove = database.prepare('INSERT OR REPLACE INTO deleted (ref, seq) VALUES (?, ?)');
  /** The bytes of the newest version when it was last found unaltered: the same bytes need no canonical form. */
  const same = new LRUCache<
    string,
    { readonly version: string; readonly name: string; readonly state: IntegrityState }
  >({
    max: SEEN,
  });
  const alarmed = new LRUCache<string, true>({ max: SEEN });
  const waiting = new Map<string, Waiting>();
  let told: Told[] = [];
  let running: Promise<void> | undefined;
  let closed = false;

  const keyOf = (patient: PatientId | undefined): Uint8Array | undefined =>
    patient === undefined ? ownKey : keys.keyOf(patient);
  const refOf = (reference: string): string => keyed(ownKey, NAME_LABEL, reference);
  const ownerOf = (key: Uint8Array): string => keyed(key, OWNER_LABEL, '');

  const entryOf = (batch: readonly Told[], patient: PatientId | undefined): LedgerEntry => {
    const at = clock.now();
    const name = nodeHashing.sha256(utf8.encode(`${at}${batch.map(({ text }) => text).join()}`));
    return {
      kind: 'record',
      at,
      requestId: `record-${Buffer.from(name).toString('hex', 0, 12)}`,
      decision: 'permit',
      patients: patient === undefined ? [] : [patient],
      resources: batch.map(({ resource }) => resource),
      outcome: { status: 0, returned: batch.length, withheld: 0, masked: 0 },
      story: batch.map(({ text }) => ({ stage: 'record', rule: digestMethods.lossless, text })),
      height: 0,
    };
  };

  /** Puts one version into the file, unless it is there or its patient was erased meanwhile. */
  const note = (one: Waiting): void => {
    waiting.delete(`${one.ref} ${one.version}`);
    const scanned = keyOf(one.patient) === one.key ? scan(one.bytes) : undefined;
    if (scanned?.ok !== true) return;
    const { portable, lossless } = recordDigests(nodeHashing, scanned.tape);
    const { ref, reference, version, key, patient } = one;
    const saltedDigest = (digest: Uint8Array): Uint8Array => salted(key, reference, version, digest);
    const digest = saltedDigest(lossless);
    const previous = newest.get(ref)?.digest;
    const { changes } = add.run(ref, version, ownerOf(key), digest, one.state === 'verified' ? 1 : 0, clock.now());
    if (changes === 0) return;
    same.delete(reference);
    const words = [
      one.state === 'verified' ? 'written' : 'first seen',
      `lossless=${toBase64Url(digest)}`,
      `portable=${portable === undefined ? 'none' : toBase64Url(saltedDigest(portable))}`,
      `previous=${previous instanceof Uint8Array ? toBase64Url(previous) : 'none'}`,
    ];
    const seen = one.state === 'baseline' ? { seen: { one, digest } } : {};
    told.push({ patient, resource: `${reference}/_history/${version}`, text: words.join(' '), ...seen });
  };

  const noteAll = async (): Promise<void> => {
    // A server that goes on sending new records must not keep what was noted from the ledger, and in memory.
    while (waiting.size > 0 && told.length < MOST_TOLD) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      database.exec('BEGIN');
      try {
        const ends = performance.now() + SLICE_MS;
        for (const one of waiting.values()) {
          note(one);
          if (performance.now() > ends) break;
        }
        database.exec('COMMIT');
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        failed(error);
      }
    }
  };

  /** What the ledger says of a version: it outlives the file, and other gateways write to it. */
  const notarised = async (resource: string): Promise<{ written: boolean; digest: Uint8Array } | undefined> => {
    // The oldest counts; an alteration is an entry of the same kind.
    for (const index of (await ledger.query({ resource, kinds: ['record'], limit: 20 })).toReversed()) {
      const entry = (await ledger.open(index))?.entry;
      const text = entry?.story[entry.resources.indexOf(resource)]?.text;
      const found = text === undefined ? null : /^(written|first seen) lossless=([\w-]+) /.exec(text);
      const digest = found === null ? undefined : fromBase64Url(found[2] ?? '');
      if (digest !== undefined) return { written: found?.[1] === 'written', digest };
    }
    return undefined;
  };

  /** A first sight that is none: the row becomes what was notarised, and what differs from it is an alteration. */
  const recall = async (each: Told): Promise<boolean> => {
    if (each.seen === undefined) return false;
    const { one, digest } = each.seen;
    const known = await notarised(each.resource);
    if (known === undefined) return false;
    correct.run(known.digest, known.written ? 1 : 0, one.ref, one.version);
    same.delete(one.reference);
    if (!equalBytes(known.digest, digest)) cry(one.reference, one.version, one.patient, ALTERED);
    return true;
  };

  const append = async (): Promise<void> => {
    const batch = told;
    told = [];
    const fresh: Told[] = [];
    for (const each of batch) {
      const recalled = await recall(each).catch((error: unknown) => {
        failed(error);
        return false;
      });
      if (!recalled) fresh.push(each);
    }
    const byPatient = Map.groupBy(fresh, ({ patient }) => patient);
    for (const [patient, all] of byPatient) {
      for (let at = 0; at < all.length; at += BATCH) {
        if (patient === undefined || keys.keyOf(patient) !== undefined)
          await ledger.append(entryOf(all.slice(at, at + BATCH), patient)).catch(failed);
      }
    }
  };

  const run = async (): Promise<void> => {
    while (waiting.size > 0 || told.length > 0) {
      await noteAll();
      await append();
    }
    running = undefined;
  };

  const soon = (
    record: StoredRecord,
    key: Uint8Array,
    version: string,
    name: string,
    state: Waiting['state'],
  ): void => {
    if (closed || waiting.size >= MOST_WAITING) return;
    const { reference, patient } = record;
    const ref = refOf(reference);
    const bytes = bytesOf(record).slice();
    same.delete(reference);
    waiting.set(`${ref} ${version}`, { ref, reference, version, patient, key, bytes, name, state });
    running ??= run();
  };

  const cry = (reference: string, version: string, patient: PatientId | undefined, text: string): void => {
    const what = `${reference} ${version} ${text}`;
    if (alarmed.has(what)) return;
    alarmed.set(what, true);
    alarm();
    const entry = entryOf([{ patient, resource: `${reference}/_history/${version}`, text }], patient);
    ledger.append({ ...entry, decision: 'deny', code: 'record-altered', stage: 'release' }).catch(failed);
  };

  /** Another gateway may have deleted it: the ledger is the one that they share. */
  const deletedElsewhere = async (reference: string): Promise<boolean> => {
    const indexes = await ledger.query({ resource: reference, kinds: ['write', 'break-glass'], limit: 20 });
    for (const index of indexes) {
      const entry = (await ledger.open(index))?.entry;
      if (entry?.decision === 'permit' && entry.resources.includes(reference)) return true;
    }
    return false;
  };

  /** Whether a row belongs to a key that no living patient has: what a backup brought back of somebody erased. */
  const orphaned = (owner: string): boolean => {
    if (owner === ownerOf(ownKey)) return false;
    for (const [, key] of keys.all()) if (ownerOf(key) === owner) return false;
    return true;
  };

  const compare = (record: StoredRecord, key: Uint8Array, version: string, name: string): IntegrityState => {
    const { reference } = record;
    const ref = refOf(reference);
    const queued = waiting.get(`${ref} ${version}`);
    if (queued !== undefined && queued.name === name && queued.patient === record.patient) return queued.state;
    if (queued !== undefined) note(queued);
    let row = find.get(ref, version);
    if (row !== undefined && row.owner !== ownerOf(key) && orphaned(String(row.owner))) {
      drop.run(Number(row.seq));
      row = undefined;
    }
    if (row === undefined) {
      soon(record, key, version, name, 'baseline');
      return 'baseline';
    }
    const digest = salted(key, reference, version, losslessDigest(nodeHashing, record.tape, record.node));
    if (!(row.digest instanceof Uint8Array) || !equalBytes(row.digest, digest)) return 'altered';
    const state = row.written === 1 ? 'verified' : 'baseline';
    if (!record.current) return state;
    const last = newest.get(ref);
    if (Number(last?.seq) === Number(row.seq)) {
      same.set(reference, { version, name, state });
      return state;
    }
    // The server gives an older version as the current one: a later one was notarised and is gone.
    return clock.now() - Number(last?.noted) > graceMs ? 'altered' : state;
  };

  const check: RecordIntegrity['check'] = (record) => {
    const { reference, version } = record;
    const key = keyOf(record.patient);
    if (version === undefined || key === undefined) return 'unknown';
    const name = record.name ?? toBase64Url(nodeHashing.sha256(bytesOf(record)));
    const known = record.current ? same.get(reference) : undefined;
    if (known?.version === version && known.name === name) return known.state;
    const state = compare(record, key, version, name);
    if (state === 'altered') cry(reference, version, record.patient, ALTERED);
    return state;
  };

  return {
    check,
    written: (record) => {
      const key = keyOf(record.patient);
      if (record.version === undefined || key === undefined) return 'unknown';
      same.delete(record.reference);
      const ref = refOf(record.reference);
      // A write that changed nothing leaves the version as it is.
      if (waiting.has(`${ref} ${record.version}`) || find.get(ref, record.version) !== undefined) return check(record);
      const name = record.name ?? toBase64Url(nodeHashing.sha256(bytesOf(record)));
      soon(record, key, record.version, name, 'verified');
      return 'verified';
    },
    deleted: (reference) => {
      const ref = refOf(reference);
      same.delete(reference);
      for (const one of [...waiting.values()].filter((each) => each.ref === ref)) note(one);
      remove.run(ref, Number(newest.get(ref)?.seq ?? 0));
    },
    missing: (reference) => {
      const ref = refOf(reference);
      const last = Number(newest.get(ref)?.seq ?? 0);
      if (last === 0 || Number(gone.get(ref)?.seq ?? 0) >= last) return;
      deletedElsewhere(reference).then((deleted) => {
        if (deleted) remove.run(ref, last);
        else
          cry(
            reference,
            '',
            undefined,
            'A record that was notarised is gone, and no call through this gateway deleted it.',
          );
      }, failed);
    },
    forget: (patient) => {
      const key = keys.keyOf(patient);
      if (key !== undefined) database.prepare('DELETE FROM records WHERE owner = ?').run(ownerOf(key));
      for (const [at, one] of waiting) if (one.patient === patient) waiting.delete(at);
      told = told.filter((one) => one.patient !== patient);
      same.clear();
      alarmed.clear();
    },
    settled: async () => {
      while (running !== undefined) await running;
    },
    close: async () => {
      closed = true;
      while (running !== undefined) await running;
      database.close();
    },
  };
};
