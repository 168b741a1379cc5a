import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { FilesLedger } from '../../../src/adapters/store/files-ledger.ts';
import { openRecordNotary, type RecordNotary } from '../../../src/adapters/store/record-notary.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import { scan } from '../../../src/domain/json/scan.ts';
import { worstOf } from '../../../src/domain/ledger/record-integrity.ts';
import type { StoredRecord } from '../../../src/ports.ts';
import { memoryKeys, open, temporaryFolder } from './ledger-fixture.ts';

const patient = 'p1' as PatientId;
const record = (json: string, more: Partial<StoredRecord> = {}): StoredRecord => {
  const scanned = scan(Buffer.from(json));
  if (!scanned.ok) throw new Error('not JSON');
  return { reference: 'Observation/o1', version: '1', patient, tape: scanned.tape, node: 0, current: true, ...more };
};
const FIRST =
  '{"resourceType":"Observation","id":"o1","meta":{"versionId":"1","lastUpdated":"2026-01-01T00:00:00Z","security":[{"code":"R"}]},"valueQuantity":{"value":1.10}}';

let folder: string;
let ledger: FilesLedger;
let notary: RecordNotary;
let later = 0;
let keys: ReturnType<typeof memoryKeys>;
let alarms = 0;
const ownKey = randomBytes(32);
const start = (name = 'records.db'): RecordNotary =>
  openRecordNotary({
    path: join(folder, name),
    ledger,
    keys,
    ownKey,
    clock: { now: () => (Date.now() + later) as never },
    alarm: () => {
      alarms++;
    },
    failed: (error) => {
      throw error;
    },
  });
beforeEach(async () => {
  folder = temporaryFolder();
  keys = memoryKeys();
  await keys.makeKey(patient);
  ledger = await open(join(folder), { payloadKeys: keys });
  notary = start();
  alarms = 0;
  later = 0;
});
afterEach(async () => {
  await notary.close();
  await ledger.close();
  rmSync(folder, { recursive: true });
});

