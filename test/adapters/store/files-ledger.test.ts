import { appendFileSync, cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { auditFolder } from '../../../src/adapters/store/folder-audit.ts';
import { nodeHashing } from '../../../src/adapters/store/node-hash.ts';
import { ed25519Verifier } from '../../../src/adapters/store/signing-key.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import { fromBase64Url } from '../../../src/domain/ledger/base64.ts';
import { openGroup, verifyOpening } from '../../../src/domain/ledger/commitment.ts';
import { decodeLeaf } from '../../../src/domain/ledger/leaf.ts';
import { verifyConsistency } from '../../../src/domain/ledger/merkle.ts';
import { parseVerifierKey } from '../../../src/domain/ledger/note.ts';
import { parseProof, verifyProof } from '../../../src/domain/ledger/proof.ts';
import { entryOf, fill, memoryKeys, ORIGIN, open, temporaryFolder } from './ledger-fixture.ts';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const segments = (): string[] => readdirSync(join(folder, 'segments')).map((name) => join(folder, 'segments', name));
const p = (id: string): PatientId => id as PatientId;

describe('the file ledger', () => {
  it('finds an entry by its request at once and after a restart', async () => {
    const payloadKeys = memoryKeys();
    const first = await open(folder, { payloadKeys });
    const receipt = await first.append(entryOf('a'));
    expect(await first.find('a')).toEqual({ entry: entryOf('a'), receipt });
    expect(receipt).toMatchObject({ log: ORIGIN, index: 0 });
    await first.close();
    const second = await open(folder, { payloadKeys });
    expect(await second.find('a')).toEqual({ entry: entryOf('a'), receipt });
    expect(await second.find('b')).toBeUndefined();
    await second.close();
  });

  it('has every acknowledged entry in the index when it is closed, however late it came', async () => {
    const ledger = await open(folder, { limits: { integrateMs: 600_000 } });
    await fill(ledger, 600);
    await ledger.close();
    const index = new DatabaseSync(join(folder, 'index.db'), { readOnly: true });
    expect(index.prepare('SELECT size FROM state').get()?.size).toBe(600);
    expect(index.prepare('SELECT count(*) AS count FROM entries').get()?.count).toBe(600);
    index.close();
  });

  it('goes on with its history of checkpoints after the last whole one', async () => {
    const path = join(folder, 'checkpoints');
    let ledger = await open(folder);
    await fill(ledger, 3);
    await ledger.close();
    const [whole = ''] = readFileSync(path, 'utf8').match(/^(?:.*\n)*?— .*\n\n/m) ?? [];
    for (const torn of [whole.slice(0, 20), whole.slice(0, -2), whole.slice(0, -1), whole]) {
      appendFileSync(path, torn);
      ledger = await open(folder);
      await fill(ledger, 3);
      await ledger.close();
      expect(await auditFolder({ folder })).toMatchObject({ ok: true });
    }
  });

  it('gives a proof that holds against the key alone, without the log', async () => {
    const ledger = await open(folder);
    await fill(ledger, 700);
    const receipt = await ledger.append(entryOf('the one'));
    const proof = parseProof(await ledger.receiptProof(receipt.index));
    const key = parseVerifierKey(nodeHashing, ledger.verifierKey);
    const verifier = key && ed25519Verifier(key.name, key.publicKey);
    const leaf = fromBase64Url(receipt.leaf);
    if (proof === undefined || verifier === undefined || leaf === undefined) throw new Error('no proof');
    expect(verifyProof(nodeHashing, proof, leaf, [verifier])).toEqual({ size: 701, signedBy: [ORIGIN] });
    expect(verifyProof(nodeHashing, { ...proof, index: 3 }, leaf, [verifier])).toBe('inclusion');
    expect(
      verifyProof(nodeHashing, { ...proof, checkpoint: proof.checkpoint.replace('701', '702') }, leaf, [verifier]),
    ).toBe('checkpoint');
    await ledger.close();
  });

  it('extends every checkpoint it ever published', async () => {
    const ledger = await open(folder, { limits: { integrateMs: 1 } });
    const seen: { size: number; root: Uint8Array }[] = [];
    ledger.onPublish((checkpoint) => seen.push(checkpoint));
    for (let i = 0; i < 20; i++) {
      await fill(ledger, 1 + ((i * 53) % 97), i * 100);
      await ledger.integrate();
    }
    for (const { size, root } of seen) {
      const { checkpoint, path } = await ledger.consistency(size);
      expect(verifyConsistency(nodeHashing, size, checkpoint.size, root, checkpoint.root, path)).toBe(true);
    }
    expect(seen.length).toBeGreaterThan(15);
    await ledger.close();
  });

  it('opens each group of an entry without the others', async () => {
    const ledger = await open(folder);
    await ledger.append(entryOf('shared', { patients: [p('p1'), p('p2'), p('p3')] }));
    const opened = await ledger.open(0);
    const leaf = opened && decodeLeaf(opened.leaf);
    if (opened === undefined || leaf === undefined) throw new Error('not opened');
    const groups = [...opened.groups, ...opened.subjects.filter((one) => one !== undefined)];
    expect(groups.map(({ name }) => name)).toEqual([
      'actor',
      'resource',
      'purpose',
      'outcome',
      'score',
      'subject',
      'subject',
      'subject',
    ]);
    for (const [i, group] of groups.entries()) {
      const opening = openGroup(nodeHashing, group, i, opened.hashes);
      expect(verifyOpening(nodeHashing, leaf.commitment, opening)).toBe(true);
      expect(verifyOpening(nodeHashing, leaf.commitment, { ...opening, text: `${opening.text} ` })).toBe(false);
      expect(verifyOpening(nodeHashing, leaf.commitment, { ...opening, name: i === 0 ? 'subject' : 'actor' })).toBe(
        false,
      );
    }
    await ledger.close();
  });

  it('keeps nothing readable of a patient whose key was destroyed, and every proof', async () => {
    const payloadKeys = memoryKeys();
    const ledger = await open(folder, { payloadKeys });
    await ledger.append(entryOf('alone'));
    await ledger.append(entryOf('together', { patients: [p('p1'), p('p2')], resources: ['Patient/p1', 'Patient/p2'] }));
    await ledger.integrate();
    payloadKeys.destroy('p1');
    await ledger.forget(p('p1'));
    expect(await ledger.find('alone')).toBeUndefined();
    const together = await ledger.find('together');
    expect(together?.entry.patients).toEqual(['p2']);
    expect(together?.entry.resources).toEqual(['Patient/erased', 'Patient/p2']);
    expect(await ledger.query({ patient: p('p1'), limit: 10 })).toEqual([]);
    expect(parseProof(await ledger.receiptProof(0))).toBeDefined();
    await ledger.close();
    expect(await auditFolder({ folder })).toMatchObject({ ok: true, checkpoint: { size: 2 } });
  });

  it('finds by patient, user, kind, decision and time, newest first, and again from a rebuilt index', async () => {
    const payloadKeys = memoryKeys();
    let ledger = await open(folder, { payloadKeys });
    // Appends of a patient without a key wait for it, and others pass them.
    for (let i = 0; i < 7; i++) await payloadKeys.makeKey(p(`p${i}`));
    await fill(ledger, 50);
    await ledger.append(entryOf('no', { kind: 'denied', decision: 'deny', patients: [p('stranger')] }));
    await ledger.integrate();
    const ask = () =>
      Promise.all([
        ledger.query({ patient: p('p3'), limit: 3 }),
        ledger.query({ decision: 'deny', limit: 3 }),
        ledger.query({ kinds: ['denied'], user: 'dr-lee', limit: 3 }),
        ledger.query({ resource: 'Observation/o1', before: 10, limit: 2 }),
        ledger.query({ from: Date.parse('2026-11-22T10:00:01Z'), limit: 3 }),
      ]);
    const before = await ask();
    expect(before).toEqual([[45, 38, 31], [50], [50], [9, 8], []]);
    expect((await ledger.find('no'))?.entry.patients).toEqual(['stranger']);
    await ledger.close();
    for (const name of ['index.db', 'index.db-wal', 'index.db-shm']) rmSync(join(folder, name), { force: true });
    ledger = await open(folder, { payloadKeys });
    expect(await ask()).toEqual(before);
    await ledger.close();
  });

  it('refuses a second writer while the first lives', async () => {
    const ledger = await open(folder);
    await expect(open(folder)).rejects.toThrow('Another process writes this ledger');
    await ledger.append(entryOf('still mine'));
    await ledger.close();
  });

  it('waits for the lease of an owner whose machine is gone', async () => {
    const payloadKeys = memoryKeys();
    const ledger = await open(folder, { payloadKeys });
    await ledger.append(entryOf('a'));
    await ledger.close();
    const control = new DatabaseSync(join(folder, 'control.db'));
    control.prepare('UPDATE owner SET pid = 7, birth = ?, renewed = ?').run('another machine 12345', Date.now());
    control.close();
    const began = Date.now();
    const again = await open(folder, { payloadKeys, limits: { leaseMs: 600 } });
    expect(Date.now() - began).toBeGreaterThanOrEqual(500);
    expect(again.size()).toBe(1);
    await again.close();
  });

  it('acknowledges nothing once another writer took over, and loses nothing it acknowledged', async () => {
    let late = 0;
    const clock = { now: () => (Date.now() + late) as never };
    const payloadKeys = memoryKeys();
    const paused = await open(folder, { payloadKeys, limits: { leaseMs: 60_000 } });
    await paused.append(entryOf('before'));
    late = 120_000;
    const next = await open(folder, { payloadKeys, clock, limits: { leaseMs: 60_000 } });
    expect((await next.find('before'))?.receipt.index).toBe(0);
    await next.append(entryOf('after'));
    await expect(paused.append(entryOf('too late'))).rejects.toThrow('Another process took this ledger over');
    await expect(paused.append(entryOf('never again'))).rejects.toThrow();
    await expect(paused.integrate()).rejects.toThrow();
    await paused.close();
    await next.append(entryOf('goes on'));
    await next.close();
    expect(await auditFolder({ folder })).toMatchObject({ ok: true, checkpoint: { size: 3 } });
  });

  it('cuts a torn tail and keeps what was whole', async () => {
    const payloadKeys = memoryKeys();
    const ledger = await open(folder, { payloadKeys });
    await fill(ledger, 10);
    await ledger.close();
    const file = segments().find((name) => statSync(name).size > 100) ?? '';
    appendFileSync(file, readFileSync(file).subarray(16, 400));
    const again = await open(folder, { payloadKeys });
    expect(again.size()).toBe(10);
    await again.append(entryOf('eleventh'));
    await again.close();
    expect(await auditFolder({ folder })).toMatchObject({ ok: true, checkpoint: { size: 11 } });
  });

  it('refuses to start on a folder that is older than what it published', async () => {
    const payloadKeys = memoryKeys();
    const ledger = await open(folder, { payloadKeys });
    await fill(ledger, 10);
    await ledger.integrate();
    const backup = temporaryFolder();
    for (const part of ['log', 'segments']) cpSync(join(folder, part), join(backup, part), { recursive: true });
    await fill(ledger, 10, 10);
    await ledger.close();
    for (const part of ['log', 'segments']) {
      rmSync(join(folder, part), { recursive: true });
      cpSync(join(backup, part), join(folder, part), { recursive: true });
    }
    await expect(open(folder, { payloadKeys })).rejects.toThrow('an older copy was put in its place');
    rmSync(backup, { recursive: true });
  });

  it('never signs with a new key when the old one is gone', async () => {
    const ledger = await open(folder);
    await ledger.append(entryOf('a'));
    await ledger.close();
    rmSync(join(folder, 'keys', 'signing.pem'));
    await expect(open(folder)).rejects.toThrow();
  });

  it('keeps its keys to itself', async () => {
    const ledger = await open(folder);
    await ledger.close();
    for (const name of ['signing.pem', 'payload.key'])
      expect(statSync(join(folder, 'keys', name)).mode & 0o777).toBe(0o600);
  });

  it('refuses a damaged segment rather than cutting acknowledged entries', async () => {
    const payloadKeys = memoryKeys();
    const ledger = await open(folder, { payloadKeys, limits: { integrateMs: 60_000 } });
    for (let i = 0; i < 5; i++) await ledger.append(entryOf(`r${i}`));
    const file = segments()[0] ?? '';
    const bytes = readFileSync(file);
    const crashed = temporaryFolder();
    cpSync(folder, crashed, { recursive: true });
    await ledger.close();
    bytes[200] = (bytes[200] ?? 0) ^ 1;
    writeFileSync(join(crashed, 'segments', file.split('/').at(-1) ?? ''), bytes);
    await expect(open(crashed, { payloadKeys, clock: { now: () => (Date.now() + 1e6) as never } })).rejects.toThrow(
      'is damaged',
    );
    rmSync(crashed, { recursive: true });
  });
});
