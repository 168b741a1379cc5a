import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { FilesLedger } from '../../../src/adapters/store/files-ledger.ts';
import { auditFolder } from '../../../src/adapters/store/folder-audit.ts';
import { checkFolder } from '../../../src/adapters/store/ledger-fsck.ts';
import { createLedgerTools } from '../../../src/adapters/store/ledger-tools.ts';
import { nodeHashing } from '../../../src/adapters/store/node-hash.ts';
import { rowVerifier } from '../../../src/adapters/store/note-keys.ts';
import { openRotatingFiles } from '../../../src/adapters/store/rotating-files.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import type { Instant } from '../../../src/domain/instant.ts';
import { halfYearOf } from '../../../src/domain/ledger/half-year.ts';
import { decodeLeaf } from '../../../src/domain/ledger/leaf.ts';
import { openNote, parseVerifierKey } from '../../../src/domain/ledger/note.ts';
import { type Fault, faultyFiles } from './faulty-files.ts';
import { entryOf, memoryKeys, ORIGIN, systemRandom, temporaryFolder } from './ledger-fixture.ts';

const STRIDE = Number(process.env.CONSENTRY_FAULT_STRIDE ?? 23);
const before = Date.parse('2026-12-31T23:59:59.999Z') as Instant;
const after = Date.parse('2027-01-01T00:00:00.000Z') as Instant;
const patient = 'p1' as PatientId;
let folder: string;
let payloadKeys: ReturnType<typeof memoryKeys>;
let late = 0;
const clock = { now: () => (Date.now() + late) as never };
const limits = { retryMs: 0, integrateMs: 600_000, leaseMs: 1000 };