describe('the record notary', () => {
  it('calls a record a baseline from first sight on, and verified once it was written here', () => {
    expect(notary.check(record(FIRST))).toBe('baseline');
    expect(notary.check(record(FIRST))).toBe('baseline');
    notary.written(record(FIRST, { version: '2' }));
    expect(notary.check(record(FIRST, { version: '2' }))).toBe('verified');
  });

  it.each([
    ['another value', FIRST.replace('1.10', '1.11')],
    ['another precision', FIRST.replace('1.10', '1.1')],
    ['a label stripped', FIRST.replace('"security":[{"code":"R"}]', '"tag":[]')],
    ['an element added', FIRST.replace('"id":"o1"', '"id":"o1","status":"final"')],
  ])('sees %s under the same version', (_, changed) => {
    notary.check(record(FIRST));
    expect(notary.check(record(changed))).toBe('altered');
    expect(notary.check(record(FIRST))).toBe('baseline');
  });

  it('does not mind order, white space, spelling of escapes, or what the server sets', () => {
    notary.check(record(FIRST));
    expect(
      notary.check(
        record(
          '{ "valueQuantity": {"value": 1.10}, "id":"\\u006f1",\n"meta":{"security":[{"code":"R"}],"source":"#x","versionId":"1"},"resourceType":"Observation"}',
        ),
      ),
    ).toBe('baseline');
  });

  it('sees a version that was rolled back', async () => {
    notary.check(record(FIRST));
    notary.written(record(FIRST, { version: '2' }));
    // A read that was under way when the write came.
    expect(notary.check(record(FIRST))).toBe('baseline');
    await notary.settled();
    later += 61_000;
    expect(notary.check(record(FIRST))).toBe('altered');
    expect(notary.check(record(FIRST, { current: false }))).toBe('baseline');
    expect(alarms).toBe(1);
  });

  it('raises one alarm for a record that is gone, and none for one that was deleted here or never seen', async () => {
    notary.check(record(FIRST));
    await notary.settled();
    notary.missing('Observation/o2');
    notary.missing('Observation/o1');
    const alarm = async (): Promise<readonly number[]> =>
      ledger.query({ kinds: ['record'], decision: 'deny', limit: 5 });
    while ((await alarm()).length === 0) await new Promise((resolve) => setImmediate(resolve));
    notary.missing('Observation/o1');
    expect(alarms).toBe(1);
    const [at = -1] = await alarm();
    expect((await ledger.open(at))?.entry).toMatchObject({ code: 'record-altered', patients: [] });
    notary.check(record(FIRST.replaceAll('o1', 'o3'), { reference: 'Observation/o3' }));
    notary.deleted('Observation/o3');
    notary.missing('Observation/o3');
    await notary.settled();
    expect(alarms).toBe(1);
  });

  it('remembers through a restart, and its file names no record and no patient', async () => {
    notary.check(record(FIRST));
    notary.written(record(FIRST, { version: '2' }));
    await notary.close();
    notary = start();
    expect(notary.check(record(FIRST, { current: false }))).toBe('baseline');
    expect(notary.check(record(FIRST, { version: '2' }))).toBe('verified');
    expect(notary.check(record(FIRST.replace('1.10', '9.9'), { version: '2' }))).toBe('altered');
    const bytes = readdirSync(folder)
      .filter((name) => name.startsWith('records.db'))
      .map((name) => readFileSync(join(folder, name), 'latin1'))
      .join('');
    expect(bytes).not.toMatch(/Observation\/|o1/);
  });

  it('starts anew for a patient who was erased and came back, also when a backup kept the rows', async () => {
    notary.check(record(FIRST));
    await notary.settled();
    keys.destroy('p1');
    await keys.makeKey(patient);
    expect(notary.check(record(FIRST))).toBe('baseline');
    await notary.settled();
    notary.forget(patient);
    expect(notary.check(record(FIRST.replace('1.10', '7')))).toBe('baseline');
    expect(alarms).toBe(0);
  });

  it('sees a record that was given to another patient', async () => {
    await keys.makeKey('p2' as PatientId);
    notary.check(record(FIRST));
    await notary.settled();
    expect(notary.check(record(FIRST, { patient: 'p2' as PatientId }))).toBe('altered');
    expect(alarms).toBe(1);
  });

  it('knows nothing of a record without a version, or whose patient was erased', () => {
    expect(notary.check(record(FIRST, { version: undefined }))).toBe('unknown');
    notary.check(record(FIRST));
    keys.destroy('p1');
    expect(notary.check(record(FIRST))).toBe('unknown');
  });

  it('chains the versions of a record in the ledger', async () => {
    notary.check(record(FIRST));
    notary.written(record(FIRST.replace('1.10', '2.0'), { version: '2' }));
    await notary.settled();
    const [newest = -1] = await ledger.query({ patient, kinds: ['record'], limit: 5 });
    const texts = (await ledger.open(newest))?.entry.story.map(({ text }) => text) ?? [];
    const digests = texts.map((text) => /lossless=(\S+)/.exec(text)?.[1]);
    expect(texts[0]).toMatch(/^first seen .* previous=none$/);
    expect(texts[1]).toMatch(/^written /);
    expect(texts[1]).toContain(`previous=${digests[0]}`);
  });

  it.each([
    ['its file is lost', () => ['records.db', 'records.db-wal', 'records.db-shm']],
    ['another gateway on the ledger meets it', () => []],
  ])('knows from the ledger what was notarised when %s', async (_, lost) => {
    notary.check(record(FIRST));
    notary.written(record(FIRST, { reference: 'Observation/o2' }));
    notary.written(record(FIRST, { reference: 'Observation/o3' }));
    await notary.settled();
    await notary.close();
    for (const name of lost()) rmSync(join(folder, name), { force: true });
    notary = start(lost().length > 0 ? 'records.db' : 'other.db');
    const forged = record(FIRST.replace('1.10', '1.11'), { reference: 'Observation/o3' });
    expect(notary.check(record(FIRST))).toBe('baseline');
    notary.check(record(FIRST, { reference: 'Observation/o2' }));
    expect(notary.check(forged)).toBe('baseline');
    await notary.settled();
    expect(alarms).toBe(1);
    expect(notary.check(record(FIRST))).toBe('baseline');
    expect(notary.check(record(FIRST, { reference: 'Observation/o2' }))).toBe('verified');
    expect(notary.check(forged)).toBe('altered');
    expect(notary.check(record(FIRST, { reference: 'Observation/o3' }))).toBe('verified');
    // What the ledger has is not noted again.
    const indexes = await ledger.query({ patient, kinds: ['record'], limit: 10 });
    const entries = await Promise.all(indexes.map((index) => ledger.open(index)));
    expect(entries.filter((opened) => opened?.entry.decision === 'permit')).toHaveLength(1);
  });

  it('takes the worst of an answer', () => {
    expect(worstOf(new Set(['verified', 'baseline'] as const))).toBe('baseline');
    expect(worstOf(new Set(['verified', 'altered', 'unknown'] as const))).toBe('altered');
    expect(worstOf(new Set(['verified'] as const))).toBe('verified');
  });
});
