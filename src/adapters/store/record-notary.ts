import { DatabaseSync } from 'node:sqlite';
import { LRUCache } from 'lru-cache';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import type { Tape } from '../../domain/json/tape.ts';
import { toBase64Url } from '../../domain/ledger/base64.ts';
import type { LedgerEntry } from '../../domain/ledger/entry.ts';
import { concat, equalBytes, hmac } from '../../domain/ledger/hash.ts';
import {
  digestMethods,
  type IntegrityState,
  losslessDigest,
  recordDigests,
} from '../../domain/ledger/record-integrity.ts';
import type { Clock, LedgerStore } from '../../ports.ts';
import { nodeHashing } from './node-hash.ts';
import type { PayloadKeys } from './payload-keys.ts';

/** One resource as the server holds it: before masking. */
export interface StoredRecord {
  /** `Type/id`. */
  readonly reference: string;
  readonly version: string | undefined;
  readonly patient: PatientId | undefined;
  readonly tape: Tape;
  readonly node: number;
  /** False in a history or a version read, where an older version is no sign of a roll-back. */
  readonly current: boolean;
}

export interface RecordNotary {
  /** Synchronous: one look-up and, for a record not seen lately, one canonical form. First sight is noted as a baseline. */
  check(record: StoredRecord): IntegrityState;
  /** What the server stored for a write through this gateway. */
  written(record: StoredRecord): void;
  /** A delete through this gateway: from here on the record may be missing. */
  deleted(reference: string): void;
  /** The server has no such record although one was notarised and none deleted it. */
  vanished(reference: string): boolean;
  /** Resolves when all that was noted is in the ledger. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export interface NotaryOptions {
  readonly path: string;
  readonly ledger: Pick<LedgerStore, 'append'>;
  readonly keys: PayloadKeys;
  /** Of records that belong to no patient. */
  readonly ownKey: Uint8Array;
  readonly clock: Clock;
  /** How long an older version may still be served as the current one: calls under way, indexes that lag. */
  readonly graceMs?: number;
  readonly failed: (error: unknown) => void;
}

const SCHEMA = `CREATE TABLE IF NOT EXISTS records (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, ref TEXT NOT NULL, version TEXT NOT NULL, digest BLOB NOT NULL,
  written INTEGER NOT NULL, noted INTEGER NOT NULL, UNIQUE (ref, version));
CREATE TABLE IF NOT EXISTS deleted (ref TEXT PRIMARY KEY, seq INTEGER NOT NULL);`;

const LABEL = new TextEncoder().encode('consentry record v1');
const SEEN = 50_000;
/** Records of one ledger entry; a Bundle's first sight is then one append. */
const BATCH = 100;

interface Noted {
  readonly record: Pick<StoredRecord, 'reference' | 'version' | 'patient'>;
  readonly text: string;
}

const GRACE_MS = 60_000;

