import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AuditDesk, createAuditDesk } from '../../../src/adapters/store/audit-desk.ts';
import type { FilesLedger } from '../../../src/adapters/store/files-ledger.ts';
import { nodeHashing } from '../../../src/adapters/store/node-hash.ts';
import { noteVerifierOf } from '../../../src/adapters/store/note-keys.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import type { Instant } from '../../../src/domain/instant.ts';
import { parseVerifierKey } from '../../../src/domain/ledger/note.ts';
import { verifyProofFile } from '../../../src/domain/ledger/receipt.ts';
import { entryOf, memoryKeys, open, temporaryFolder } from './ledger-fixture.ts';

const folder = temporaryFolder();
const keys = memoryKeys();
const noon = Date.parse('2026-11-20T12:00:00Z');
let ledger: FilesLedger;
let desk: AuditDesk;

const actor = (user: string, client: string) => ({ user, issuer: 'i', client, roles: ['clinician'] });

beforeAll(async () => {
  ledger = await open(folder, { payloadKeys: keys });
  for (let i = 0; i < 60; i++)
    await ledger.append(
      entryOf(`r${i}`, {
        at: (noon + i * 1_800_000) as Instant,
        decision: i % 5 === 0 ? 'deny' : 'permit',
        actor: actor(`u${i % 3}`, `c${i % 2}`),
        patients: [`p${i % 4}` as PatientId],
      }),
    );
  desk = createAuditDesk(ledger, { name: 'gw', address: 'gw' }, undefined);
});
afterAll(async () => {
  await ledger.close();
  rmSync(folder, { recursive: true });
});

const proven = (proof: string) => {
  const key = parseVerifierKey(nodeHashing, ledger.verifierKey);
  if (key === undefined) throw new Error('no key');
  return verifyProofFile(nodeHashing, proof, [noteVerifierOf(key)]);
};

describe('the audit desk', () => {
  it('pages from new to old, without a gap and without the same twice', async () => {
    const seen: number[] = [];
    let before: number | undefined;
    do {
      const page = await desk.page({}, before, 7);
      seen.push(...page.rows.map(({ index }) => index));
      before = page.next;
    } while (before !== undefined);
    expect(seen).toEqual(Array.from({ length: 60 }, (_, i) => 59 - i));
  });

  it.each([
    [{ user: 'u1' }, 20],
    [{ client: 'c1', decision: 'deny' as const }, 6],
    [{ patient: 'p2' as PatientId }, 15],
    [{ purpose: 'HPAYMT' }, 0],
    [{ from: noon, until: noon + 3_600_000 }, 2],
  ])('keeps to the filter %j', async (filter, count) => {
    expect((await desk.page(filter, undefined, 100)).rows).toHaveLength(count);
  });

  it('counts by hour and user at the caller’s own offset', async () => {
    const summary = await desk.summary({}, 0);
    expect([summary.counted, summary.bucketMs]).toEqual([60, 3_600_000]);
    expect(summary.buckets[0]).toEqual({ at: noon, permit: 1, deny: 1 });
    expect(summary.actors.map(({ user, total }) => [user, total])).toEqual([
      ['u0', 20],
      ['u1', 20],
      ['u2', 20],
    ]);
    const shifted = await desk.summary({ user: 'u0' }, 330);
    expect(summary.actors[0]?.hours.reduce((sum, count) => sum + count, 0)).toBe(20);
    expect(shifted.actors[0]?.hours[17]).toBe(summary.actors[0]?.hours[12]);
  });

  it('gives one entry with a proof that opens all of it', async () => {
    const entry = await desk.entry(7);
    if (entry?.state !== 'whole') throw new Error('not whole');
    expect(entry.explanation?.requestId).toBe('r7');
    const verdict = proven(entry.proof);
    if (!verdict.ok) throw new Error(verdict.text);
    expect([verdict.index, verdict.openings.map(({ name }) => name)]).toEqual([
      7,
      ['actor', 'resource', 'purpose', 'outcome', 'score', 'subject'],
    ]);
    expect(await desk.entry(1000)).toBeUndefined();
  });

  it('exports with proofs, and as CSV', async () => {
    const lines: string[] = [];
    for await (const line of desk.export({ user: 'u1' }, 'ndjson')) lines.push(line);
    expect(lines).toHaveLength(20);
    expect(proven((JSON.parse(lines[3] ?? '') as { proof: string }).proof)).toMatchObject({ ok: true });
    const csv: string[] = [];
    for await (const line of desk.export({ user: 'u1' }, 'csv')) csv.push(line);
    expect([csv.length, csv[0]?.startsWith('index,time,')]).toEqual([21, true]);
  });

  it('still proves what was erased, and names the file of what is damaged', async () => {
    keys.destroy('p3');
    const erased = await desk.entry(3);
    if (erased?.state !== 'erased') throw new Error('not erased');
    expect(proven(erased.proof)).toMatchObject({ ok: true, openings: [] });
    expect((await desk.page({}, 4, 1)).rows[0]).toMatchObject({ index: 3, state: 'erased' });

    const leaf = Buffer.from((await ledger.leaf(2)) ?? []);
    const segments = join(folder, 'segments');
    const name = readdirSync(segments).find((each) => readFileSync(join(segments, each)).includes(leaf)) ?? '';
    const bytes = readFileSync(join(segments, name));
    const at = bytes.indexOf(leaf) + leaf.length + 30;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(join(segments, name), bytes);
    expect(await desk.entry(2)).toMatchObject({ state: 'damaged', file: name });
    expect((await desk.page({}, 3, 1)).rows[0]).toMatchObject({ index: 2, state: 'damaged' });
  });
});
