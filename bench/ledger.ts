import { createHmac, generateKeyPairSync, randomFillSync } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createLedgerAnchor } from '../src/adapters/chain/anchor.ts';
import { startAnvil } from '../src/adapters/chain/anvil.ts';
import { deployContracts } from '../src/adapters/chain/deploy.ts';
import { createRpc } from '../src/adapters/chain/rpc.ts';
import { type FilesLedger, openLedger } from '../src/adapters/store/files-ledger.ts';
import { auditFolder } from '../src/adapters/store/folder-audit.ts';
import type { PayloadKeys } from '../src/adapters/store/payload-keys.ts';
import { openPostgresLedger } from '../src/adapters/store/postgres-ledger.ts';
import type { PatientId } from '../src/domain/fhir/interaction.ts';
import type { Instant } from '../src/domain/instant.ts';
import type { LedgerEntry } from '../src/domain/ledger/entry.ts';
import type { Random } from '../src/ports.ts';
import { startPostgres } from '../test/adapters/store/postgres-server.ts';
import type { Row } from './main.ts';
import { bareGroupCommit, drive, type Load, offer, quantile } from './parts/load.ts';

const ORIGIN = 'ledger.example/bench';
const WRITERS = [1, 16, 256];
const PATIENTS = Array.from({ length: 500 }, (_, i) => `patient-${i}` as PatientId);

/** The entry of an ordinary read, as the gateway writes it. */
const entry = (i: number): LedgerEntry => ({
  kind: 'read',
  at: Date.now() as Instant,
  requestId: `0198f2c4-${i.toString(16).padStart(12, '0')}`,
  decision: 'permit',
  actor: {
    user: 'practitioner-17',
    issuer: 'https://issuer.example',
    client: 'chart-app',
    fhirUser: 'Practitioner/17',
    organisation: 'Organization/north',
    roles: ['clinician'],
  },
  purpose: 'TREAT',
  interaction: { kind: 'read', type: 'Observation', id: `o${i}` },
  patients: PATIENTS.slice(i % 500, (i % 500) + 1),
  resources: [`Observation/o${i}/_history/1`],
  consent: {
    basis: 'grant',
    grants: [`0x${'a'.repeat(64)}`],
    contract: `0x${'b'.repeat(40)}`,
    block: 1234,
    blockHash: `0x${'c'.repeat(64)}`,
  },
  policy: { hash: 'd'.repeat(64), rules: ['clinician/treat', 'identifiers/partial'] },
  risk: { score: 0.04, action: 'allow', model: 'house-3', reasons: ['encounter'] },
  outcome: { status: 200, returned: 1, withheld: 0, masked: 2 },
  story: [
    { stage: 'consent', rule: '0xaaaa', text: 'The patient allows this organisation to read for treatment.' },
    { stage: 'assess', rule: 'encounter', text: 'An open encounter explains the access.' },
  ],
  height: 1234,
});

/** Random bytes from a pool, as the composition root gives them. */
const pooled = (): Random => {
  const pool = Buffer.alloc(64 * 1024);
  let at = pool.length;
  return {
    bytes: (length) => {
      if (at + length > pool.length) {
        randomFillSync(pool);
        at = 0;
      }
      at += length;
      return Uint8Array.prototype.slice.call(pool, at - length, at);
    },
  };
};

const keys = new Map(
  PATIENTS.map((patient) => [patient, createHmac('sha256', 'bench').update(patient).digest()] as const),
);
const payloadKeys: PayloadKeys = {
  keyOf: (patient) => keys.get(patient),
  makeKey: () => Promise.reject(new Error('all keys are made')),
  all: () => keys.entries(),
  indexKey: new Uint8Array(32),
};
const clock = { now: () => Date.now() as Instant };

const plain = (name: string, figure: number, unit: string): Row => ({ name, figure, unit, reach: '', ok: null });
const atLeast = (name: string, figure: number, unit: string, reach: number): Row => ({
  ...plain(name, figure, unit),
  reach: reach.toLocaleString('en'),
  ok: figure >= reach,
});
const atMost = (name: string, figure: number, unit: string, reach: number): Row => ({
  ...plain(name, figure, unit),
  reach: reach.toLocaleString('en'),
  ok: figure <= reach,
});

const sizeOf = (folder: string): number =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);