beforeEach(() => {
  folder = temporaryFolder();
  payloadKeys = memoryKeys();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const openHere = (more: Partial<Parameters<typeof openRotatingFiles>[0]> = {}): Promise<FilesLedger> =>
  openRotatingFiles({ folder, origin: ORIGIN, payloadKeys, clock, random: systemRandom, limits, ...more });

/** Three entries of 2026, two of 2027: numbers 0 to 2, then the closing and the opening leaf, then 5 and 6. */
const twoLogs = async (ledger: FilesLedger): Promise<void> => {
  for (const name of ['a', 'b', 'c']) await ledger.append(entryOf(name, { at: before }));
  for (const name of ['d', 'e']) await ledger.append(entryOf(name, { at: after }));
  for (const log of ledger.logs()) await log.integrate();
};
const tools = createLedgerTools({ anchors: async () => [], payloadKeys: async () => payloadKeys });

describe('the rotation of the log', () => {
  it('closes the log of a half-year for good and goes on in one that names it', async () => {
    const ledger = await openHere();
    await twoLogs(ledger);
    expect(ledger.logs().map((log) => [log.origin, log.size(), log.frozen()])).toEqual([
      [ORIGIN, 4, true],
      [`${ORIGIN}/2027h1`, 3, false],
    ]);
    const kinds = await Promise.all([0, 3, 4, 5].map((number) => ledger.leaf(number)));
    expect(kinds.map((leaf) => leaf && decodeLeaf(leaf)?.kind)).toEqual(['read', 'rotation', 'rotation', 'read']);
    await expect(ledger.logs()[0]?.append(entryOf('late'))).rejects.toThrow('This log ended');
    const { receipt } = (await ledger.find('d')) ?? {};
    expect(receipt).toMatchObject({ log: `${ORIGIN}/2027h1`, index: 1, entry: 5 });
    expect((await ledger.find('b'))?.receipt).toMatchObject({ log: ORIGIN, index: 1 });
    await ledger.close();
    expect(await auditFolder({ folder })).toMatchObject({
      ok: true,
      logs: [
        { origin: ORIGIN, size: 4 },
        { origin: `${ORIGIN}/2027h1`, size: 3 },
      ],
    });
  });

  it('searches, counts, opens and forgets through all logs, after a restart too', async () => {
    let ledger = await openHere();
    await twoLogs(ledger);
    for (let round = 0; round < 2; round++) {
      expect(await ledger.query({ patient, limit: 9 })).toEqual([6, 5, 2, 1, 0]);
      expect(await ledger.query({ patient, limit: 3 })).toEqual([6, 5, 2]);
      expect(await ledger.query({ patient, before: 6, atLeast: 1, limit: 9 })).toEqual([5, 2, 1]);
      expect(await ledger.query({ patient, before: 2, limit: 9 })).toEqual([1, 0]);
      expect((await ledger.open(5))?.entry.requestId).toBe('d');
      expect((await ledger.open(2))?.entry.requestId).toBe('c');
      const { users } = await ledger.tally({ patient }, 0);
      expect(users.reduce((sum, { count }) => sum + count, 0)).toBe(5);
      await ledger.close();
      ledger = await openHere();
    }
    await ledger.append(entryOf('f', { at: after }));
    expect(ledger.size()).toBe(8);
    payloadKeys.destroy(patient);
    await ledger.forget(patient);
    expect(await ledger.query({ patient, limit: 9 })).toEqual([]);
    expect(await ledger.open(0)).toBeUndefined();
    await ledger.close();
  });

  it('proves, opens and exports by one numbering, under the key of the first log', async () => {
    const ledger = await openHere();
    await twoLogs(ledger);
    const { verifierKey } = ledger;
    await ledger.close();
    for (const [number, request] of [
      [1, 'b'],
      [6, 'e'],
    ] as const) {
      const file = join(folder, `${number}.proof`);
      writeFileSync(file, (await tools.prove(folder, number, ['actor', 'subject'])) ?? '');
      expect(await tools.verifyProof(file, { verifierKey })).toMatchObject({ ok: true });
      expect((await tools.open(folder, number))?.entry?.requestId).toBe(request);
    }
    const lines = [];
    for await (const line of tools.exportLines(folder, { format: 'ndjson', from: 2, until: 6 })) lines.push(line);
    expect(lines.map((line) => JSON.parse(line).index)).toEqual([undefined, 2, 3, undefined, 4, 5]);
    expect(await auditFolder({ folder, verifierKey })).toMatchObject({ ok: true });
    const later = parseVerifierKey(nodeHashing, verifierKey);
    const note = readFileSync(join(folder, '2027h1', 'log', 'checkpoint'), 'utf8');
    expect(later && openNote(note, [rowVerifier(later, `${ORIGIN}/2027h1`)])).toBeDefined();
    expect(later && openNote(note, [rowVerifier(later, 'other.example/2027h1')])).toBeUndefined();
    expect(await tools.status(folder)).toMatchObject({ published: 7, durable: 7 });
    expect(await checkFolder({ folder, repair: false })).toMatchObject({ ok: true, published: 7, faults: [] });
  });

  it('never goes back when the clock does, and skips what nobody wrote in', async () => {
    const ledger = await openHere();
    await ledger.append(entryOf('a', { at: after }));
    expect((await ledger.append(entryOf('b', { at: before }))).log).toBe(ORIGIN);
    const later = Date.parse('2029-08-01T00:00:00Z') as Instant;
    expect(await Promise.all(['c', 'd', 'e'].map((name) => ledger.append(entryOf(name, { at: later }))))).toMatchObject(
      [1, 2, 3].map((index) => ({ log: `${ORIGIN}/2029h2`, index })),
    );
    expect((await ledger.append(entryOf('f', { at: before }))).log).toBe(`${ORIGIN}/2029h2`);
    await ledger.close();
    expect(await auditFolder({ folder })).toMatchObject({ ok: true });
    expect(halfYearOf(Date.parse('2026-06-30T23:59:59.999Z'))).toBe('2026h1');
    expect(halfYearOf(Date.parse('2026-07-01T00:00:00Z'))).toBe('2026h2');
  });

  it.each(['EIO', 'ENOSPC', 'kill'] as const)(
    'is finished by the next append or start, whichever call meets %s',
    async (fault: Fault) => {
      const counted = faultyFiles(0, 'EIO');
      const whole = await openHere({ files: counted });
      await whole.append(entryOf('a', { at: before }));
      const from = counted.calls();
      await whole.append(entryOf('b', { at: after }));
      const to = counted.calls();
      await whole.close();
      expect(to - from).toBeGreaterThan(20);
      for (let at = from + 1 + (fault.length % STRIDE); at <= to; at += STRIDE) {
        rmSync(folder, { recursive: true });
        late += 10_000;
        const ledger = await openHere({ files: faultyFiles(at, fault) });
        const acknowledged = [await ledger.append(entryOf('a', { at: before }))];
        await ledger.append(entryOf('b', { at: after })).then(
          (receipt) => acknowledged.push(receipt),
          () => undefined,
        );
        if (fault !== 'kill')
          for (let tries = 0; acknowledged.length < 2 && tries < 5; tries++)
            await ledger.append(entryOf('b', { at: after })).then(
              (receipt) => acknowledged.push(receipt),
              () => undefined,
            );
        if (fault !== 'kill') expect([at, acknowledged.length]).toEqual([at, 2]);
        await ledger.close().catch(() => undefined);
        late += 10_000;
        const next = await openHere();
        expect([at, await next.append(entryOf('c', { at: after }))]).toMatchObject([at, { log: `${ORIGIN}/2027h1` }]);
        for (const { log, index, leaf } of acknowledged) {
          const held = next.logs().find(({ origin }) => origin === log);
          expect([at, (await held?.leaf(index)) !== undefined, leaf.length]).toEqual([at, true, 43]);
        }
        for (const log of next.logs()) await log.integrate();
        expect(next.logs()).toHaveLength(2);
        await next.close();
        expect([at, await auditFolder({ folder })]).toMatchObject([at, { ok: true }]);
      }
    },
    300_000,
  );
});

describe('a row of logs that was tampered with', () => {
  const prepared = async (): Promise<void> => {
    const ledger = await openHere();
    await twoLogs(ledger);
    await ledger.close();
  };
  const second = (): string => join(folder, '2027h1');

  it('misses the log that followed', async () => {
    await prepared();
    rmSync(second(), { recursive: true });
    expect(await auditFolder({ folder })).toMatchObject({ ok: false, finding: { file: '2027h1' } });
    await expect(openHere()).rejects.toThrow('is gone');
  });

  it('takes a log that a crash left before its first checkpoint for not begun', async () => {
    await prepared();
    rmSync(join(folder, 'followed'));
    rmSync(second(), { recursive: true });
    mkdirSync(join(second(), 'log'), { recursive: true });
    expect(await auditFolder({ folder })).toMatchObject({ ok: true, checkpoint: { size: 4 } });
    expect(await tools.status(folder)).toMatchObject({ published: 4 });
    writeFileSync(join(folder, 'followed'), '1\n');
    expect(await auditFolder({ folder })).toMatchObject({ ok: false, finding: { file: '2027h1/checkpoint' } });
  });

  it('misses one between two others', async () => {
    const ledger = await openHere();
    await twoLogs(ledger);
    await ledger.append(entryOf('g', { at: Date.parse('2027-09-01T00:00:00Z') as Instant }));
    await ledger.close();
    rmSync(second(), { recursive: true });
    expect(await auditFolder({ folder })).toMatchObject({ ok: false, finding: { file: '2027h1' } });
  });

  it('knows an older copy of a closed log', async () => {
    const ledger = await openHere();
    await ledger.append(entryOf('a', { at: before }));
    await ledger.integrate();
    const old = temporaryFolder();
    for (const part of ['log', 'segments']) cpSync(join(folder, part), join(old, part), { recursive: true });
    await ledger.append(entryOf('b', { at: after }));
    await ledger.close();
    for (const part of ['log', 'segments']) {
      rmSync(join(folder, part), { recursive: true });
      cpSync(join(old, part), join(folder, part), { recursive: true });
    }
    rmSync(old, { recursive: true });
    expect(await auditFolder({ folder })).toMatchObject({ ok: false });
    await expect(openHere()).rejects.toThrow('older copy');
  });

  it('knows a log of another row, signed with the same key', async () => {
    await prepared();
    const other = temporaryFolder();
    cpSync(join(folder, 'keys'), join(other, 'keys'), { recursive: true });
    const ledger = await openHere({ folder: other });
    await ledger.append(entryOf('x', { at: before }));
    await ledger.append(entryOf('y', { at: after }));
    await ledger.close();
    rmSync(second(), { recursive: true });
    cpSync(join(other, '2027h1'), second(), { recursive: true });
    rmSync(other, { recursive: true });
    expect(await auditFolder({ folder })).toMatchObject({ ok: false, finding: { entry: 0 } });
    await expect(openHere()).rejects.toThrow('does not follow');
  });

  it('names the entry and the file of a later log', async () => {
    await prepared();
    const [name = ''] = readdirSync(join(second(), 'segments'));
    const path = join(second(), 'segments', name);
    const bytes = readFileSync(path);
    bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    expect(await auditFolder({ folder })).toMatchObject({
      ok: false,
      finding: { entry: 2, file: `2027h1/segments/${name}` },
    });
  });
});
