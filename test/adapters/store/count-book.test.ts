import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openCountBook } from '../../../src/adapters/store/count-book.ts';
import { fileLines } from '../../../src/adapters/store/lines-file.ts';

import type { CountBook } from '../../../src/ports.ts';

const folder = mkdtempSync(join(tmpdir(), 'count-book-'));
const path = join(folder, 'cohorts', 'told.ndjson');
const lines = fileLines(folder);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => rmSync(join(folder, 'cohorts'), { recursive: true, force: true }));

const tell = (book: CountBook, requesters: readonly string[], people: readonly string[]): Promise<boolean> =>
  book.tell(requesters, () => [new Set(people)]);
const toldTo = async (book: CountBook, requester: string): Promise<unknown> => {
  let told: unknown;
  await book.tell([requester], (known) => {
    told = known(requester);
    return undefined;
  });
  return told;
};
const filled = async (): Promise<void> => {
  const book = await openCountBook(lines);
  await Promise.all([tell(book, ['ann', 'study'], ['p1', 'p2']), tell(book, ['bob', 'study'], ['p3'])]);
  await book.close();
};

describe('the book of counts', () => {
  it('knows after a restart what each requester and each study was told', async () => {
    await filled();
    const book = await openCountBook(lines);
    expect(await toldTo(book, 'ann')).toEqual([new Set(['p1', 'p2'])]);
    expect(await toldTo(book, 'study')).toEqual([new Set(['p1', 'p2']), new Set(['p3'])]);
    expect(await toldTo(book, 'eve')).toEqual([]);
    await book.close();
  });

  it('lets one question at a time see what was told, and notes nothing for one that is refused', async () => {
    const book = await openCountBook(lines);
    const seen: number[] = [];
    const once = (told: (requester: string) => readonly unknown[]) => {
      seen.push(told('ann').length);
      return told('ann').length > 0 ? undefined : [new Set(['p1'])];
    };
    expect(await Promise.all([book.tell(['ann'], once), book.tell(['ann'], once)])).toEqual([true, false]);
    expect(seen).toEqual([0, 1]);
    expect(await toldTo(book, 'ann')).toHaveLength(1);
    await book.close();
  });

  it('drops a line that a crash cut short, and goes on behind the whole ones', async () => {
    await filled();
    appendFileSync(path, '[["ann"],[["p9"');
    const book = await openCountBook(lines);
    await tell(book, ['ann'], ['p4']);
    await book.close();
    const again = await openCountBook(lines);
    expect(await toldTo(again, 'ann')).toEqual([new Set(['p1', 'p2']), new Set(['p4'])]);
    expect(readFileSync(path, 'utf8')).not.toContain('p9');
    await again.close();
  });

  it('tells nobody anything when a whole line of it cannot be read', async () => {
    await filled();
    writeFileSync(path, `nonsense\n${readFileSync(path, 'utf8')}`);
    const book = await openCountBook(lines);
    await expect(tell(book, ['ann'], ['p1'])).rejects.toThrow();
    await expect(tell(book, ['eve'], ['p1'])).rejects.toThrow();
    await book.close();
  });

  it('tells nobody what could not be noted', async () => {
    const book = await openCountBook(lines);
    await book.close();
    await expect(tell(book, ['ann'], ['p1'])).rejects.toThrow();
  });
});