/** Appends to a log, and times how long every 16th entry takes from its acknowledgement to a published checkpoint. */
const watched = (ledger: FilesLedger): { append: () => Promise<unknown>; lags: (name: string) => readonly Row[] } => {
  const lags: number[] = [];
  const durableAt = new Map<number, number>();
  let i = 0;
  ledger.onPublish(({ size }) => {
    for (const [index, at] of durableAt) {
      if (index >= size) break;
      lags.push(performance.now() - at);
      durableAt.delete(index);
    }
  });
  return {
    append: async () => {
      const receipt = await ledger.append(entry(i++));
      if (receipt.index % 16 === 0) durableAt.set(receipt.index, performance.now());
      return receipt;
    },
    lags: (name) => {
      lags.sort((a, b) => a - b);
      return [
        plain(`${name}: durable to integrated and published, p50`, quantile(lags, 0.5), 'ms'),
        atMost(`${name}: durable to integrated and published, p99`, quantile(lags, 0.99), 'ms', 1000),
      ];
    },
  };
};

const loadRows = (name: string, load: Load, rival: { readonly name: string; readonly load: Load }): readonly Row[] => [
  plain(`${name}: durable appends`, load.perSecond, 'per s'),
  plain(`${name}: acknowledged, p50`, load.p50, 'ms'),
  plain(`${name}: acknowledged, p99`, load.p99, 'ms'),
  plain(`${name}: processor time, all threads`, load.cpuPerAppend, 'us'),
  plain(`${name}: ${rival.name}`, rival.load.perSecond, 'per s'),
  plain(`${name}: ${rival.name}, p50`, rival.load.p50, 'ms'),
  plain(`${name}: ${rival.name}, p99`, rival.load.p99, 'ms'),
];

/** Several gateways' worth of writers on one database, beside a plain insert of the same bytes in the same run. */
const postgresRows = async (ms: number, bytes: number): Promise<readonly Row[]> => {
  const server = await startPostgres();
  const ledger = await openPostgresLedger({
    url: server.url,
    origin: ORIGIN,
    signingKey: generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    ownKey: new Uint8Array(32),
    payloadKeys,
    clock,
    random: pooled(),
  });
  const pool = new pg.Pool({ connectionString: server.url, max: 16 });
  await pool.query('CREATE TABLE plain (id bigserial PRIMARY KEY, data bytea)');
  const data = Buffer.alloc(bytes, 7);
  const { append, lags } = watched(ledger);
  const rows: Row[] = [];
  await drive(16, 500, append);
  for (const writers of WRITERS) {
    const name = `PostgreSQL, ${writers} writers`;
    const rival = await drive(writers, ms, () => pool.query('INSERT INTO plain (data) VALUES ($1)', [data]));
    const load = await drive(writers, ms, append);
    rows.push(...loadRows(name, load, { name: 'plain insert', load: rival }));
    rows.push(plain(`${name}: against a plain insert`, load.perSecond / rival.perSecond, 'times'));
    if (writers === 256) rows.push(atLeast('PostgreSQL: durable appends', load.perSecond, 'per s', 2000));
  }
  const { size } = await ledger.integrate();
  rows.push(...lags('PostgreSQL'));
  const { rows: sizes } = await pool.query(
    `SELECT pg_total_relation_size('ledger_entries') AS entries, pg_total_relation_size('ledger_tiles') AS tiles`,
  );
  rows.push(plain('PostgreSQL: leaf, encrypted payload and index', Number(sizes[0].entries) / size, 'B/entry'));
  rows.push(plain('PostgreSQL: tree', Number(sizes[0].tiles) / size, 'B/entry'));
  await pool.end();
  await ledger.close();
  await server.remove();
  return rows;
};

/** Proof time and verify rate of the log as it is now. */
const sizeRows = async (ledger: FilesLedger, folder: string): Promise<readonly Row[]> => {
  const { size } = await ledger.integrate();
  const told = size.toLocaleString('en');
  const proofs: number[] = [];
  for (let k = 0; k < 500; k++) {
    const start = performance.now();
    await ledger.receiptProof((k * 7919 * 131) % size);
    proofs.push(performance.now() - start);
  }
  proofs.sort((a, b) => a - b);
  // Waits for the index, whose thread would share the processor.
  await ledger.query({ limit: 1 });
  const began = performance.now();
  const audit = await auditFolder({ folder });
  const rate = (size * 1000) / (performance.now() - began);
  if (!audit.ok) throw new Error(audit.finding.text);
  return [
    atMost(`${told} entries: proof of one, p50`, quantile(proofs, 0.5), 'ms', 1),
    plain(`${told} entries: proof of one, p99`, quantile(proofs, 0.99), 'ms'),
    atLeast(`${told} entries: verify, payloads included`, rate, 'entries/s', 50_000),
  ];
};

