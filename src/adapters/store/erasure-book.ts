import { createSecretKey } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import type { Instant } from '../../domain/instant.ts';
import { hmac } from '../../domain/ledger/hash.ts';
import type { Random } from '../../ports.ts';
import type { LegalHold } from './erasure.ts';
import { nodeHashing } from './node-hash.ts';
import { openLine, sealLine } from './sealed-line.ts';
import type { HoldBook } from './vault-postgres.ts';

/** What erasure must not forget: the legal holds of a gateway alone, and the erasures it began. Durable when a call returns. */
export interface ErasureBook {
  readonly holds: HoldBook;
  readonly begun: {
    note(patient: PatientId, id: string): void;
    done(patient: PatientId): void;
    all(): readonly (readonly [PatientId, string])[];
  };
  close(): void;
}

const utf8 = new TextEncoder();

/** `erasure.db`: patients under keyed names, everything else sealed. A row that does not open stops the start: it may be a hold. */
export const openErasureBook = (path: string, key: Uint8Array, random: Random): ErasureBook => {
  const naming = hmac(nodeHashing, key, utf8.encode('consentry erasure names v1'));
  const sealing = createSecretKey(hmac(nodeHashing, key, utf8.encode('consentry erasure sealing v1')));
  const database = new DatabaseSync(path, { timeout: 5000 });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;');
  database.exec(`CREATE TABLE IF NOT EXISTS sealed_holds (name BLOB PRIMARY KEY, box TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS sealed_begun (name BLOB PRIMARY KEY, box TEXT NOT NULL);`);

  type Table = 'sealed_holds' | 'sealed_begun';
  const nameOf = (patient: string): Uint8Array => hmac(nodeHashing, naming, utf8.encode(patient));
  const put = (table: Table, how: 'REPLACE' | 'IGNORE', patient: string, value: object): void => {
    const box = sealLine(sealing, random, JSON.stringify({ patient, ...value }));
    database.prepare(`INSERT OR ${how} INTO ${table} VALUES (?, ?)`).run(nameOf(patient), box);
  };
  const drop = (table: Table, patient: string): void => {
    database.prepare(`DELETE FROM ${table} WHERE name = ?`).run(nameOf(patient));
  };
  const read = <Value>(table: Table): (Value & { readonly patient: PatientId })[] =>
    database
      .prepare(`SELECT box FROM ${table}`)
      .all()
      .map(({ box }) => {
        const text = openLine(sealing, String(box));
        if (text === undefined) throw new Error('The legal holds were sealed under another vaultKey, or are damaged.');
        return JSON.parse(text);
      })
      .sort((a, b) => (a.patient < b.patient ? -1 : 1));

  /** Of versions that kept ids of patients and reasons in clear. */
  const sealOldTables = (): void => {
    const old = database.prepare("SELECT name FROM sqlite_master WHERE name IN ('holds', 'begun')").all();
    if (old.length === 0) return;
    database.exec('BEGIN IMMEDIATE');
    for (const { name } of old) {
      for (const { patient, ...row } of database.prepare(`SELECT * FROM ${String(name)}`).all()) {
        const value = Object.fromEntries(Object.entries(row).filter(([, one]) => one !== null));
        put(name === 'holds' ? 'sealed_holds' : 'sealed_begun', 'IGNORE', String(patient), value);
      }
      database.exec(`DROP TABLE ${String(name)}`);
    }
    database.exec('COMMIT');
    // The log beside the file would keep the pages as they were.
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  };

  let held: Map<PatientId, LegalHold>;
  try {
    sealOldTables();
    held = new Map(
      read<{ reason: string; until?: Instant }>('sealed_holds').map(({ patient, ...hold }) => [patient, hold] as const),
    );
    read('sealed_begun');
  } catch (error) {
    database.close();
    throw error;
  }
  return {
    holds: {
      get: (patient) => held.get(patient),
      all: () => [...held],
      set: async (patient, hold) => {
        put('sealed_holds', 'REPLACE', patient, hold);
        held.set(patient, hold);
      },
      remove: async (patient) => {
        drop('sealed_holds', patient);
        held.delete(patient);
      },
      refresh: async () => undefined,
    },
    begun: {
      note: (patient, id) => put('sealed_begun', 'IGNORE', patient, { id }),
      done: (patient) => drop('sealed_begun', patient),
      all: () => read<{ id: string }>('sealed_begun').map(({ patient, id }) => [patient, id] as const),
    },
    close: () => database.close(),
  };
};
