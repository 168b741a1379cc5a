import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { FilesLedger } from '../../../src/adapters/store/files-ledger.ts';
import { openRecordNotary, type RecordNotary, type StoredRecord } from '../../../src/adapters/store/record-notary.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import { scan } from '../../../src/domain/json/scan.ts';
import { worstOf } from '../../../src/domain/ledger/record-integrity.ts';
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
beforeEach(async () => {
  folder = temporaryFolder();
  keys = memoryKeys();
  await keys.makeKey(patient);
  ledger = await open(join(folder), { payloadKeys: keys });
  notary = openRecordNotary({
    path: join(folder, 'records.db'),
    ledger,
    keys,
    ownKey: randomBytes(32),
    clock: { now: () => (Date.now() + later) as never },
    failed: (error) => {
      throw error;
    },
  });
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

  it('sees a version that vanished, and one that was rolled back', () => {
    notary.check(record(FIRST));
    notary.written(record(FIRST, { version: '2' }));
    // A read that was under way when the write came.
    expect(notary.check(record(FIRST))).toBe('baseline');
    later += 61_000;
    expect(notary.check(record(FIRST))).toBe('altered');
    expect(notary.check(record(FIRST, { current: false }))).toBe('baseline');
    expect(notary.vanished('Observation/o1')).toBe(true);
    expect(notary.vanished('Observation/o2')).toBe(false);
    notary.deleted('Observation/o1');
    expect(notary.vanished('Observation/o1')).toBe(false);
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

  it('takes the worst of an answer', () => {
    expect(worstOf(['verified', 'baseline'])).toBe('baseline');
    expect(worstOf(['verified', 'altered', 'unknown'])).toBe('altered');
    expect(worstOf(['verified'])).toBe('verified');
  });
});
