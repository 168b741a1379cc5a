import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { openVault, type Vault, type VaultOptions } from '../../../src/adapters/store/vault.ts';
import { sharedVault } from '../../../src/adapters/store/vault-postgres.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import { startPostgres, type TestPostgres } from './postgres-server.ts';

const masterKey = new Uint8Array(32).fill(7);
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
const [anna, bert] = ['canary-anna' as PatientId, 'canary-bert' as PatientId];
const tables = ['vault_head', 'vault_keys', 'vault_erased', 'vault_holds'];
let server: TestPostgres;
let pool: pg.Pool;
let folders: readonly [string, string];
let a: Vault;
let b: Vault;
const options = (folder: string): VaultOptions => ({
  folder,
  masterKey,
  organisation: 'Organization/o1',
  epoch: '1',
  random,
});
const share = () => sharedVault(server.url, () => undefined);
const open = (folder: string, more: Partial<VaultOptions> = {}) =>
  openVault({ ...options(folder), store: share().store, ...more });

beforeAll(async () => {
  server = await startPostgres();
  pool = new pg.Pool({ connectionString: server.url });
  // The server is stopped under it by a test.
  pool.on('error', () => undefined);
}, 60_000);
afterAll(async () => {
  await pool.end();
  await server.remove();
});
beforeEach(async () => {
  folders = [mkdtempSync(join(tmpdir(), 'vault-a-')), mkdtempSync(join(tmpdir(), 'vault-b-'))];
  [a, b] = [await open(folders[0]), await open(folders[1])];
});
afterEach(async () => {
  await Promise.all([a.close(), b.close()]);
  await pool.query(`DROP TABLE ${tables.join(', ')}`);
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const dumped = async (): Promise<string> => {
  const all = await Promise.all(tables.map((table) => pool.query(`SELECT * FROM ${table}`)));
  return JSON.stringify(all.map(({ rows }) => rows.map((row) => Object.values(row).map(String))));
};

describe('the key vault in PostgreSQL', () => {
  it('gives one patient one key at all gateways, whoever comes first', async () => {
    const subjects = await Promise.all([a, b, a, b].map((vault) => vault.register(anna)));
    expect(new Set(subjects).size).toBe(1);
    await a.register(bert);
    expect(b.subjectOf(bert)).toBeUndefined();
    await b.refresh?.();
    expect(b.subjectOf(bert)).toBe(a.subjectOf(bert));
    expect(Buffer.from(b.keyOf(bert) ?? [])).toEqual(Buffer.from(a.keyOf(bert) ?? []));
    expect([...b.patients()].toSorted()).toEqual([anna, bert]);
    expect(await dumped()).not.toContain('canary');
  });

  it('erases at one gateway for all of them', async () => {
    await a.register(anna);
    await b.refresh?.();
    const told: PatientId[] = [];
    b.onErased((patient) => told.push(patient));
    const key = b.keyOf(anna);
    expect((await a.erase(anna)).destroyed).toBe(true);
    await b.refresh?.();
    expect([b.keyOf(anna), b.subjectOf(anna), told]).toEqual([undefined, undefined, [anna]]);
    expect(key).toEqual(new Uint8Array(32));
    const subject = await b.register(anna);
    await a.refresh?.();
    expect(a.subjectOf(anna)).toBe(subject);
  });

  it('erases what it has only heard of from another', async () => {
    await a.register(anna);
    expect((await b.erase(anna)).destroyed).toBe(true);
    await a.refresh?.();
    expect(a.keyOf(anna)).toBeUndefined();
  });

  it('erases again what a restored backup of the database brought back', async () => {
    await a.register(anna);
    const backup = (await pool.query('SELECT name, box FROM vault_keys')).rows[0];
    await a.erase(anna);
    await pool.query('DELETE FROM vault_erased');
    await pool.query('INSERT INTO vault_keys (name, box) VALUES ($1, $2)', [backup.name, backup.box]);
    await a.close();
    a = await open(folders[0]);
    expect(a.keyOf(anna)).toBeUndefined();
    expect((await pool.query('SELECT count(*) AS n FROM vault_keys')).rows[0].n).toBe('0');
    await b.refresh?.();
    expect(b.keyOf(anna)).toBeUndefined();
  });

  it('takes over the file that a gateway kept before, and refuses one with another key of a patient', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vault-c-'));
    const alone = await openVault(options(folder));
    const subject = await alone.register(anna);
    await alone.close();
    const file = readFileSync(join(folder, 'patients.vault'));
    const shared = await open(folder);
    expect(shared.subjectOf(anna)).toBe(subject);
    expect(existsSync(join(folder, 'patients.vault'))).toBe(false);
    await shared.close();
    expect(file.length).toBeGreaterThan(0);
    rmSync(folder, { recursive: true });
    const other = await openVault(options(folder));
    await other.register(anna);
    await other.close();
    await expect(open(folder)).rejects.toThrow('another key of a patient');
    expect(existsSync(join(folder, 'patients.vault'))).toBe(true);
    rmSync(folder, { recursive: true });
  });

  it('refuses another master key, and to make a key while the database is away', async () => {
    await expect(open(folders[0], { masterKey: new Uint8Array(32).fill(8) })).rejects.toThrow('another master key');
    await server.stop();
    await expect(a.register(anna)).rejects.toThrow();
    await server.start();
    expect(a.keyOf(anna)).toBeUndefined();
    await a.register(anna);
  });

  it('keeps legal holds for all gateways, sealed', async () => {
    const [one, two] = [share(), share()];
    const vaults = [await open(folders[0], { store: one.store }), await open(folders[1], { store: two.store })];
    await one.holds.set(anna, { reason: 'canary reason' });
    await two.holds.refresh();
    expect(two.holds.get(anna)).toEqual({ reason: 'canary reason' });
    expect(await dumped()).not.toContain('canary');
    await two.holds.remove(anna);
    await one.holds.refresh();
    expect(one.holds.all()).toEqual([]);
    await Promise.all(vaults.map((vault) => vault.close()));
  });
});
