import { createHmac, generateKeyPairSync, randomFillSync } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
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

const openHere = (folder: string): Promise<FilesLedger> =>
  openLedger({
    folder,
    origin: 'ledger.example/bench',
    payloadKeys,
    clock,
    random: pooled(),
  });

interface Load {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Of this process, all threads, in microseconds. */
  readonly cpuPerAppend: number;
}

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;

/** `writers` that each wait for their acknowledgement before the next; the first fifth warms up and is not counted. */
const drive = async (writers: number, ms: number, append: () => Promise<unknown>): Promise<Load> => {
  const began = performance.now();
  const countFrom = began + ms / 5;
  const end = began + ms;
  const waits: number[] = [];
  let cpu = process.cpuUsage();
  let counting = false;
  const writer = async (): Promise<void> => {
    for (let now = performance.now(); now < end; ) {
      const start = now;
      await append();
      now = performance.now();
      if (start < countFrom) continue;
      if (!counting) cpu = process.cpuUsage();
      counting = true;
      waits.push(now - start);
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  const used = process.cpuUsage(cpu);
  waits.sort((a, b) => a - b);
  return {
    perSecond: (waits.length * 1000) / (performance.now() - countFrom),
    p50: quantile(waits, 0.5),
    p99: quantile(waits, 0.99),
    cpuPerAppend: (used.user + used.system) / Math.max(1, waits.length),
  };
};

/** Appends offered at a fixed rate, whether or not the last ones were acknowledged. */
const offer = async (perSecond: number, ms: number, append: () => Promise<unknown>): Promise<Load> => {
  const began = performance.now();
  const waits: number[] = [];
  const running: Promise<void>[] = [];
  const cpu = process.cpuUsage();
  let sent = 0;
  while (performance.now() - began < ms) {
    const due = Math.floor(((performance.now() - began) * perSecond) / 1000);
    for (; sent < due; sent++) {
      const start = performance.now();
      running.push(
        append().then(() => {
          waits.push(performance.now() - start);
        }),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(running);
  const used = process.cpuUsage(cpu);
  waits.sort((a, b) => a - b);
  return {
    perSecond: (waits.length * 1000) / (performance.now() - began),
    p50: quantile(waits, 0.5),
    p99: quantile(waits, 0.99),
    cpuPerAppend: (used.user + used.system) / Math.max(1, waits.length),
  };
};

/** The rival: the same number of bytes, one write and one fdatasync per group, nothing else. */
const bareGroupCommit = async (
  path: string,
  bytes: number,
): Promise<{ append: () => Promise<void>; close: () => Promise<void> }> => {
  const file = await openFile(path, 'w');
  const record = Buffer.alloc(bytes, 7);
  let at = 0;
  let waiting: (() => void)[] = [];
  let running = false;
  const run = async (): Promise<void> => {
    running = true;
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await file.write(Buffer.concat(batch.map(() => record)), 0, bytes * batch.length, at);
      await file.datasync();
      at += bytes * batch.length;
      for (const done of batch) done();
    }
    running = false;
  };
  return {
    append: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        if (!running) void run();
      }),
    close: () => file.close(),
  };
};

const sizeOf = (folder: string): number =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);

/** Several gateways' worth of writers on one database, beside a plain insert of the same bytes in the same run. */
const postgresRows = async (ms: number): Promise<readonly Row[]> => {
  const server = await startPostgres();
  const ledger = await openPostgresLedger({
    url: server.url,
    origin: 'ledger.example/bench',
    signingKey: generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    ownKey: new Uint8Array(32),
    payloadKeys,
    clock,
    random: pooled(),
  });
  const pool = new pg.Pool({ connectionString: server.url, max: 16 });
  await pool.query('CREATE TABLE plain (id bigserial PRIMARY KEY, data bytea)');
  const data = Buffer.alloc(1400, 7);
  const rival = await drive(256, ms, () => pool.query('INSERT INTO plain (data) VALUES ($1)', [data]));
  let i = 0;
  const load = await drive(256, ms, () => ledger.append(entry(i++)));
  await pool.end();
  await ledger.close();
  await server.remove();
  const ratio = load.perSecond / rival.perSecond;
  return [
    {
      name: 'PostgreSQL, 256 writers: durable appends',
      figure: load.perSecond,
      unit: 'per s',
      reach: '2,000',
      ok: load.perSecond >= 2000,
    },
    { name: 'PostgreSQL, 256 writers: acknowledged, p99', figure: load.p99, unit: 'ms', reach: '', ok: null },
    { name: 'PostgreSQL, 256 writers: against a plain insert', figure: ratio, unit: 'times', reach: '', ok: null },
  ];
};

export const run = async ({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> => {
  const rows: Row[] = [];
  const ms = quick ? 1500 : 5000;
  const folder = mkdtempSync(join(tmpdir(), 'consentry-bench-'));
  const ledger = await openHere(join(folder, 'ledger'));
  let i = 0;
  const append = (): Promise<unknown> => ledger.append(entry(i++));
  const lags: number[] = [];
  const durableAt = new Map<number, number>();
  ledger.onPublish(({ size }) => {
    for (const [index, at] of durableAt) {
      if (index >= size) break;
      lags.push(performance.now() - at);
      durableAt.delete(index);
    }
  });
  const measured = async (): Promise<unknown> => {
    const receipt = await ledger.append(entry(i++));
    if (receipt.index % 16 === 0) durableAt.set(receipt.index, performance.now());
    return receipt;
  };

  await drive(16, 500, append);
  for (const writers of [1, 16, 256]) {
    const bare = await bareGroupCommit(join(folder, `bare-${writers}`), 1400);
    const rival = await drive(writers, ms, bare.append);
    await bare.close();
    const load = await drive(writers, ms, measured);
    const ratio = load.perSecond / rival.perSecond;
    rows.push(
      {
        name: `files, ${writers} writers: durable appends`,
        figure: load.perSecond,
        unit: 'per s',
        reach: writers === 256 ? '5,000' : '',
        ok: writers === 256 ? load.perSecond >= 5000 : null,
      },
      { name: `files, ${writers} writers: acknowledged, p50`, figure: load.p50, unit: 'ms', reach: '', ok: null },
      { name: `files, ${writers} writers: acknowledged, p99`, figure: load.p99, unit: 'ms', reach: '', ok: null },
      {
        name: `files, ${writers} writers: against bare append + fdatasync`,
        figure: ratio,
        unit: 'times',
        reach: writers === 256 ? 'half' : '',
        ok: writers === 256 ? ratio >= 0.5 : null,
      },
      {
        name: `files, ${writers} writers: processor time, all threads`,
        figure: load.cpuPerAppend,
        unit: 'us',
        reach: '',
        ok: null,
      },
    );
  }
  const steady = await offer(1000, ms, measured);
  rows.push({ name: 'files, 1,000/s offered: acknowledged, p50', figure: steady.p50, unit: 'ms', reach: '', ok: null });
  rows.push({
    name: 'files, 1,000/s offered: acknowledged, p99',
    figure: steady.p99,
    unit: 'ms',
    reach: '10',
    ok: steady.p99 <= 10,
  });
  lags.sort((a, b) => a - b);
  const lag = quantile(lags, 0.99);
  rows.push({
    name: 'durable to integrated and published, p99',
    figure: lag,
    unit: 'ms',
    reach: '1,000',
    ok: lag <= 1000,
  });

  await ledger.integrate();
  const target = quick ? 20_000 : 100_000;
  while (ledger.size() < target) await Promise.all(Array.from({ length: 256 }, append));
  const { size } = await ledger.integrate();
  const proofs: number[] = [];
  for (let k = 0; k < 300; k++) {
    const start = performance.now();
    await ledger.receiptProof((k * 7919) % size);
    proofs.push(performance.now() - start);
  }
  proofs.sort((a, b) => a - b);
  rows.push({
    name: `proof of a random entry of ${size}, p50`,
    figure: quantile(proofs, 0.5),
    unit: 'ms',
    reach: '1',
    ok: quantile(proofs, 0.5) <= 1,
  });
  await ledger.close();

  const began = performance.now();
  const audit = await auditFolder({ folder: join(folder, 'ledger') });
  const rate = (size * 1000) / (performance.now() - began);
  if (!audit.ok) throw new Error(audit.finding.text);
  rows.push({
    name: 'verify, payloads included',
    figure: rate,
    unit: 'entries/s',
    reach: '50,000',
    ok: rate >= 50_000,
  });
  rows.push({
    name: 'tree on disk',
    figure: sizeOf(join(folder, 'ledger', 'log')) / size,
    unit: 'B/entry',
    reach: '',
    ok: null,
  });
  rows.push({
    name: 'encrypted payload on disk',
    figure: sizeOf(join(folder, 'ledger', 'segments')) / size,
    unit: 'B/entry',
    reach: '',
    ok: null,
  });
  rmSync(folder, { recursive: true });
  rows.push(...(await postgresRows(ms)));
  return rows;
};
