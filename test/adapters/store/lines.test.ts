import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { nodeFileSystem } from '../../../src/adapters/store/file-system.ts';
import { fileLines } from '../../../src/adapters/store/lines-file.ts';
import { type SharedLines, sharedLines } from '../../../src/adapters/store/lines-postgres.ts';
import { sealedLines } from '../../../src/adapters/store/lines-sealed.ts';
import type { EpochSeconds, GrantId } from '../../../src/domain/consent/grant.ts';
import { openFirstVouches } from '../../../src/http/consent-vouch.ts';
import type { KeptLines, OpenLines } from '../../../src/ports.ts';
import { startPostgres, type TestPostgres } from './postgres-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'lines-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };

const opened: KeptLines[] = [];
afterAll(() => Promise.all(opened.map((lines) => lines.close().catch(() => undefined))));
const reading = async (open: OpenLines, name: string): Promise<KeptLines & { readonly known: string[] }> => {
  const known: string[] = [];
  const lines = await open(name, (line) => known.push(line));
  opened.push(lines);
  return { ...lines, known };
};

describe('lines in a file', () => {
  it('are known in their order, after a restart too, less one that a crash cut short', async () => {
    const one = await reading(fileLines(folder), 'a/cut.ndjson');
    await Promise.all([one.write(() => 'first'), one.write(() => undefined), one.write(() => 'Zürich')]);
    expect(one.known).toEqual(['first', 'Zürich']);
    await one.close();
    appendFileSync(join(folder, 'a/cut.ndjson'), 'torn');
    const again = await reading(fileLines(folder), 'a/cut.ndjson');
    expect(again.known).toEqual(['first', 'Zürich']);
    await again.write(() => 'third');
    expect(readFileSync(join(folder, 'a/cut.ndjson'), 'utf8')).toBe('first\nZürich\nthird\n');
    await again.close();
  });

  it('are not known when the disk did not take them, and the next takes their place', async () => {
    let full = true;
    const open = fileLines(folder, {
      ...nodeFileSystem,
      openFile: async (path) => {
        const file = await nodeFileSystem.openFile(path);
        return { ...file, sync: () => (full ? Promise.reject(new Error('no space')) : file.sync()) };
      },
    });
    const lines = await reading(open, 'full');
    await expect(lines.write(() => 'a long line that is lost')).rejects.toThrow('no space');
    expect(lines.known).toEqual([]);
    full = false;
    await lines.write(() => 'kept and longer than the one before');
    await lines.close();
    expect((await reading(fileLines(folder), 'full')).known).toEqual(['kept and longer than the one before']);
  });

  it('that are sealed tell nothing without the key, and with another key are passed over', async () => {
    let unreadable = 0;
    const sealed = (key: number) =>
      sealedLines(fileLines(folder), new Uint8Array(32).fill(key), random, () => unreadable++);
    const one = await reading(sealed(1), 'sealed');
    await one.write(() => 'canary');
    await one.close();
    expect(readFileSync(join(folder, 'sealed'), 'utf8')).not.toContain('canary');
    expect((await reading(sealed(1), 'sealed')).known).toEqual(['canary']);
    expect(unreadable).toBe(0);
    expect((await reading(sealed(2), 'sealed')).known).toEqual([]);
    expect(unreadable).toBe(1);
  });
});

describe('lines that gateways share in PostgreSQL', () => {
  let server: TestPostgres;
  let a: SharedLines;
  let b: SharedLines;
  const failed: unknown[] = [];
  const share = (origin = 'house') =>
    sharedLines({ url: server.url, origin, failed: (error) => failed.push(error), followMs: 3_600_000 });
  beforeAll(async () => {
    server = await startPostgres();
    [a, b] = await Promise.all([share(), share()]);
  }, 60_000);
  afterAll(async () => {
    await Promise.all([a.close(), b.close()]);
    await server.remove();
  });

  it('come to every gateway in one order, each once, whoever wrote them', async () => {
    const [one, other] = await Promise.all([reading(a.open, 'order'), reading(b.open, 'order')]);
    await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? one : other).write(() => `line ${i}`)));
    await Promise.all([a.follow(), b.follow()]);
    expect(one.known).toHaveLength(20);
    expect(other.known).toEqual(one.known);
    const [late, elsewhere] = await Promise.all([share(), share('another house')]);
    expect((await reading(late.open, 'order')).known).toEqual(one.known);
    expect((await reading(elsewhere.open, 'order')).known).toEqual([]);
    await Promise.all([late.close(), elsewhere.close()]);
  });

  it('are written with what all others wrote before in sight', async () => {
    const [one, other] = await Promise.all([reading(a.open, 'turns'), reading(b.open, 'turns')]);
    const once = (who: { known: string[] }) => () => (who.known.length === 0 ? 'mine' : undefined);
    await Promise.all([one.write(once(one)), other.write(once(other)), one.write(once(one))]);
    await Promise.all([a.follow(), b.follow()]);
    expect([one.known, other.known]).toEqual([['mine'], ['mine']]);
  });

  it('bring together two people who vouch at two gateways', async () => {
    const [one, other] = await Promise.all([openFirstVouches(a.open), openFirstVouches(b.open)]);
    const [grant, now] = ['0x1' as GrantId, 1_800_000_000 as EpochSeconds];
    expect(await one.vouch(grant, 'ann', now)).toBeUndefined();
    expect(await other.vouch(grant, 'ann', now)).toBeUndefined();
    expect(await other.vouch(grant, 'bob', now)).toBe('ann');
    expect(await one.vouch(grant, 'eve', now)).toBeUndefined();
    expect(await other.vouch(grant, 'bob', (now + 900) as EpochSeconds)).toBeUndefined();
  });

  it('are refused while the database is away, and known once when it is back', async () => {
    const [one, other] = await Promise.all([reading(a.open, 'away'), reading(b.open, 'away')]);
    await server.stop();
    await expect(one.write(() => 'lost')).rejects.toThrow();
    await expect(b.follow()).rejects.toThrow();
    expect(one.known).toEqual([]);
    await server.start();
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await client.end();
    await one.write(() => 'kept');
    await b.follow();
    expect([one.known, other.known]).toEqual([['kept'], ['kept']]);
  }, 60_000);
});
