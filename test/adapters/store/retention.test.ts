import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { FilesLedger } from '../../../src/adapters/store/files-ledger.ts';
import { auditFolder } from '../../../src/adapters/store/folder-audit.ts';
import { checkFolder } from '../../../src/adapters/store/ledger-fsck.ts';
import { createLedgerTools } from '../../../src/adapters/store/ledger-tools.ts';
import { createRetention, type Retention } from '../../../src/adapters/store/retention.ts';
import { openRotatingFiles } from '../../../src/adapters/store/rotating-files.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import type { Instant } from '../../../src/domain/instant.ts';
import { keptUntil } from '../../../src/domain/ledger/retention.ts';
import { faultyFiles } from './faulty-files.ts';
import { entryOf, memoryKeys, ORIGIN, systemRandom, temporaryFolder } from './ledger-fixture.ts';

const at = (text: string): Instant => Date.parse(text) as Instant;
const patient = 'p1' as PatientId;
const other = 'p2' as PatientId;
const SECOND = `${ORIGIN}/2027h1`;
const THIRD = `${ORIGIN}/2033h1`;
const limits = { retryMs: 0, integrateMs: 600_000, leaseMs: 1000 };
let folder: string;
let payloadKeys: ReturnType<typeof memoryKeys>;
let ledger: FilesLedger;
let held: readonly PatientId[] = [];
let now = at('2033-03-01T00:00:00Z');
const tools = createLedgerTools({ anchors: async () => [], payloadKeys: async () => payloadKeys });

const openHere = (more: Partial<Parameters<typeof openRotatingFiles>[0]> = {}): Promise<FilesLedger> => {
  const clock = { now: () => Date.now() as Instant };
  return openRotatingFiles({ folder, origin: ORIGIN, payloadKeys, clock, random: systemRandom, limits, ...more });
};
const retentionOf = (years: number | 'ever' = 6): Retention =>
  createRetention({
    ledger,
    years: years === 'ever' ? undefined : years,
    held: async () => held,
    clock: { now: () => now },
    random: systemRandom,
  });

/** 0 to 2 and the end at 3; 4 and 5 and the end at 6; 7 and 8 in the open log. */
beforeEach(async () => {
  folder = temporaryFolder();
  payloadKeys = memoryKeys();
  held = [];
  now = at('2033-03-01T00:00:00Z');
  ledger = await openHere();
  for (const name of ['a', 'b', 'c']) await ledger.append(entryOf(name, { at: at('2026-12-01T00:00:00Z') }));
  await ledger.append(entryOf('d', { at: at('2027-02-01T00:00:00Z'), patients: [other] }));
  await ledger.append(entryOf('e', { at: at('2033-02-15T00:00:00Z') }));
});
afterEach(async () => {
  await ledger.close();
  rmSync(folder, { recursive: true });
});
const states = async (retention: Retention): Promise<readonly string[]> =>
  (await retention.standings()).map(({ state }) => state);

