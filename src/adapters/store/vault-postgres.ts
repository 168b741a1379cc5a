import pg from 'pg';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import { hmac } from '../../domain/ledger/hash.ts';
import type { LegalHold } from './erasure.ts';
import { isMissing, under } from './file-system.ts';
import { nodeHashing } from './node-hash.ts';
import { inTransaction } from './postgres-transaction.ts';
import type { VaultStore, VaultStoreParts } from './vault.ts';
import { KEY, kinds, NONCE, openBox, readVault, sealBox, VaultUnreadable } from './vault-file.ts';

/** `seq` is in the order of commits, since writers hold `VAULT_LOCK`: whoever read up to one has missed nothing before it. */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS vault_head (id int PRIMARY KEY CHECK (id = 1), box bytea NOT NULL);
CREATE TABLE IF NOT EXISTS vault_keys (name bytea PRIMARY KEY, box bytea NOT NULL, seq bigserial);
CREATE INDEX IF NOT EXISTS vault_keys_seq ON vault_keys (seq);
CREATE TABLE IF NOT EXISTS vault_erased (print bytea PRIMARY KEY, name bytea NOT NULL, seq bigserial);
CREATE INDEX IF NOT EXISTS vault_erased_seq ON vault_erased (seq);
CREATE TABLE IF NOT EXISTS vault_holds (name bytea PRIMARY KEY, box bytea NOT NULL);`;
const VAULT_LOCK = 7_206_921_005;
const POLL_MS = 1000;

/** Legal holds that all gateways of a store keep. */
export interface HoldBook {
  get(patient: PatientId): LegalHold | undefined;
  all(): readonly (readonly [PatientId, LegalHold])[];
  set(patient: PatientId, hold: LegalHold): Promise<void>;
  remove(patient: PatientId): Promise<void>;
  refresh(): Promise<void>;
}

export interface SharedVault {
  readonly store: (parts: VaultStoreParts) => Promise<VaultStore>;
  /** Once the store is open. */
  readonly holds: HoldBook;
}

const utf8 = new TextEncoder();

/**
 * Keys of patients in the database of the ledger, sealed under the same master key as in the file, for several gateways. Each
 * keeps them in memory and learns each second, and before it opens an entry, what the others did. What a gateway destroyed
 * is in its own `erased.list` too: a restored backup of the database is erased again by the next start of any of them.
 */
export const sharedVault = (url: string, failed: (error: unknown) => void): SharedVault => {
  const holds = new Map<PatientId, LegalHold>();
  let pool: pg.Pool | undefined;
  let nameOf: (patient: PatientId) => Buffer = () => Buffer.alloc(0);
  let seal: (text: Uint8Array) => Buffer = () => Buffer.alloc(0);
  let refresh: () => Promise<void> = async () => undefined;
  const ready = (): pg.Pool => {
    if (pool === undefined) throw new VaultUnreadable('The key vault is not open.');
    return pool;
  };

  const store: SharedVault['store'] = async (parts) => {
    const { sealing, naming, random, folder, files } = parts;
    const own = new pg.Pool({ connectionString: url, max: 3, connectionTimeoutMillis: 10_000, query_timeout: 10_000 });
    own.on('error', () => undefined);
    const aad = Uint8Array.of(kinds.key);
    nameOf = (patient) => Buffer.from(hmac(nodeHashing, naming, utf8.encode(patient)));
    seal = (text) => {
      const nonce = random.bytes(NONCE);
      return Buffer.concat([nonce, sealBox(sealing, nonce, aad, text)]);
    };
    const unseal = (box: Buffer): Buffer => {
      const plain = openBox(sealing, box.subarray(0, NONCE), aad, box.subarray(NONCE));
      if (plain === undefined) throw new VaultUnreadable('The key vault was sealed under another master key.');
      return plain;
    };
    const patients = new Map<string, PatientId>();
    let keysRead = -1;
    let erasedRead = -1;

    const read = async (): Promise<void> => {
      const [keys, gone, held] = await Promise.all([
        own.query('SELECT name, box, seq FROM vault_keys WHERE seq > $1 ORDER BY seq', [keysRead]),
        own.query('SELECT print, name, seq FROM vault_erased WHERE seq > $1 ORDER BY seq', [erasedRead]),
        own.query('SELECT box FROM vault_holds'),
      ]);
      // Destroyed first: a patient who came back has a new key since.
      for (const { print, name, seq } of gone.rows) {
        const patient = patients.get((name as Buffer).toString('hex'));
        if (patient !== undefined) parts.destroyed(patient, print as Buffer);
        erasedRead = Math.max(erasedRead, Number(seq));
      }
      for (const { name, box, seq } of keys.rows) {
        const plain = unseal(box as Buffer);
        const patient = plain.toString('utf8', KEY) as PatientId;
        patients.set((name as Buffer).toString('hex'), patient);
        const key = Uint8Array.from(plain.subarray(0, KEY));
        if (parts.isErased(key)) await destroy(patient, key);
        else parts.made(patient, key);
        keysRead = Math.max(keysRead, Number(seq));
      }
      holds.clear();
      for (const { box } of held.rows) {
        const { patient, ...hold } = JSON.parse(unseal(box as Buffer).toString('utf8')) as LegalHold & {
          patient: PatientId;
        };
        holds.set(patient, hold);
      }
    };
    let reading: Promise<void> | undefined;
    /** Whoever asks while one runs waits for the next: that one began before the question. */
    refresh = async () => {
      const before = reading;
      if (before !== undefined) await before.catch(() => undefined);
      if (reading === undefined || reading === before) {
        reading = read().finally(() => {
          reading = undefined;
        });
      }
      await reading;
    };

    const add: VaultStore['add'] = async (batch) => {
      const names = batch.map(({ patient }) => nameOf(patient));
      const boxes = batch.map(({ patient, key }) => seal(Buffer.concat([key, utf8.encode(patient)])));
      const held = new Map<string, Uint8Array>();
      await inTransaction(own, async (client) => {
        await client.query('SET LOCAL synchronous_commit = on');
        await client.query('SELECT pg_advisory_xact_lock($1)', [VAULT_LOCK]);
        await client.query(
          'INSERT INTO vault_keys (name, box) SELECT * FROM unnest($1::bytea[], $2::bytea[]) ON CONFLICT (name) DO NOTHING',
          [names, boxes],
        );
        const { rows } = await client.query('SELECT name, box FROM vault_keys WHERE name = ANY($1::bytea[])', [names]);
        for (const { name, box } of rows)
          held.set((name as Buffer).toString('hex'), Uint8Array.from(unseal(box as Buffer).subarray(0, KEY)));
      });
      return batch.map(({ patient, key }, i) => {
        const name = names[i]?.toString('hex') ?? '';
        patients.set(name, patient);
        return held.get(name) ?? key;
      });
    };
    const destroy: VaultStore['destroy'] = async (patient, key) => {
      await inTransaction(own, async (client) => {
        await client.query('SET LOCAL synchronous_commit = on');
        await client.query('SELECT pg_advisory_xact_lock($1)', [VAULT_LOCK]);
        await client.query('INSERT INTO vault_erased (print, name) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
          parts.printOf(key),
          nameOf(patient),
        ]);
        await client.query('DELETE FROM vault_keys WHERE name = $1', [nameOf(patient)]);
      });
    };

    /** The file of a gateway that had a vault of its own; it is removed when the database holds every key of it. */
    const bringFile = async (): Promise<void> => {
      const path = under(folder, 'patients.vault');
      const bytes = await files.read(path).catch((error: unknown) => {
        if (isMissing(error)) return undefined;
        throw error;
      });
      if (bytes === undefined) return;
      const found = readVault(Buffer.from(bytes), sealing).records.filter(({ key }) => !parts.isErased(key));
      const { rows } = await own.query('SELECT print FROM vault_erased');
      const gone = new Set(rows.map(({ print }) => (print as Buffer).toString('hex')));
      const living = found.filter(({ key }) => !gone.has(Buffer.from(parts.printOf(key)).toString('hex')));
      const batch = living.map(({ patient, key }) => ({ patient: patient as PatientId, key }));
      const keys = batch.length === 0 ? [] : await add(batch);
      if (batch.some(({ key }, i) => !Buffer.from(key).equals(keys[i] ?? Buffer.alloc(0))))
        throw new VaultUnreadable('The key vault in the folder holds another key of a patient than the database does.');
      await files.removeFile(path);
    };

    try {
      await inTransaction(own, async (client) => {
        await client.query('SELECT pg_advisory_xact_lock($1)', [VAULT_LOCK]);
        await client.query(SCHEMA);
        await client.query('INSERT INTO vault_head VALUES (1, $1) ON CONFLICT DO NOTHING', [
          seal(utf8.encode('vault')),
        ]);
        unseal((await client.query('SELECT box FROM vault_head')).rows[0]?.box as Buffer);
      });
      await bringFile();
      await read();
    } catch (error) {
      await own.end();
      throw error;
    }
    pool = own;
    const timer = setInterval(() => void refresh().catch(failed), POLL_MS);
    timer.unref();
    return {
      add,
      destroy,
      refresh: () => refresh(),
      close: async () => {
        clearInterval(timer);
        await reading?.catch(() => undefined);
        await own.end();
      },
    };
  };

  return {
    store,
    holds: {
      get: (patient) => holds.get(patient),
      all: () => [...holds],
      set: async (patient, hold) => {
        await ready().query(
          'INSERT INTO vault_holds VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET box = excluded.box',
          [nameOf(patient), seal(utf8.encode(JSON.stringify({ patient, ...hold })))],
        );
        holds.set(patient, hold);
      },
      remove: async (patient) => {
        await ready().query('DELETE FROM vault_holds WHERE name = $1', [nameOf(patient)]);
        holds.delete(patient);
      },
      refresh: () => refresh(),
    },
  };
};
