import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import type { FilesLedger } from '../../../src/adapters/store/files-ledger.ts';
import { nodeHashing } from '../../../src/adapters/store/node-hash.ts';
import { noteVerifierOf } from '../../../src/adapters/store/note-keys.ts';
import { openPostgresLedger, type PostgresLedgerOptions } from '../../../src/adapters/store/postgres-ledger.ts';
import { leafHashOf } from '../../../src/adapters/store/recovery.ts';
import { openRotatingLedger } from '../../../src/adapters/store/rotating-ledger.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import type { Instant } from '../../../src/domain/instant.ts';
import { fromBase64Url, toBase64Url } from '../../../src/domain/ledger/base64.ts';
import type { Checkpoint } from '../../../src/domain/ledger/checkpoint.ts';
import type { LedgerReceipt } from '../../../src/domain/ledger/entry.ts';
import { verifyConsistency } from '../../../src/domain/ledger/merkle.ts';
import { parseVerifierKey } from '../../../src/domain/ledger/note.ts';
import { parseProof, verifyProof } from '../../../src/domain/ledger/proof.ts';
import { tilePath } from '../../../src/domain/ledger/tiles.ts';
import { verifyLog } from '../../../src/domain/ledger/verify.ts';
import { entryOf, memoryKeys, systemClock, systemRandom } from './ledger-fixture.ts';
import { startPostgres, type TestPostgres } from './postgres-server.ts';

const signingKey = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const ownKey = Uint8Array.from(randomBytes(32));
const payloadKeys = memoryKeys();
let server: TestPostgres;
let logs = 0;

const optionsFor = (origin: string, more: Partial<PostgresLedgerOptions> = {}): PostgresLedgerOptions => ({
  url: server.url,
  origin,
  signingKey,
  ownKey,
  payloadKeys,
  clock: systemClock,
  random: systemRandom,
  limits: { integrateMs: 20, leaseMs: 500, timeoutMs: 4000 },
  ...more,
});
const newOrigin = (): string => `ledger.example/pg-${logs++}`;

beforeAll(async () => {
  server = await startPostgres();
  for (let i = 0; i < 7; i++) await payloadKeys.makeKey(`p${i}` as PatientId);
}, 60_000);
afterAll(() => server.remove());

const appendAll = async (ledger: FilesLedger, name: string, count: number): Promise<LedgerReceipt[]> => {
  const results = await Promise.allSettled(
    Array.from({ length: count }, (_, i) =>
      ledger.append(entryOf(`${name}-${i}`, { patients: [`p${i % 7}` as PatientId] })),
    ),
  );
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
};

const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
};

const verifyWhole = async (ledger: FilesLedger): Promise<number> => {
  const key = parseVerifierKey(nodeHashing, ledger.verifierKey);
  if (key === undefined) throw new Error('no key');
  const result = await verifyLog({
    hashing: nodeHashing,
    source: { checkpoint: async () => ledger.checkpoint(), tile: (name) => ledger.resource(tilePath(name)) },
    verifiers: [noteVerifierOf(key)],
    remembered: [],
  });
  if (!result.ok) throw new Error(`${result.finding.file}: ${result.finding.text}`);
  return result.checkpoint.size;
};

const demand = async (ledger: FilesLedger, receipts: readonly LedgerReceipt[]): Promise<void> => {
  expect(new Set(receipts.map(({ index }) => index)).size).toBe(receipts.length);
  for (const { index, leaf } of receipts) {
    const stored = await ledger.leaf(index);
    expect([index, stored && toBase64Url(leafHashOf(stored))]).toEqual([index, leaf]);
  }
};

