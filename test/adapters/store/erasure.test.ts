import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Eraser, openEraser } from '../../../src/adapters/store/erasure.ts';
import type { FilesLedger } from '../../../src/adapters/store/files-ledger.ts';
import { auditFolder } from '../../../src/adapters/store/folder-audit.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import { parseProof } from '../../../src/domain/ledger/proof.ts';
import { entryOf, memoryKeys, open, systemRandom, temporaryFolder } from './ledger-fixture.ts';

const patient = 'patient-to-forget' as PatientId;
const other = 'patient-who-stays' as PatientId;
let folder: string;
let later = 0;
let keys: ReturnType<typeof memoryKeys>;
let ledger: FilesLedger;
let eraser: Eraser;
let forgotten: PatientId[] = [];

const clock = { now: () => (Date.now() + later) as never };
const openHere = (destroyKey?: () => Promise<boolean>, key = new Uint8Array(32).fill(3)): Promise<Eraser> =>
  openEraser({
    path: join(folder, 'erasure.db'),
    key,
    destroyKey:
      destroyKey ??
      (async (who) => {
        const had = keys.keyOf(who) !== undefined;
        keys.destroy(who);
        return had;
      }),
    printOf: (who) => {
      const key = keys.keyOf(who);
      return key && createHash('sha256').update(key).digest('hex');
    },
    patients: () => [...keys.all()].map(([who]) => who),
    forget: (who) => forgotten.push(who),
    ledger,
    clock,
    random: systemRandom,
  });

beforeEach(async () => {
  folder = temporaryFolder();
  forgotten = [];
  keys = memoryKeys();
  ledger = await open(folder, { payloadKeys: keys });
  eraser = await openHere();
  await ledger.append(entryOf('a', { patients: [patient] }));
  await ledger.append(
    entryOf('b', {
      patients: [patient, other],
      resources: [`Patient/${patient}/_history/1`],
      story: [{ stage: 's', rule: 'r', text: `about ${patient}` }],
    }),
  );
});
afterEach(async () => {
  eraser.close();
  await ledger.close();
  rmSync(folder, { recursive: true });
});

const everyByte = (): Buffer =>
  Buffer.concat(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((name) => statSync(name).isFile())
      .map((name) => readFileSync(name)),
  );

describe('erasure', () => {
  it('leaves no trace of the patient in any file, and every proof whole', async () => {
    expect(await eraser.erase(patient)).toMatchObject({ kind: 'erased', entries: 2 });
    expect(await ledger.find('a')).toBeUndefined();
    expect((await ledger.find('b'))?.entry).toMatchObject({ patients: [other], story: [{ text: 'about erased' }] });
    expect(await ledger.query({ kinds: ['erasure'], limit: 2 })).toEqual([2]);
    expect(parseProof(await ledger.receiptProof(0))).toBeDefined();
    eraser.close();
    await ledger.close();
    expect(everyByte().includes(patient)).toBe(false);
    expect(await auditFolder({ folder })).toMatchObject({ ok: true, checkpoint: { size: 3 } });
    ledger = await open(folder, { payloadKeys: keys });
    eraser = await openHere();
  });

  it('is refused with the reason while a hold stands', async () => {
    await eraser.hold(patient, { reason: 'Claim 12 is before the court.', until: (Date.now() + 60_000) as never });
    expect(await eraser.erase(patient)).toMatchObject({ kind: 'held', reason: 'Claim 12 is before the court.' });
    expect((await ledger.find('a'))?.entry.patients).toEqual([patient]);
    later += 61_000;
    expect(await eraser.erase(patient)).toMatchObject({ kind: 'erased' });
    await eraser.hold(other, { reason: 'kept' });
    expect((await eraser.erase(other)).kind).toBe('held');
    expect(await eraser.lift(other)).toBe(true);
    expect((await eraser.erase(other)).kind).toBe('erased');
  });

  it('is finished at the next start when it was begun', async () => {
    eraser.close();
    eraser = await openHere(async () => {
      throw new Error('the process dies here');
    });
    await expect(eraser.erase(patient)).rejects.toThrow();
    eraser.close();
    eraser = await openHere();
    expect(keys.keyOf(patient)).toBeUndefined();
    expect(await ledger.query({ patient, limit: 5 })).toEqual([]);
    expect(await ledger.query({ kinds: ['erasure'], limit: 2 })).toEqual([2]);
  });

  it('tells who asked, and that a hold refused it', async () => {
    const by = { user: 'adler', issuer: 'https://issuer', client: 'console', roles: ['privacy-officer'] };
    await eraser.hold(patient, { reason: 'kept' }, by);
    await eraser.erase(patient, by);
    await eraser.lift(patient, by);
    await eraser.erase(patient, by);
    const [last = -1, ...more] = await ledger.query({ kinds: ['erasure'], limit: 9 });
    expect((await ledger.open(last))?.entry).toMatchObject({ actor: by, patients: [], decision: 'permit' });
    expect(more).toHaveLength(3);
    expect(forgotten).toEqual([patient]);
  });

  it('destroys again the key that a restored backup of the vault brought back', async () => {
    const key = Uint8Array.from(keys.keyOf(patient) ?? []);
    await eraser.erase(patient);
    eraser.close();
    keys.restore(patient, key);
    eraser = await openHere();
    expect(keys.keyOf(patient)).toBeUndefined();
    expect(await ledger.query({ kinds: ['erasure'], limit: 9 })).toHaveLength(2);
    // A key that is new is another one.
    await keys.makeKey(patient);
    eraser.close();
    eraser = await openHere();
    expect(keys.keyOf(patient)).toBeDefined();
  });

  it('keeps holds in a file that tells neither patient nor reason, and does not start on it under another key', async () => {
    await eraser.hold(patient, { reason: 'Claim 12 is before the court.' });
    await expect(openHere(undefined, new Uint8Array(32))).rejects.toThrow('another vaultKey');
    eraser.close();
    eraser = await openHere();
    expect(eraser.holds()).toEqual([{ patient, reason: 'Claim 12 is before the court.' }]);
    const files = ['erasure.db', 'erasure.db-wal'].map((name) => readFileSync(join(folder, name)));
    for (const word of [patient, 'Claim 12']) expect(Buffer.concat(files).includes(word)).toBe(false);
  });

  it('seals the holds and erasures under way of a version that kept them in clear', async () => {
    eraser.close();
    rmSync(join(folder, 'erasure.db'));
    const old = new DatabaseSync(join(folder, 'erasure.db'));
    old.exec(`CREATE TABLE holds (patient TEXT PRIMARY KEY, reason TEXT NOT NULL, until INTEGER);
      CREATE TABLE begun (patient TEXT PRIMARY KEY, id TEXT NOT NULL);
      INSERT INTO holds VALUES ('${other}', 'Claim 12 is before the court.', NULL);
      INSERT INTO begun VALUES ('${patient}', '0011223344556677');`);
    old.close();
    eraser = await openHere();
    expect(keys.keyOf(patient)).toBeUndefined();
    expect(await eraser.erase(other)).toEqual({ kind: 'held', reason: 'Claim 12 is before the court.' });
    eraser.close();
    const bytes = readFileSync(join(folder, 'erasure.db'));
    for (const word of [patient, other, 'Claim 12']) expect(bytes.includes(word)).toBe(false);
    eraser = await openHere();
    expect(eraser.heldBy(other)).toEqual({ reason: 'Claim 12 is before the court.' });
  });

  it('says when there is nobody to forget', async () => {
    expect(await eraser.erase('never-seen' as PatientId)).toEqual({ kind: 'unknown' });
  });
});