export const openRecordNotary = ({
  path,
  ledger,
  keys,
  ownKey,
  clock,
  failed,
  graceMs = GRACE_MS,
}: NotaryOptions): RecordNotary => {
  const database = new DatabaseSync(path, { timeout: 5000 });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
  database.exec(SCHEMA);
  const find = database.prepare('SELECT seq, digest, written FROM records WHERE ref = ? AND version = ?');
  const newest = database.prepare('SELECT seq, noted FROM records WHERE ref = ? ORDER BY seq DESC LIMIT 1');
  const before = database.prepare('SELECT digest FROM records WHERE ref = ? ORDER BY seq DESC LIMIT 1');
  const add = database.prepare(
    'INSERT INTO records (ref, version, digest, written, noted) VALUES (?, ?, ?, ?, ?) ON CONFLICT (ref, version) DO UPDATE SET written = max(written, excluded.written)',
  );
  const gone = database.prepare('SELECT seq FROM deleted WHERE ref = ?');
  const remove = database.prepare('INSERT OR REPLACE INTO deleted (ref, seq) VALUES (?, ?)');
  /** The bytes of the newest version when it was last found unaltered: the same bytes need no canonical form. */
  const same = new LRUCache<
    string,
    { readonly version: string; readonly bytes: Uint8Array; readonly state: IntegrityState }
  >({
    max: SEEN,
  });
  let pending: Noted[] = [];
  let running: Promise<void> | undefined;

  const keyOf = (patient: PatientId | undefined): Uint8Array | undefined =>
    patient === undefined ? ownKey : keys.keyOf(patient);
  const salted = (key: Uint8Array, { reference, version }: StoredRecord, digest: Uint8Array): Uint8Array =>
    hmac(nodeHashing, key, LABEL, concat(Buffer.from(`${reference}\0${version ?? ''}\0`), digest));

  const append = async (): Promise<void> => {
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (pending.length > 0) {
      const [first] = pending;
      const batch = pending.filter(({ record }) => record.patient === first?.record.patient).slice(0, BATCH);
      pending = pending.filter((one) => !batch.includes(one));
      const at = clock.now();
      const entry: LedgerEntry = {
        kind: 'record',
        at,
        requestId: `record-${at}-${toBase64Url(nodeHashing.sha256(Buffer.from(batch.map(({ text }) => text).join()))).slice(0, 12)}`,
        decision: 'permit',
        patients: first?.record.patient === undefined ? [] : [first.record.patient],
        resources: batch.map(({ record }) => `${record.reference}/_history/${record.version ?? ''}`),
        outcome: { status: 0, returned: batch.length, withheld: 0, masked: 0 },
        story: batch.map(({ text }) => ({ stage: 'record', rule: digestMethods.lossless, text })),
        height: 0,
      };
      await ledger.append(entry).catch(failed);
    }
    running = undefined;
  };

  const notarise = (record: StoredRecord, key: Uint8Array, byWrite: boolean): void => {
    const { portable, lossless } = recordDigests(nodeHashing, record.tape, record.node);
    const digest = salted(key, record, lossless);
    const previous = before.get(record.reference)?.digest;
    add.run(record.reference, record.version ?? '', digest, byWrite ? 1 : 0, clock.now());
    const words = [
      byWrite ? 'written' : 'first seen',
      `lossless=${toBase64Url(digest)}`,
      `portable=${portable === undefined ? 'none' : toBase64Url(salted(key, record, portable))}`,
      `previous=${previous instanceof Uint8Array ? toBase64Url(previous) : 'none'}`,
    ];
    const { reference, version, patient } = record;
    pending.push({ record: { reference, version, patient }, text: words.join(' ') });
    running ??= append();
  };

  const compare = (record: StoredRecord, key: Uint8Array, bytes: Uint8Array): IntegrityState => {
    const row = find.get(record.reference, record.version ?? '');
    if (row === undefined) {
      notarise(record, key, false);
      return 'baseline';
    }
    const want = row.digest;
    const digest = salted(key, record, losslessDigest(nodeHashing, record.tape, record.node));
    if (!(want instanceof Uint8Array) || !equalBytes(want, digest)) return 'altered';
    const state = row.written === 1 ? 'verified' : 'baseline';
    if (!record.current) return state;
    const last = newest.get(record.reference);
    if (Number(last?.seq) === Number(row.seq)) {
      same.set(record.reference, { version: record.version ?? '', bytes, state });
      return state;
    }
    // The server gives an older version as the current one: a later one was notarised and is gone.
    return clock.now() - Number(last?.noted) > graceMs ? 'altered' : state;
  };

  return {
    check: (record) => {
      const key = keyOf(record.patient);
      if (record.version === undefined || key === undefined) return 'unknown';
      const { tape, node } = record;
      const bytes = nodeHashing.sha256(tape.bytes.subarray(tape.start[node], tape.end[node]));
      const known = record.current ? same.get(record.reference) : undefined;
      if (known?.version === record.version && equalBytes(known.bytes, bytes)) return known.state;
      return compare(record, key, bytes);
    },
    written: (record) => {
      const key = keyOf(record.patient);
      if (record.version === undefined || key === undefined) return;
      same.delete(record.reference);
      notarise(record, key, true);
    },
    deleted: (reference) => {
      remove.run(reference, Number(newest.get(reference)?.seq ?? 0));
    },
    vanished: (reference) => {
      const last = Number(newest.get(reference)?.seq ?? 0);
      return last > 0 && Number(gone.get(reference)?.seq ?? 0) < last;
    },
    settled: async () => {
      while (running !== undefined) await running;
    },
    close: async () => {
      while (running !== undefined) await running;
      database.close();
    },
  };
};