describe('the ledger in PostgreSQL', () => {
  it('takes appends of several gateways into one log that public tools verify', async () => {
    const origin = newOrigin();
    const gateways = await Promise.all([0, 1, 2].map(() => openPostgresLedger(optionsFor(origin))));
    const checkpoints: Checkpoint[] = [];
    for (const gateway of gateways) gateway.onPublish((checkpoint) => checkpoints.push(checkpoint));
    const receipts = (await Promise.all(gateways.map((gateway, i) => appendAll(gateway, `g${i}`, 300)))).flat();
    expect(receipts.map(({ index }) => index).sort((a, b) => a - b)).toEqual(Array.from({ length: 900 }, (_, i) => i));
    const [first, , last] = gateways;
    if (first === undefined || last === undefined) throw new Error('no gateway');
    await until(async () => (await last.integrate()).size === 900);
    expect(await verifyWhole(last)).toBe(900);
    await demand(first, receipts.slice(0, 50));
    const [one] = receipts;
    const proof = parseProof(await last.receiptProof(one?.index ?? 0));
    const key = parseVerifierKey(nodeHashing, last.verifierKey);
    if (proof === undefined || key === undefined) throw new Error('no proof');
    expect(
      verifyProof(nodeHashing, proof, fromBase64Url(one?.leaf ?? '') ?? new Uint8Array(0), [noteVerifierOf(key)]),
    ).toMatchObject({ size: 900 });
    for (const { size, root } of checkpoints) {
      const { checkpoint, path } = await last.consistency(size);
      expect(verifyConsistency(nodeHashing, size, checkpoint.size, root, checkpoint.root, path)).toBe(true);
    }
    await Promise.all(gateways.map((gateway) => gateway.close()));
  }, 60_000);

  it('finds and opens what any gateway wrote, and forgets the erased', async () => {
    const origin = newOrigin();
    const [a, b] = [await openPostgresLedger(optionsFor(origin)), await openPostgresLedger(optionsFor(origin))];
    await payloadKeys.makeKey('gone' as PatientId);
    await a.append(entryOf('x', { patients: ['gone'] as unknown as PatientId[] }));
    await a.append(
      entryOf('y', { patients: ['gone', 'p1'] as unknown as PatientId[], resources: ['Patient/gone', 'Patient/p1'] }),
    );
    expect((await b.find('x'))?.entry.actor?.user).toBe('dr-lee');
    expect(await b.query({ patient: 'gone' as PatientId, limit: 5 })).toEqual([1, 0]);
    expect(await b.query({ user: 'dr-lee', decision: 'permit', kinds: ['read'], before: 1, limit: 5 })).toEqual([0]);
    payloadKeys.destroy('gone');
    for (const gateway of [a, b]) await gateway.forget('gone' as PatientId);
    expect(await a.find('x')).toBeUndefined();
    expect((await b.find('y'))?.entry.resources).toEqual(['Patient/erased', 'Patient/p1']);
    expect(await b.query({ patient: 'gone' as PatientId, limit: 5 })).toEqual([]);
    await Promise.all([a.close(), b.close()]);
  }, 60_000);

  it('loses nothing acknowledged when connections are cut in mid-commit', async () => {
    const origin = newOrigin();
    const ledger = await openPostgresLedger(optionsFor(origin));
    const killer = new pg.Client({ connectionString: server.url });
    await killer.connect();
    const receipts: LedgerReceipt[] = [];
    for (let round = 0; round < 8; round++) {
      const appending = appendAll(ledger, `cut-${round}`, 200);
      await killer.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = current_user',
      );
      receipts.push(...(await appending));
    }
    await killer.end();
    await until(async () => (await appendAll(ledger, 'well-again', 1)).length === 1);
    await until(async () => (await ledger.integrate().catch(() => undefined))?.size === ledger.size());
    await demand(ledger, receipts);
    expect(await verifyWhole(ledger)).toBe(ledger.size());
    await ledger.close();
  }, 60_000);

  it('lets one gateway sequence, and stops one that slept past its lease', async () => {
    const origin = newOrigin();
    const sleeper = await openPostgresLedger(
      optionsFor(origin, { limits: { integrateMs: 3_600_000, leaseMs: 300, timeoutMs: 4000 } }),
    );
    await sleeper.append(entryOf('s'));
    await sleeper.integrate();
    const other = await openPostgresLedger(
      optionsFor(origin, { limits: { integrateMs: 3_600_000, leaseMs: 300, timeoutMs: 4000 } }),
    );
    await other.append(entryOf('o'));
    // The lease still stands: the other may only look.
    expect((await other.integrate()).size).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect((await other.integrate()).size).toBe(2);
    await sleeper.append(entryOf('still appends'));
    expect((await sleeper.integrate()).size).toBe(2);
    expect((await other.integrate()).size).toBe(3);
    expect(await verifyWhole(other)).toBe(3);
    await Promise.all([sleeper.close(), other.close()]);
  }, 60_000);

  it('refuses while the server is down, keeps what was acknowledged, and serves again by itself', async () => {
    const origin = newOrigin();
    const ledger = await openPostgresLedger(optionsFor(origin));
    const receipts = await appendAll(ledger, 'before', 50);
    await server.stop();
    await expect(ledger.append(entryOf('down'))).rejects.toThrow('The ledger cannot be written.');
    expect(ledger.healthy()).toBe(false);
    await server.start();
    await until(async () => (await appendAll(ledger, 'after', 1)).length === 1);
    expect(ledger.healthy()).toBe(true);
    await demand(ledger, receipts);
    await until(async () => (await ledger.integrate().catch(() => undefined))?.size === ledger.size());
    expect(await verifyWhole(ledger)).toBe(ledger.size());
    await ledger.close();
  }, 60_000);

  it('does not extend a log whose rows were changed', async () => {
    const origin = newOrigin();
    const ledger = await openPostgresLedger(optionsFor(origin));
    await appendAll(ledger, 'a', 20);
    await until(async () => (await ledger.integrate()).size === 20);
    await ledger.close();
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await client.query(
      'UPDATE ledger_tiles SET bytes = set_byte(bytes, 5, get_byte(bytes, 5) # 1) WHERE origin = $1 AND level = 0',
      [origin],
    );
    await expect(openPostgresLedger(optionsFor(origin))).rejects.toThrow('root');
    await client.query('UPDATE ledger_checkpoints SET size = 21 WHERE origin = $1', [origin]);
    await client.end();
    await expect(
      openPostgresLedger(
        optionsFor(origin, {
          signingKey: generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
        }),
      ),
    ).rejects.toThrow('not signed by the key');
  }, 60_000);

  it('names the rows of an earlier version, which held words, and does not start on tables of a later one', async () => {
    const origin = newOrigin();
    const before = await openPostgresLedger(optionsFor(origin));
    const receipts = await appendAll(before, 'old', 30);
    await before.integrate();
    await before.close();
    const pool = new pg.Pool({ connectionString: server.url, max: 1 });
    // The tables as version 0 had them.
    await pool.query(`ALTER TABLE ledger_entries RENAME TO named; ALTER INDEX ledger_entries_pkey RENAME TO named_pkey;
      DROP INDEX ledger_entries_request, ledger_entries_patients, ledger_entries_resources; DROP TABLE ledger_tables;
      ALTER TABLE ledger_logs DROP COLUMN frozen;
      CREATE TABLE ledger_entries (
        origin text NOT NULL, idx bigint NOT NULL, leaf bytea NOT NULL, payload bytea NOT NULL,
        request text, at bigint, kind smallint, permit boolean, usr text, client text, organisation text, purpose text,
        type text, patients text[] NOT NULL, resources text[] NOT NULL, PRIMARY KEY (origin, idx));
      INSERT INTO ledger_entries SELECT origin, idx, leaf, payload, 'old-' || idx, at, kind, permit, 'dr-lee', NULL, NULL, 'TREAT',
        'Observation', ARRAY['p' || idx % 7], ARRAY['Observation/o1/_history/1'] FROM named;
      DROP TABLE named;`);
    const ledger = await openPostgresLedger(optionsFor(origin));
    await demand(ledger, receipts);
    expect(await ledger.query({ patient: 'p3' as PatientId, user: 'dr-lee', limit: 9 })).toEqual([24, 17, 10, 3]);
    expect(await ledger.query({ resource: 'Observation/o1', purpose: 'TREAT', limit: 2 })).toEqual([29, 28]);
    const [last] = await ledger.query({ requestId: 'old-29', limit: 1 });
    expect(await ledger.open(last ?? -1)).toMatchObject({ index: 29 });
    await appendAll(ledger, 'new', 1);
    await ledger.integrate();
    expect(await verifyWhole(ledger)).toBe(31);
    await ledger.close();
    const { rows } = await pool.query(
      "SELECT table_name FROM information_schema.tables WHERE table_name LIKE '%clear'",
    );
    expect(rows).toEqual([]);
    await pool.query('UPDATE ledger_tables SET version = 99');
    await expect(openPostgresLedger(optionsFor(origin))).rejects.toThrow('start the newer Consentry');
    await pool.query('UPDATE ledger_tables SET version = 1');
    await pool.end();
  });

  it('closes the half-year once, whichever of two gateways comes first, and both go on in the next log', async () => {
    const origin = newOrigin();
    const openRow = () =>
      openRotatingLedger({
        origin,
        openLog: (name) => openPostgresLedger(optionsFor(name)),
        followed: { has: async () => false, note: async () => undefined },
        random: systemRandom,
      });
    const gateways = [await openRow(), await openRow()];
    const at = (time: string) => Date.parse(time) as Instant;
    const append = (i: number, time: string) => gateways[i % 2]?.append(entryOf(`${time}-${i}`, { at: at(time) }));
    const many = Array.from({ length: 20 }, (_, i) => i);
    await Promise.all(many.map((i) => append(i, '2026-12-31T23:00:00Z')));
    const turned = await Promise.all(many.map((i) => append(i, '2027-01-01T00:00:00Z')));
    expect(new Set(turned.map((receipt) => receipt?.log))).toEqual(new Set([`${origin}/2027h1`]));
    expect(turned.map((receipt) => receipt?.index).sort((a = 0, b = 0) => a - b)).toEqual(many.map((i) => i + 1));
    gateways.push(await openRow());
    for (const gateway of gateways) {
      expect(gateway.logs().map((log) => [log.size(), log.frozen()])).toEqual([
        [21, true],
        [21, false],
      ]);
      expect(await gateway.query({ patient: 'p1' as PatientId, limit: 100 })).toHaveLength(40);
    }
    const [one, two] = gateways;
    const first = one?.logs()[0];
    await first?.retire();
    gateways.push(await openRow());
    for (const gateway of gateways) {
      expect(await gateway.open(0)).toBeUndefined();
      expect(await gateway.query({ patient: 'p1' as PatientId, limit: 100 })).toHaveLength(20);
      expect(await gateway.leaf(0)).toHaveLength(86);
    }
    expect(
      gateways
        .at(-1)
        ?.logs()
        .map((log) => [log.size(), log.retired()]),
    ).toEqual([
      [21, true],
      [21, false],
    ]);
    expect(first && (await verifyWhole(first))).toBe(21);
    await expect(two?.logs()[1]?.retire()).rejects.toThrow('Only a log that ended');
    await Promise.all(gateways.map((gateway) => gateway.close()));
  });
});
