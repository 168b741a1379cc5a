import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createLedgerTools } from '../../src/adapters/store/ledger-tools.ts';
import { ledgerCommand } from '../../src/cli/ledger.ts';
import type { PatientId } from '../../src/domain/fhir/interaction.ts';
import type { Remembered } from '../../src/domain/ledger/verify.ts';
import { entryOf, fill, memoryKeys, open, temporaryFolder } from '../adapters/store/ledger-fixture.ts';

const folder = temporaryFolder();
const payloadKeys = memoryKeys();
let verifierKey = '';
let anchored: readonly Remembered[] = [];

beforeAll(async () => {
  mkdirSync(join(folder, 'ledger'));
  const ledger = await open(join(folder, 'ledger'), { payloadKeys });
  await fill(ledger, 600);
  await ledger.append(entryOf('last', { patients: ['pa', 'pb'] as unknown as PatientId[], reason: '=SUM(A1)' }));
  verifierKey = ledger.verifierKey;
  await ledger.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = async (...words: readonly string[]): Promise<{ code: number; out: string; err: string }> => {
  let out = '';
  let err = '';
  const log = jest.spyOn(console, 'log').mockImplementation((line) => {
    out += `${line}\n`;
  });
  const error = jest.spyOn(console, 'error').mockImplementation((line) => {
    err += `${line}\n`;
  });
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const tools = createLedgerTools({ anchors: async () => anchored, payloadKeys: async () => payloadKeys });
  try {
    process.exitCode = 0;
    await ledgerCommand(tools, () => ({ url: '', token: '' })).parseAsync([...words], { from: 'user' });
    return { code: Number(process.exitCode), out, err };
  } finally {
    process.exitCode = 0;
    for (const spy of [log, error, write]) spy.mockRestore();
  }
};

const filesUnder = (path: string): string[] =>
  readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((name) => statSync(name).isFile());

describe('consentry ledger', () => {
  it('verifies a whole folder against a trusted key', async () => {
    const { code, out } = await run('verify', '--data', folder, '--key', verifierKey, '--json');
    expect([code, JSON.parse(out)]).toMatchObject([0, { ok: true, entries: 601, signedBy: ['ledger.example/test'] }]);
  });

  it('opens what it has keys for, and recomputes the commitments', async () => {
    expect((await run('verify', '--data', folder, '--openings')).code).toBe(0);
  });

  it('does not take the log for its own when another key is trusted', async () => {
    const other = await open(temporaryFolder());
    await other.close();
    const { code, err } = await run('verify', '--data', folder, '--key', other.verifierKey);
    expect([code, err]).toEqual([1, expect.stringContaining('not signed by a key that is trusted here')]);
  });

  it('holds the log against the anchors on the chain', async () => {
    const { root } = JSON.parse((await run('verify', '--data', folder, '--json')).out) as { root: string };
    const words = ['verify', '--data', folder, '--rpc', 'http://127.0.0.1:1', '--contract', '0x1'];
    anchored = [{ size: 601, root: Buffer.from(root, 'base64'), by: 'the chain' }];
    expect((await run(...words)).code).toBe(0);
    anchored = [{ size: 601, root: new Uint8Array(32), by: 'the chain' }];
    expect(await run(...words)).toMatchObject({ code: 1, err: expect.stringContaining('the chain remembers') });
    anchored = [{ size: 700, root: new Uint8Array(32), by: 'the chain' }];
    expect(await run(...words)).toMatchObject({ code: 1, err: expect.stringContaining('it was cut') });
    anchored = [];
  });

  it('refuses a flipped bit in every file that verification reads, and names file and entry', async () => {
    const checked = [...filesUnder(join(folder, 'ledger', 'log')), ...filesUnder(join(folder, 'ledger', 'segments'))];
    expect(checked.length).toBeGreaterThan(6);
    for (const file of checked) {
      const before = readFileSync(file);
      if (before.length <= 16) continue;
      for (const at of [20, Math.floor(before.length / 2), before.length - 2]) {
        const changed = Buffer.from(before);
        changed[at] = (changed[at] ?? 0) ^ 4;
        writeFileSync(file, changed);
        const { code, out } = await run('verify', '--data', folder, '--json');
        expect([file, at, code]).toEqual([file, at, 1]);
        expect(JSON.parse(out)).toMatchObject({
          ok: false,
          finding: { file: expect.any(String), text: expect.any(String) },
        });
      }
      writeFileSync(file, before);
    }
    expect((await run('verify', '--data', folder)).code).toBe(0);
  });

  it('hands out a proof that shows one patient and holds without the folder', async () => {
    const file = join(folder, 'one.tlog-proof');
    const words = ['prove', '600', '--data', folder, '--show', 'actor,subject', '--patient', 'pb', '--out', file];
    expect((await run(...words)).code).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { code, out } = await run('verify', '--proof', file, '--key', verifierKey, '--json');
    const shown = (JSON.parse(out) as { shown: { group: string; value: object }[] }).shown;
    expect(code).toBe(0);
    expect(shown.map(({ group }) => group)).toEqual(['actor', 'subject']);
    expect(shown[1]?.value).toEqual({ patient: 'pb' });
    const extra = /^extra (.*)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? '';
    const forged = Buffer.from(extra, 'base64').toString('utf8').replace('dr-lee', 'dr-poe');
    writeFileSync(file, readFileSync(file, 'utf8').replace(extra, Buffer.from(forged).toString('base64')));
    expect(await run('verify', '--proof', file, '--key', verifierKey)).toMatchObject({
      code: 1,
      err: 'What the proof shows as "actor" is not what the entry committed to. (text, salt or path)\n',
    });
  });

  it('names the part of a proof that was altered', async () => {
    const file = join(folder, 'parts.tlog-proof');
    await run('prove', '5', '--data', folder, '--show', 'actor', '--out', file);
    const whole = readFileSync(file, 'utf8');
    const extra = /^extra (.*)$/m.exec(whole)?.[1] ?? '';
    const told = JSON.parse(Buffer.from(extra, 'base64').toString('utf8'));
    const withExtra = (more: object): string =>
      whole.replace(extra, Buffer.from(JSON.stringify({ ...told, ...more })).toString('base64'));
    const opened = (more: object): string => withExtra({ openings: [{ ...told.openings[0], ...more }] });
    const flipped = (base64: string, at: number): string => {
      const bytes = Buffer.from(base64, 'base64');
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      return bytes.toString('base64');
    };
    const hash = /^index 5\n(.*)$/m.exec(whole)?.[1] ?? '';
    const cases: readonly (readonly [string, string])[] = [
      [whole.replace('tlog-proof@v1', 'tlog-proof@v2'), 'first line'],
      [whole.replace(/^extra .*\n/m, ''), 'extra: missing'],
      [whole.replace(extra, `${extra}!`), 'extra: not base64'],
      [whole.replace(extra, Buffer.from('{').toString('base64')), 'extra: not JSON'],
      [withExtra({ leaf: 7 }), 'extra, leaf: not base64'],
      [withExtra({ openings: [{}] }), 'extra, openings'],
      [whole.replace('index 5', 'index five'), 'index: not a number'],
      [whole.replace('index 5', 'index 5000000'), 'index: there is no entry 5000000'],
      [whole.replace(hash, hash.slice(4)), 'path, hash 1: not 32 bytes'],
      [whole.replace(`${hash}\n`, ''), 'path: '],
      [whole.replace(hash, flipped(hash, 3)), 'index, path, or the leaf'],
      [whole.replace('index 5', 'index 4'), 'index, path, or the leaf'],
      [withExtra({ leaf: flipped(told.leaf, 30) }), 'extra, leaf)'],
      [withExtra({ leaf: flipped(told.leaf, 0) }), 'extra, leaf: not one of an access ledger'],
      [opened({ text: '{}' }), 'text, salt or path'],
      [opened({ index: 1 }), 'index or group'],
      [opened({ count: 900 }), 'count, index or path'],
      [whole.slice(0, whole.indexOf('\n\n')), 'checkpoint: there is none'],
      [whole.replace('\n\n—', '\n\n-'), 'checkpoint: not a signed note'],
      [whole.replace(/\n([0-9]+)\n/, '\n9$1\n'), 'checkpoint: its origin, size, root or signature'],
      [whole.replace(/^— \S+/m, '— other.example/log'), 'by other.example/log, and no key of them is trusted'],
    ];
    for (const [text, part] of cases) {
      writeFileSync(file, text);
      const { code, err } = await run('verify', '--proof', file, '--key', verifierKey);
      expect([part, code, err.includes(part)]).toEqual([part, 1, true]);
    }
  });

  it('checks the proofs in a copy of a record, and tells which items they name', async () => {
    const proof = join(folder, 'copy.tlog-proof');
    const file = join(folder, 'copy.json');
    await run('prove', '600', '--data', folder, '--show', 'resource', '--out', proof);
    const verified = await run('verify', '--proof', proof, '--key', verifierKey, '--json');
    const [{ value }] = (JSON.parse(verified.out) as { shown: [{ value: { resources: string[] } }] }).shown;
    const [resourceType, id] = (value.resources[0] ?? '').split('/');
    const copy = (text: string) => ({
      resourceType: 'Bundle',
      meta: { extension: [{ url: 'urn:consentry:tlog-proof', valueString: text }] },
      entry: [{ resource: { resourceType, id } }, { resource: { resourceType: 'Observation', id: 'slipped-in' } }],
    });
    const text = readFileSync(proof, 'utf8');
    writeFileSync(file, JSON.stringify(copy(text)));
    const { code, out } = await run('verify', '--proof', file, '--key', verifierKey);
    expect(code).toBe(0);
    expect(out).toContain('1 of 2 items of the copy were handed out by these.');
    expect(out).toContain('Not named: Observation/slipped-in');
    for (const wrong of [{ ...copy(text), meta: {} }, copy('nonsense'), copy(text.replace('index 600', 'index 599'))]) {
      writeFileSync(file, JSON.stringify(wrong));
      expect((await run('verify', '--proof', file, '--key', verifierKey)).code).toBe(1);
    }
  });

  it('asks for witnesses when the trust file does', async () => {
    const policy = join(folder, 'trust');
    const file = join(folder, 'two.tlog-proof');
    await run('prove', '3', '--data', folder, '--out', file);
    writeFileSync(policy, `log ${verifierKey}\nquorum none\n`);
    expect((await run('verify', '--proof', file, '--policy', policy)).code).toBe(0);
    writeFileSync(policy, `log ${verifierKey}\nquorum w\n`);
    expect(await run('verify', '--proof', file, '--policy', policy)).toMatchObject({
      code: 2,
      err: expect.stringContaining('line 2'),
    });
  });

  it('exports cells that no spreadsheet runs', async () => {
    const { code, out } = await run('export', '--data', folder, '--format', 'csv', '--from', '600');
    expect(code).toBe(0);
    expect(out.split('\n')[1]).toContain(",'=SUM(A1),");
  });

  it('opens an entry, and says when it cannot', async () => {
    const { code, out } = await run('open', '600', '--data', folder, '--json');
    expect([code, JSON.parse(out)]).toMatchObject([
      0,
      { entry: { requestId: 'last' }, auditEvent: { resourceType: 'AuditEvent' } },
    ]);
    expect((await run('open', '601', '--data', folder)).code).toBe(1);
    expect((await run('open', '0', '--data', join(folder, 'nowhere'))).code).toBe(2);
  });

  it('mends tiles from the segments, and only then', async () => {
    const tile = join(folder, 'ledger', 'log', 'tile', '0', '000');
    writeFileSync(tile, readFileSync(tile).fill(7, 64, 96));
    const looked = await run('fsck', '--data', folder, '--json');
    expect([looked.code, JSON.parse(looked.out)]).toMatchObject([1, { ok: false, published: 601 }]);
    expect((await run('fsck', '--data', folder, '--repair')).code).toBe(0);
    expect((await run('verify', '--data', folder)).code).toBe(0);
  });

  it('lists leads from records, as lines or as DetectedIssue', async () => {
    const records = join(folder, 'records.ndjson');
    const claim = (id: string) =>
      JSON.stringify({ resourceType: 'Claim', id, patient: { reference: 'Patient/p1' }, created: '2026-01-01' });
    writeFileSync(records, `${claim('a')}\n${claim('b')}\n`);
    expect((await run('leads', '--records', records)).out).toContain('duplicate-claim: Patient/p1');
    const { out } = await run('leads', '--records', records, '--fhir');
    expect(JSON.parse(out.split('\n')[0] ?? '')).toMatchObject({
      resourceType: 'DetectedIssue',
      status: 'preliminary',
    });
    writeFileSync(records, 'not json\n');
    expect(await run('leads', '--records', records)).toMatchObject({
      code: 2,
      err: 'Line 1 of the records is not JSON.\n',
    });
  });

  it('tells size, root and writer', async () => {
    const { out } = await run('status', '--data', folder, '--json');
    expect(JSON.parse(out)).toMatchObject({ published: 601, durable: 601, writer: 'stopped', verifierKey });
  });
});
