import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { FilesLedger } from '../../../src/adapters/store/files-ledger.ts';
import { indexNames } from '../../../src/adapters/store/index-names.ts';

import type { EntryQuery } from '../../../src/adapters/store/ledger-index.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import { entryOf, memoryKeys, open, temporaryFolder } from './ledger-fixture.ts';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const canary = 'canary-patient' as PatientId;
const other = 'p2' as PatientId;
const marks = /canary-[a-z]+/g;
const planted = entryOf('canary-request', {
  code: 'record-altered',
  actor: {
    user: 'canary-user',
    issuer: 'https://issuer.example',
    client: 'canary-client',
    organisation: 'Organization/canary-house',
    roles: ['clinician'],
  },
  patients: [canary],
  resources: ['Observation/canary-result/_history/1'],
});

const everyFile = (): string =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => readFileSync(join(each.parentPath, each.name), 'latin1'))
    .join('\n');
const rows = (): unknown => {
  const database = new DatabaseSync(join(folder, 'index.db'), { readOnly: true });
  const all = ['entries', 'subjects', 'resources'].map((table) => database.prepare(`SELECT * FROM ${table}`).all());
  database.close();
  return all;
};
const searches: readonly Omit<EntryQuery, 'limit'>[] = [
  { patient: canary },
  { user: 'canary-user' },
  { client: 'canary-client' },
  { organisation: 'Organization/canary-house' },
  { resource: 'Observation/canary-result' },
  { requestId: 'canary-request' },
  { code: 'record-altered' },
  { purpose: 'TREAT', type: 'Observation', user: 'canary-user' },
];
const findings = (ledger: FilesLedger) => Promise.all(searches.map((query) => ledger.query({ ...query, limit: 5 })));

describe('the index of the ledger', () => {
  it('finds by every value and holds none of them', async () => {
    const ledger = await open(folder);
    await ledger.append(planted);
    expect(await findings(ledger)).toEqual(searches.map(() => [0]));
    expect((await ledger.tally({ patient: canary }, 0)).users).toEqual([{ user: 'canary-user', hour: 10, count: 1 }]);
    expect([...everyFile().matchAll(marks)]).toEqual([]);
    await ledger.close();
    expect([...everyFile().matchAll(marks)]).toEqual([]);
  });

  it('forgets an erased patient as if it were made again without the key', async () => {
    const payloadKeys = memoryKeys();
    let ledger = await open(folder, { payloadKeys });
    await ledger.append(planted);
    await ledger.append(entryOf('shared', { patients: [canary, other], resources: [`Patient/${canary}`] }));
    await ledger.append(entryOf('another', { patients: [other] }));
    expect(await ledger.query({ patient: canary, limit: 5 })).toEqual([1, 0]);
    payloadKeys.destroy(canary);
    await ledger.forget(canary);
    expect(await findings(ledger)).toEqual(searches.map(() => []));
    expect(await ledger.query({ patient: other, limit: 5 })).toEqual([2, 1]);
    expect(await ledger.query({ kinds: ['read'], limit: 5 })).toEqual([2, 1, 0]);
    const key = new Uint8Array(32).fill(5);
    expect(everyFile()).not.toContain(Buffer.from(indexNames(key).ofPatient(canary)).toString('latin1'));
    await ledger.close();
    const forgotten = rows();
    rmSync(join(folder, 'index.db'));
    ledger = await open(folder, { payloadKeys });
    await ledger.close();
    const [entries, subjects] = forgotten as [readonly { readonly idx: number }[], unknown];
    const [entriesAgain, subjectsAgain] = rows() as [unknown, unknown];
    expect(entriesAgain).toEqual(entries);
    expect(subjectsAgain).toEqual(subjects);
  });

  it('is made again when its key is another, and when an earlier version made it', async () => {
    const payloadKeys = memoryKeys();
    let ledger = await open(folder, { payloadKeys });
    await ledger.append(planted);
    await ledger.close();
    const before = rows();
    ledger = await open(folder, { payloadKeys: { ...payloadKeys, indexKey: new Uint8Array(32).fill(6) } });
    expect(await findings(ledger)).toEqual(searches.map(() => [0]));
    await ledger.close();
    expect(rows()).not.toEqual(before);
    const database = new DatabaseSync(join(folder, 'index.db'));
    database.exec(`DROP TABLE subjects; CREATE TABLE subjects (patient TEXT, idx INTEGER);
      INSERT INTO subjects VALUES ('${canary}', 0); PRAGMA user_version = 0;`);
    database.close();
    ledger = await open(folder, { payloadKeys });
    expect(await findings(ledger)).toEqual(searches.map(() => [0]));
    await ledger.close();
    expect([...everyFile().matchAll(marks)]).toEqual([]);
  });

  it('reads a patient from its name with the key alone', () => {
    const names = indexNames(new Uint8Array(32).fill(1));
    const name = names.ofPatient(canary);
    expect(names.patientOf(name)).toBe(canary);
    expect(indexNames(new Uint8Array(32).fill(2)).patientOf(name)).toBeUndefined();
    for (let i = 0; i < name.length; i++) {
      const altered = Uint8Array.from(name);
      altered[i] = (altered[i] ?? 0) ^ 1;
      expect(names.patientOf(altered)).toBeUndefined();
    }
    expect(names.patientOf(name.subarray(0, 8))).toBeUndefined();
    expect(names.of('user', 'x')).not.toEqual(names.of('client', 'x'));
  });
});