/** Real roots of this log, with real consistency proofs, on a chain of its own. */
const openAnchoring = async () => {
  const anvil = await startAnvil({ blockTime: 0.1 });
  const [owner] = anvil.accounts;
  if (owner === undefined) throw new Error('The chain has no accounts.');
  const { ledgerAnchor, chainId } = await deployContracts(anvil.rpcUrl, owner.key, {
    logs: [{ origin: ORIGIN, writer: owner.address }],
  });
  const client = createLedgerAnchor({
    rpcUrl: anvil.rpcUrl,
    key: owner.key,
    chainId,
    contract: ledgerAnchor,
    pollMs: 20,
  });
  const rpc = createRpc(anvil.rpcUrl);
  const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`;
  let oldSize = 0;
  return {
    anchor: async (ledger: FilesLedger): Promise<Row> => {
      const { checkpoint, path } = await ledger.consistency(oldSize);
      const { size, root } = checkpoint;
      const { tx } = await client.anchor({ origin: ORIGIN, size, root: hex(root), oldSize, proof: path.map(hex) });
      const receipt = await rpc.call<{ readonly gasUsed: string }>('eth_getTransactionReceipt', [tx]);
      const name = `anchor from ${oldSize.toLocaleString('en')} to ${size.toLocaleString('en')} entries`;
      // The first one writes what the others replace.
      const gas = Number(receipt.gasUsed);
      const row = oldSize === 0 ? plain(name, gas, 'gas') : atMost(name, gas, 'gas', 65_000);
      oldSize = size;
      return row;
    },
    stop: async () => {
      await client.stop();
      await rpc.close();
      await anvil.stop();
    },
  };
};

export const run = async (options: {
  readonly quick: boolean;
  readonly sustained: boolean;
}): Promise<readonly Row[]> => {
  const { quick, sustained } = options;
  const rows: Row[] = [];
  const ms = quick ? 1000 : 5000;
  const home = mkdtempSync(join(tmpdir(), 'consentry-bench-'));
  const folder = join(home, 'ledger');
  const ledger = await openLedger({ folder, origin: ORIGIN, payloadKeys, clock, random: pooled() });
  const { append, lags } = watched(ledger);
  const anchoring = await openAnchoring();

  const fillTo = async (size: number): Promise<void> => {
    while (ledger.size() < size)
      await Promise.all(Array.from({ length: Math.min(1024, size - ledger.size()) }, () => append()));
  };
  await fillTo(1000);
  rows.push(...(await sizeRows(ledger, folder)), await anchoring.anchor(ledger));
  // What the rivals write: as many bytes as an entry has on the disk.
  const bytes = Math.round(sizeOf(join(folder, 'segments')) / ledger.size());

  for (const writers of WRITERS) {
    const name = `files, ${writers} writers`;
    const bare = await bareGroupCommit(join(home, `bare-${writers}`), bytes);
    const rival = await drive(writers, ms, bare.append);
    await bare.close();
    const load = await drive(writers, ms, append);
    rows.push(...loadRows(name, load, { name: 'bare append + fdatasync', load: rival }));
    const ratio = load.perSecond / rival.perSecond;
    if (writers < 256) rows.push(plain(`${name}: against bare append + fdatasync`, ratio, 'times'));
    else
      rows.push(
        atLeast(`${name}: against bare append + fdatasync`, ratio, 'times', 0.5),
        atLeast('files: durable appends', load.perSecond, 'per s', 5000),
      );
  }
  const steady = await offer(1000, ms, append);
  rows.push(plain('files, 1,000/s offered: acknowledged, p50', steady.p50, 'ms'));
  rows.push(atMost('files, 1,000/s offered: acknowledged, p99', steady.p99, 'ms', 10));
  rows.push(...lags('files'));
  for (const size of quick ? [20_000] : [100_000, 1_000_000]) {
    if (size < ledger.size()) continue;
    await fillTo(size);
    rows.push(...(await sizeRows(ledger, folder)), await anchoring.anchor(ledger));
  }
  await anchoring.stop();
  if (sustained) {
    const { perSecond, p50, p99 } = await offer(5000, 300_000, append);
    rows.push(atLeast('files, 5,000/s offered for 5 minutes: durable appends', perSecond, 'per s', 4950));
    rows.push(plain('files, 5,000/s offered for 5 minutes: acknowledged, p50', p50, 'ms'));
    rows.push(plain('files, 5,000/s offered for 5 minutes: acknowledged, p99', p99, 'ms'));
    rows.push(plain('files, after it: memory', process.memoryUsage().rss / 2 ** 20, 'MiB'));
  }
  const { size } = await ledger.integrate();
  rows.push(plain('files: tree', sizeOf(join(folder, 'log')) / size, 'B/entry'));
  rows.push(plain('files: encrypted payload', sizeOf(join(folder, 'segments')) / size, 'B/entry'));
  await ledger.close();
  rows.push(plain('files: index', statSync(join(folder, 'index.db')).size / size, 'B/entry'));
  rmSync(home, { recursive: true });
  rows.push(...(await postgresRows(ms, bytes)));
  return rows;
};
