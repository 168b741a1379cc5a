import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { auditFolder, type FolderAudit } from '../../../src/adapters/store/folder-audit.ts';
import type { Remembered } from '../../../src/domain/ledger/verify.ts';
import { faultyFiles } from './faulty-files.ts';
import { entryOf, fill, memoryKeys, open, temporaryFolder } from './ledger-fixture.ts';

const LEAF = 86 + 2;
const whole = temporaryFolder();
const work = join(temporaryFolder(), 'log');
let verifierKey = '';
let anchors: Remembered[] = [];
let backup: string;

const copy = (from: string, to: string): void => {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true });
};

beforeAll(async () => {
  const ledger = await open(whole, { payloadKeys: memoryKeys(), limits: { integrateMs: 600_000 } });
  ledger.onPublish(({ size, root }) => anchors.push({ size, root, by: 'the chain' }));
  await ledger.append(entryOf('policy', { kind: 'policy', patients: [] }));
  await fill(ledger, 299);
  await ledger.integrate();
  backup = join(temporaryFolder(), 'backup');
  copy(whole, backup);
  await fill(ledger, 300, 300);
  verifierKey = ledger.verifierKey;
  await ledger.close();
  anchors = anchors.filter(({ size }) => size > 0);
});
beforeEach(() => copy(whole, work));
afterAll(() => {
  for (const folder of [whole, work, backup]) rmSync(folder, { recursive: true, force: true });
});

const audit = (more: Partial<Parameters<typeof auditFolder>[0]> = {}): Promise<FolderAudit> =>
  auditFolder({ folder: work, verifierKey, ...more });
const withAnchors = { anchors: async () => anchors };
const path = (name: string): string => join(work, name);
const change = (name: string, edit: (bytes: Buffer) => Buffer): void =>
  writeFileSync(path(name), edit(readFileSync(path(name))));
const lastSegment = (): string =>
  `segments/${readdirSync(path('segments')).find((name) => statSync(path(`segments/${name}`)).size > 1000)}`;
/** Where the nth record of a segment starts. */
const recordAt = (bytes: Buffer, n: number): number => {
  let at = 16;
  for (let i = 0; i < n; i++) at += 12 + bytes.readUInt32BE(at);
  return at;
};