describe('the retention of the ledger', () => {
  it('keeps everything for ever unless years are set, and each log until its last entry is older than they are', async () => {
    expect(await states(retentionOf('ever'))).toEqual(['kept', 'kept', 'open']);
    expect(await retentionOf().standings()).toMatchObject([
      { origin: ORIGIN, entries: 4, state: 'due', until: at('2033-02-01T00:00:00Z') },
      { origin: SECOND, entries: 3, state: 'kept', until: at('2039-02-15T00:00:00Z') },
      { origin: THIRD, state: 'open' },
    ]);
    now = at('2033-02-01T00:00:00Z');
    expect(await states(retentionOf())).toEqual(['kept', 'kept', 'open']);
    now = Number.NaN as Instant;
    expect(await states(retentionOf())).toEqual(['kept', 'kept', 'open']);
    expect(keptUntil(at('2028-02-29T12:00:00Z'), 7)).toBe(at('2035-03-01T12:00:00Z'));
  });

  it('refuses to retire what is open, not old enough, held or unknown', async () => {
    const retention = retentionOf();
    expect(await retention.retire(THIRD)).toMatchObject({ state: 'open' });
    expect(await retention.retire(SECOND)).toMatchObject({ state: 'kept' });
    expect(await retention.retire('ledger.example/other')).toBeUndefined();
    held = [other];
    expect(await states(retention)).toEqual(['due', 'kept', 'open']);
    held = [other, patient];
    expect(await retention.retire(ORIGIN)).toMatchObject({ state: 'held' });
    expect((await ledger.open(0))?.entry.requestId).toBe('a');
    await expect(ledger.retire()).rejects.toThrow('Only a log that ended');
  });

  it('destroys the payloads of a due log, keeps the numbers and every proof, and says so in the ledger', async () => {
    const leaf = await ledger.leaf(1);
    const by = { user: 'adler', issuer: 'https://issuer', client: 'console', roles: ['privacy-officer'] };
    expect(await retentionOf().retire(ORIGIN, by)).toMatchObject({ state: 'due', entries: 4 });
    expect(await retentionOf().retire(ORIGIN)).toMatchObject({ state: 'retired' });
    for (let round = 0; round < 2; round++) {
      expect((await ledger.query({ limit: 20 })).at(-1)).toBe(4);
      expect(await ledger.open(0)).toBeUndefined();
      expect(await ledger.find('a')).toBeUndefined();
      expect(await ledger.leaf(1)).toEqual(leaf);
      expect(await ledger.receiptProof(1)).toContain('index 1\n');
      expect((await ledger.open(5))?.entry.requestId).toBe('d');
      await ledger.append(entryOf(`later-${round}`, { at: at('2033-04-01T00:00:00Z') }));
      expect(await states(retentionOf())).toEqual(['retired', 'kept', 'open']);
      await ledger.close();
      expect(readdirSync(join(folder, 'segments'))).toEqual([]);
      expect(await auditFolder({ folder, payloadKeys })).toMatchObject({
        ok: true,
        logs: [{ origin: ORIGIN, size: 4, retired: true }, { size: 3 }, { size: 4 + round }],
      });
      expect(await tools.status(folder)).toMatchObject({ published: 11 + round, durable: 11 + round, retired: ORIGIN });
      expect(await checkFolder({ folder, repair: true })).toMatchObject({ ok: true, waiting: 0, faults: [] });
      ledger = await openHere();
    }
    const [told = -1] = await ledger.query({ kinds: ['retirement'], limit: 1 });
    expect((await ledger.open(told))?.entry).toMatchObject({ actor: by, outcome: { withheld: 4 } });
  });

  it('retires log after log, the one that follows a retired one too', async () => {
    now = at('2039-03-01T00:00:00Z');
    for (const origin of [SECOND, ORIGIN]) expect(await retentionOf().retire(origin)).toMatchObject({ state: 'due' });
    await ledger.close();
    expect(await auditFolder({ folder })).toMatchObject({
      ok: true,
      logs: [{ retired: true }, { retired: true }, { origin: THIRD }, { size: 3 }],
    });
    ledger = await openHere();
    expect(await ledger.query({ patient, limit: 9 })).toEqual([8]);
    await ledger.close();
    rmSync(join(folder, '2027h1', 'retired'));
    writeFileSync(join(folder, '2033h1', 'retired'), '1\n');
    await expect(openHere()).rejects.toThrow();
    writeFileSync(join(folder, '2027h1', 'retired'), '1\n');
    rmSync(join(folder, '2033h1', 'retired'));
    ledger = await openHere();
  });

  it('is no cover: verify knows payloads that are gone without an entry, and an altered tree of a retired log', async () => {
    await ledger.close();
    for (const name of readdirSync(join(folder, 'segments'))) rmSync(join(folder, 'segments', name));
    writeFileSync(join(folder, 'retired'), '1\n');
    const gone = await auditFolder({ folder });
    expect(gone).toMatchObject({ ok: false, finding: { file: 'segments' } });
    expect(!gone.ok && gone.finding.text).toContain('no entry of a later one says');
    ledger = await openHere();
    now = at('2039-03-01T00:00:00Z');
    expect(await retentionOf().retire(SECOND)).toMatchObject({ state: 'due' });
    await ledger.close();
    expect(await auditFolder({ folder })).toMatchObject({ ok: false, finding: { file: 'segments' } });
    const tile = join(folder, '2027h1', 'log', 'tile', 'entries', '000.p', '3');
    const bytes = readFileSync(tile);
    bytes[60] = (bytes[60] ?? 0) ^ 1;
    writeFileSync(tile, bytes);
    rmSync(join(folder, 'retired'));
    expect(await auditFolder({ folder })).toMatchObject({ ok: false });
    bytes[60] = (bytes[60] ?? 0) ^ 1;
    writeFileSync(tile, bytes);
    writeFileSync(join(folder, 'retired'), '1\n');
    ledger = await openHere();
  });

  it('is finished by the next start when the process dies between', async () => {
    await ledger.close();
    const kept = temporaryFolder();
    cpSync(folder, kept, { recursive: true });
    const counted = faultyFiles(0, 'EIO');
    ledger = await openHere({ files: counted });
    const from = counted.calls();
    await retentionOf().retire(ORIGIN);
    const steps = counted.calls() - from;
    await ledger.close();
    expect(steps).toBeGreaterThan(6);
    // Before the entry, between entry and mark, between mark and the last segment.
    for (const back of [steps - 1, 5, 1]) {
      rmSync(folder, { recursive: true });
      cpSync(kept, folder, { recursive: true });
      ledger = await openHere({ files: faultyFiles(from + steps - back, 'kill') });
      await expect(retentionOf().retire(ORIGIN)).rejects.toThrow();
      await ledger.close().catch(() => undefined);
      ledger = await openHere();
      const done = existsSync(join(folder, 'retired'));
      expect([back, done]).toEqual([back, back === 1]);
      expect([back, readdirSync(join(folder, 'segments')).length === 0]).toEqual([back, done]);
      expect(await auditFolder({ folder })).toMatchObject({ ok: true });
      if (!done) await ledger.close();
    }
    rmSync(kept, { recursive: true });
  });
});
