import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openVault, type VaultOptions } from '../../../src/adapters/store/vault.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';

const masterKey = new Uint8Array(32).fill(7);
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
const anna = 'anna' as PatientId;
const bert = 'bert' as PatientId;
let folder = '';
let file = '';
const open = (more: Partial<VaultOptions> = {}) =>
  openVault({ folder, masterKey, organisation: 'Organization/o1', epoch: '1', random, ...more });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vault-'));
  file = join(folder, 'patients.vault');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the key vault', () => {
  it('knows nobody until they are registered, and the same pseudonym after a restart', async () => {
    const vault = await open();
    expect(vault.subjectOf(anna)).toBeUndefined();
    const subject = await vault.register(anna);
    expect(subject).toMatch(/^0x[0-9a-f]{64}$/);
    expect(vault.subjectOf(anna)).toBe(subject);
    expect(vault.patientOf(subject)).toBe(anna);
    const payload = Buffer.from(vault.keyOf(anna) ?? []).toString('hex');
    await vault.close();
    const again = await open();
    expect(again.subjectOf(anna)).toBe(subject);
    expect(Buffer.from(again.keyOf(anna) ?? []).toString('hex')).toBe(payload);
    await again.close();
  });

  it('gives one patient one key, however often and however concurrently it is asked', async () => {
    const vault = await open();
    const many = await Promise.all([anna, bert, anna, anna, bert].map((patient) => vault.register(patient)));
    expect(new Set(many).size).toBe(2);
    expect(await vault.register(anna)).toBe(many[0]);
    expect(vault.keyOf(anna)).toBe(await vault.makeKey(anna));
    await vault.close();
    const again = await open();
    expect([...again.patients()].toSorted()).toEqual([anna, bert]);
    await again.close();
  });

  it('names a patient differently for another organisation and another epoch', async () => {
    const vault = await open();
    const subject = await vault.register(anna);
    await vault.close();
    for (const more of [{ organisation: 'Organization/o2' }, { epoch: '2' }]) {
      const other = await open(more);
      expect(other.subjectOf(anna)).not.toBe(subject);
      await other.close();
    }
  });

  it('names grantees by kind and reference under a key', async () => {
    const vault = await open();
    const person = vault.granteeOf('person', 'Practitioner/p1');
    expect(vault.granteeOf('person', 'Practitioner/p1')).toBe(person);
    expect(vault.granteeOf('role', 'Practitioner/p1')).not.toBe(person);
    await vault.close();
    rmSync(folder, { recursive: true });
    const other = await open({ masterKey: new Uint8Array(32).fill(8) });
    expect(other.granteeOf('person', 'Practitioner/p1')).not.toBe(person);
    await other.close();
  });

  it('keeps no patient id and no key in the clear', async () => {
    const vault = await open();
    const patient = 'patient-with-a-telling-id' as PatientId;
    await vault.register(patient);
    const key = Buffer.from(vault.keyOf(patient) ?? []);
    await vault.close();
    for (const name of readdirSync(folder)) {
      const bytes = readFileSync(join(folder, name));
      expect(bytes.includes(patient)).toBe(false);
      expect(bytes.includes(key)).toBe(false);
    }
    expect(statSync(file).mode & 0o077).toBe(0);
  });

  it('refuses another master key, a short one and a file that is no vault', async () => {
    await (await open()).close();
    await expect(open({ masterKey: new Uint8Array(32) })).rejects.toThrow('another master key');
    await expect(open({ masterKey: new Uint8Array(16) })).rejects.toThrow('32 bytes');
    writeFileSync(file, 'x'.repeat(100));
    await expect(open()).rejects.toThrow('not a key vault');
  });

  it('cuts off what a crash left of the last record and keeps the others', async () => {
    const vault = await open();
    await vault.register(anna);
    const whole = statSync(file).size;
    await vault.register(bert);
    await vault.close();
    const size = statSync(file).size;
    for (let left = whole; left < size; left += 7) {
      truncateSync(file, left);
      const again = await open();
      expect([...again.patients()]).toEqual([anna]);
      await again.register(bert);
      await again.close();
    }
    appendFileSync(file, Buffer.alloc(9));
    const last = await open();
    expect(last.size).toBe(2);
    await last.close();
  });

  it('refuses a record that was altered', async () => {
    const vault = await open();
    await vault.register(anna);
    await vault.register(bert);
    await vault.close();
    const bytes = readFileSync(file);
    bytes[70] = (bytes[70] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    await expect(open()).rejects.toThrow('damaged');
  });

  it('is held by one process at a time', async () => {
    const vault = await open();
    writeFileSync(join(folder, 'vault.lock'), JSON.stringify({ pid: process.ppid, birth: 'elsewhere' }));
    await expect(open()).rejects.toThrow('Another process');
    await vault.close();
  });
});

describe('erasure', () => {
  it('destroys the key here and on disk, and says what remains', async () => {
    const vault = await open();
    const subject = await vault.register(anna);
    await vault.register(bert);
    const before = readFileSync(file);
    const erasure = await vault.erase(anna);
    expect(erasure.destroyed).toBe(true);
    expect(erasure.remains.length).toBeGreaterThan(0);
    expect(vault.subjectOf(anna)).toBeUndefined();
    expect(vault.patientOf(subject)).toBeUndefined();
    expect(vault.keyOf(anna)).toBeUndefined();
    expect(readFileSync(file)).not.toEqual(before);
    await vault.close();
    const again = await open();
    expect([...again.patients()]).toEqual([bert]);
    await again.close();
  });

  it('holds after an old copy of the vault is put back', async () => {
    const vault = await open();
    await vault.register(anna);
    const backup = join(folder, 'backup');
    copyFileSync(file, backup);
    await vault.erase(anna);
    await vault.close();
    copyFileSync(backup, file);
    const again = await open();
    expect(again.subjectOf(anna)).toBeUndefined();
    await again.close();
    expect(readFileSync(file)).not.toEqual(readFileSync(backup));
  });

  it('lets the person come back under a new pseudonym', async () => {
    const vault = await open();
    const first = await vault.register(anna);
    await vault.erase(anna);
    const second = await vault.register(anna);
    expect(second).not.toBe(first);
    await vault.close();
    const again = await open();
    expect(again.subjectOf(anna)).toBe(second);
    await again.close();
  });

  it('of somebody unknown destroys nothing', async () => {
    const vault = await open();
    expect((await vault.erase(anna)).destroyed).toBe(false);
    await vault.close();
  });
});