describe('a tampered ledger', () => {
  it('is told from one that is not', async () => {
    expect(await audit(withAnchors)).toMatchObject({ ok: true, checkpoint: { size: 600 } });
  });

  it('names the head of a segment, and an only remembered checkpoint that is whole', async () => {
    const flipped = (bytes: Buffer): Buffer => {
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      return bytes;
    };
    change(lastSegment(), flipped);
    expect(await audit()).toMatchObject({ ok: false, finding: { entry: 0, file: lastSegment() } });
    copy(whole, work);
    const [first = ''] = readFileSync(path('checkpoints'), 'utf8').split(/\n\n(?=[^\n—])/);
    writeFileSync(path('checkpoints'), first.endsWith('\n\n') ? first : `${first}\n\n`);
    expect(await audit()).toMatchObject({ ok: true });
    change('checkpoints', (bytes) => flipped(bytes));
    expect(await audit()).toMatchObject({ ok: false, finding: { file: 'checkpoints' } });
  });

  it('is refused, not stumbled over, when its own key is broken and no other is given', async () => {
    for (const edit of [(bytes: Buffer) => bytes.subarray(0, 50), () => Buffer.alloc(0)]) {
      change('keys/signing.pem', edit);
      expect(await auditFolder({ folder: work })).toMatchObject({ ok: false, finding: { file: 'checkpoint' } });
    }
    expect(await audit()).toMatchObject({ ok: true });
  });

  it('tells of files that are no part of the log, and rests on none of them', async () => {
    expect(await audit()).toMatchObject({ ok: true, strays: [] });
    const strays = [
      'log/tile/0/009.p/7',
      'log/tile/1/000.p/9',
      'log/tile/entries/009',
      'log/tile/9/note',
      'log/readme',
      'segments/x',
      'y',
    ];
    for (const name of strays) {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), 'anything');
    }
    const found = await audit();
    expect(found).toMatchObject({ ok: true });
    expect([...((found.ok && found.strays) || [])].sort()).toEqual(strays.sort());
  });

  it('names a tile of an earlier checkpoint that is not the beginning of the later one', async () => {
    const tile = readFileSync(path('log/tile/0/002.p/88'));
    const bundle = readFileSync(path('log/tile/entries/002.p/88'));
    writeFileSync(path('log/tile/0/002.p/7'), tile.subarray(0, 7 * 32));
    writeFileSync(path('log/tile/entries/002.p/7'), bundle.subarray(0, 7 * LEAF));
    expect(await audit()).toMatchObject({ ok: true, strays: [] });
    for (const name of ['0', 'entries']) {
      const file = `log/tile/${name}/002.p/7`;
      change(file, (bytes) => bytes.fill(1, 40, 41));
      expect(await audit()).toMatchObject({ ok: false, finding: { file: file.slice('log/'.length) } });
      change(file, () => Buffer.from((name === '0' ? tile : bundle).subarray(0, 7 * (name === '0' ? 32 : LEAF))));
    }
  });

  it('names a control.db that knows of more than was signed, of another root, or nothing at all', async () => {
    const database = (sql: string): void => {
      const control = new DatabaseSync(path('control.db'));
      control.exec(sql);
      control.close();
    };
    for (const sql of ['UPDATE published SET size = 601', "UPDATE published SET root = x'00'"]) {
      copy(whole, work);
      database(sql);
      expect(await audit()).toMatchObject({ ok: false, finding: { file: 'control.db' } });
    }
    copy(whole, work);
    database('UPDATE published SET size = 599');
    expect(await audit()).toMatchObject({ ok: true });
    writeFileSync(path('control.db'), Buffer.alloc(8192, 7));
    expect(await audit()).toMatchObject({ ok: false, finding: { file: 'control.db' } });
    rmSync(path('control.db'));
    expect(await audit()).toMatchObject({ ok: true });
  });

  it('names a payload.key that does not open what the log says of itself, and needs none', async () => {
    change('keys/payload.key', (bytes) => Buffer.from(bytes.map((byte) => byte ^ 1)));
    expect(await audit()).toMatchObject({ ok: false, finding: { file: 'keys/payload.key', entry: 0 } });
    rmSync(path('keys/payload.key'));
    expect(await audit()).toMatchObject({ ok: true });
  });

  it('is verified where nothing can be written', async () => {
    expect(await audit({ files: faultyFiles(1, 'kill') })).toMatchObject({ ok: true, checkpoint: { size: 600 } });
  });

  it('names an edited leaf', async () => {
    change('log/tile/entries/000', (bytes) => {
      bytes[LEAF * 123 + 2 + 2] = 0;
      return bytes;
    });
    expect(await audit()).toMatchObject({ ok: false, finding: { file: 'tile/entries/000', entry: 123 } });
  });

  it('names the first of two leaves that changed places', async () => {
    change('log/tile/entries/001', (bytes) => {
      const [a, b] = [bytes.subarray(LEAF * 40, LEAF * 41), bytes.subarray(LEAF * 41, LEAF * 42)];
      return Buffer.concat([bytes.subarray(0, LEAF * 40), b, a, bytes.subarray(LEAF * 42)]);
    });
    expect(await audit()).toMatchObject({ ok: false, finding: { file: 'tile/entries/001', entry: 256 + 40 } });
  });

  it('finds a deleted leaf', async () => {
    change('log/tile/entries/001', (bytes) => Buffer.concat([bytes.subarray(0, LEAF * 40), bytes.subarray(LEAF * 41)]));
    expect(await audit()).toMatchObject({ ok: false, finding: { file: 'tile/entries/001' } });
  });

  it('names an edited payload, and a leaf and hash edited together', async () => {
    const segment = lastSegment();
    change(segment, (bytes) => {
      const at = recordAt(bytes, 17) + 12 + 86 + 40;
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      return bytes;
    });
    expect(await audit()).toMatchObject({ ok: false, finding: { file: segment, entry: 17 } });
    copy(whole, work);
    change('log/tile/0/000', (bytes) => bytes.fill(1, 32 * 9, 32 * 10));
    expect(await audit()).toMatchObject({ ok: false, finding: { entry: 9 } });
  });

  it('finds missing and cut files', async () => {
    for (const name of [
      'log/tile/0/000',
      'log/tile/entries/001',
      'log/tile/1/000.p/2',
      lastSegment(),
      'log/checkpoint',
    ]) {
      copy(whole, work);
      truncateSync(path(name), Math.floor(statSync(path(name)).size / 2));
      expect([name, (await audit()).ok]).toEqual([name, false]);
      rmSync(path(name));
      expect([name, (await audit()).ok]).toEqual([name, false]);
    }
  });

  it('finds a checkpoint of another size or root', async () => {
    for (const [from, to] of [
      ['\n600\n', '\n599\n'],
      ['\n600\n', '\n601\n'],
    ] as const) {
      copy(whole, work);
      change('log/checkpoint', (bytes) => Buffer.from(bytes.toString('utf8').replace(from, to)));
      expect(await audit()).toMatchObject({ ok: false, finding: { file: 'checkpoint' } });
    }
  });

  it('finds an older copy of the whole folder by what the chain remembers', async () => {
    copy(backup, work);
    expect(await audit()).toMatchObject({ ok: true });
    expect(await audit(withAnchors)).toMatchObject({
      ok: false,
      finding: { file: 'checkpoint', text: expect.stringContaining('it was cut') },
    });
  });

  it('finds a whole log written again with its own key, by what the chain remembers', async () => {
    rmSync(work, { recursive: true });
    const forged = await open(work, {
      payloadKeys: memoryKeys(),
      signingKey: readFileSync(join(whole, 'keys', 'signing.pem'), 'utf8'),
    });
    await forged.append(entryOf('a history that never was'));
    await fill(forged, 599);
    await forged.close();
    expect(await audit()).toMatchObject({ ok: true });
    expect(await audit(withAnchors)).toMatchObject({
      ok: false,
      finding: { text: expect.stringContaining('the chain remembers'), entry: 299 },
    });
  });

  it('does not start on tiles that were changed', async () => {
    change('log/tile/0/002.p/88', (bytes) => bytes.fill(9, 0, 32));
    await expect(open(work, { payloadKeys: memoryKeys() })).rejects.toThrow('root');
  });
});
