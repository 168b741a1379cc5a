import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { openFileJournal } from '../../../src/adapters/risk/file-journal.ts';
import { openPostgresJournal } from '../../../src/adapters/store/postgres-journal.ts';
import { systemRandom } from '../../../src/app/system-ports.ts';
import type { Learnt, RiskJournal } from '../../../src/domain/risk/journal.ts';
import { startPostgres, type TestPostgres } from '../store/postgres-server.ts';

const key = new Uint8Array(32).fill(7);
const call = (patient: string, at = 1): Learnt => ({ at, event: { user: 'u', patient, patients: [patient] } });

interface Kept {
  readonly journal: RiskJournal;
  readonly learnt: Learnt[];
  readonly troubles: unknown[];
}

describe('the journal of one gateway', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'journal-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const opened = async (own: Uint8Array = key): Promise<Kept> => {
    const learnt: Learnt[] = [];
    const troubles: unknown[] = [];
    const journal = await openFileJournal({
      folder,
      key: own,
      random: systemRandom,
      learn: (item) => learnt.push(item),
      trouble: (error) => troubles.push(error),
    });
    return { journal, learnt, troubles };
  };

  it('teaches after a crash what it was told, in order, and nothing that a snapshot holds', async () => {
    const first = await opened();
    await first.journal.replay(undefined);
    first.journal.add(call('a'));
    const mark = first.journal.mark();
    first.journal.add(call('b'));
    first.journal.add(call('c'));
    await first.journal.sync();
    // Not closed: the process is gone.
    const anew = await opened();
    expect(await anew.journal.replay(undefined)).toBe(3);
    expect(anew.learnt).toEqual([call('a'), call('b'), call('c')]);
    const upon = await opened();
    expect(await upon.journal.replay(mark)).toBe(2);
    await upon.journal.settle(mark);
    const settled = await opened();
    expect(await settled.journal.replay(undefined)).toBe(2);
  });

  it('tells nothing on the disk, passes over a torn line, and over all of another key', async () => {
    const first = await opened();
    first.journal.add(call('secret-patient'));
    await first.journal.close();
    const [name = ''] = readdirSync(folder);
    expect(readFileSync(join(folder, name), 'latin1')).not.toContain('secret-patient');
    appendFileSync(join(folder, name), 'AAAA');
    const again = await opened();
    expect(await again.journal.replay(undefined)).toBe(1);
    const other = await opened(new Uint8Array(32).fill(8));
    expect(await other.journal.replay(undefined)).toBe(0);
  });

  it('tells of a disk that takes nothing, and holds up nobody', async () => {
    const first = await opened();
    rmSync(folder, { recursive: true, force: true });
    first.journal.add(call('a'));
    await expect(first.journal.sync()).rejects.toThrow('ENOENT');
    expect(first.troubles.length).toBeGreaterThan(0);
  });
});

describe('the journal of several gateways', () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.remove());
  let houses = 0;
  const opened = async (origin: string): Promise<Kept> => {
    const learnt: Learnt[] = [];
    const troubles: unknown[] = [];
    const journal = await openPostgresJournal({
      url: server.url,
      origin,
      key,
      random: systemRandom,
      learn: (item) => learnt.push(item),
      trouble: (error) => troubles.push(error),
      followMs: 3_600_000,
    });
    return { journal, learnt, troubles };
  };
  const house = (): string => `house ${houses++}`;

  it('teaches each what the others saw, once, and nothing of another house', async () => {
    const origin = house();
    const [one, other, stranger] = [await opened(origin), await opened(origin), await opened(house())];
    for (const { journal } of [one, other, stranger]) await journal.replay(undefined);
    one.journal.add(call('a'));
    one.journal.add(call('b'));
    other.journal.add(call('c'));
    for (const { journal } of [one, other, one, other, stranger]) await journal.sync();
    expect(one.learnt).toEqual([call('c')]);
    expect(other.learnt).toEqual([call('a'), call('b')]);
    expect(stranger.learnt).toEqual([]);
    for (const { journal } of [one, other, stranger]) await journal.close();
  });

  it('teaches a gateway that crashed all beyond its snapshot, its own and the others’', async () => {
    const origin = house();
    const [one, other] = [await opened(origin), await opened(origin)];
    for (const { journal } of [one, other]) await journal.replay(undefined);
    one.journal.add(call('before'));
    const mark = one.journal.mark();
    one.journal.add(call('own'));
    await one.journal.sync();
    other.journal.add(call('theirs'));
    await other.journal.sync();
    const again = await opened(origin);
    expect(await again.journal.replay(mark)).toBe(2);
    expect(again.learnt).toEqual([call('own'), call('theirs')]);
    again.journal.add(call('next'));
    await again.journal.sync();
    await other.journal.sync();
    expect(other.learnt).toEqual([call('before'), call('own'), call('next')]);
    for (const { journal } of [one, other, again]) await journal.close();
  });

  it('forgets an erased patient in the database and with the others', async () => {
    const origin = house();
    const [one, other] = [await opened(origin), await opened(origin)];
    for (const { journal } of [one, other]) await journal.replay(undefined);
    one.journal.add(call('erased'));
    one.journal.add(call('stays'));
    await one.journal.sync();
    await one.journal.forget('erased');
    await other.journal.sync();
    expect(other.learnt).toEqual([call('stays'), { forgotten: 'erased' }]);
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    const { rows } = await client.query('SELECT * FROM risk_learnt WHERE origin = $1', [origin]);
    await client.end();
    expect(rows).toHaveLength(2);
    expect(JSON.stringify(rows)).not.toMatch(/erased|stays/);
    for (const { journal } of [one, other]) await journal.close();
  });

  it('keeps what it was told while the database is away', async () => {
    const origin = house();
    const [one, other] = [await opened(origin), await opened(origin)];
    for (const { journal } of [one, other]) await journal.replay(undefined);
    await server.stop();
    one.journal.add(call('a'));
    await expect(one.journal.sync()).rejects.toThrow();
    expect(one.troubles).toHaveLength(1);
    await server.start();
    await one.journal.sync();
    await other.journal.sync();
    expect(other.learnt).toEqual([call('a')]);
    for (const { journal } of [one, other]) await journal.close();
  }, 30_000);
});
