import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openCountBook } from '../../../src/adapters/store/count-book.ts';

const folder = mkdtempSync(join(tmpdir(), 'count-book-'));
const path = join(folder, 'cohorts', 'told.ndjson');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => rmSync(join(folder, 'cohorts'), { recursive: true, force: true }));

const filled = async (): Promise<void> => {
  const book = await openCountBook(path);
  await Promise.all([
    book.add(['ann', 'study'], [new Set(['p1', 'p2'])]),
    book.add(['bob', 'study'], [new Set(['p3'])]),
  ]);
  await book.close();
};

describe('the book of counts', () => {
  it('knows after a restart what each requester and each study was told', async () => {
    await filled();
    const book = await openCountBook(path);
    expect(book.told('ann')).toEqual([new Set(['p1', 'p2'])]);
    expect(book.told('study')).toEqual([new Set(['p1', 'p2']), new Set(['p3'])]);
    expect(book.told('eve')).toEqual([]);
    await book.close();
  });

  it('drops a line that a crash cut short, and goes on behind the whole ones', async () => {
    await filled();
    appendFileSync(path, '[["ann"],[["p9"');
    const book = await openCountBook(path);
    await book.add(['ann'], [new Set(['p4'])]);
    await book.close();
    const again = await openCountBook(path);
    expect(again.told('ann')).toEqual([new Set(['p1', 'p2']), new Set(['p4'])]);
    expect(readFileSync(path, 'utf8')).not.toContain('p9');
    await again.close();
  });

  it('tells nobody anything when a whole line of it cannot be read', async () => {
    await filled();
    writeFileSync(path, `nonsense\n${readFileSync(path, 'utf8')}`);
    const book = await openCountBook(path);
    expect(() => book.told('ann')).toThrow();
    expect(() => book.told('eve')).toThrow();
    await book.close();
  });

  it('tells nobody anything once a line could not be written', async () => {
    const book = await openCountBook(path);
    await book.close();
    await expect(book.add(['ann'], [new Set(['p1'])])).rejects.toThrow();
    expect(() => book.told('ann')).toThrow();
  });
});
