import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type CaseFile, openCaseFile } from '../../../src/adapters/risk/case-file.ts';
import { systemRandom } from '../../../src/app/system-ports.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cases-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const opened = (byte = 1): Promise<CaseFile<{ readonly n: number }>> =>
  openCaseFile({ folder, name: 'cases.sealed', key: key(byte), random: systemRandom });
const path = (): string => join(folder, 'cases.sealed');

describe('the file of cases', () => {
  it('brings back the newest of each name, and tells nothing without the key', async () => {
    const file = await opened();
    await file.write([
      ['secret-name', { n: 1 }],
      ['b', { n: 2 }],
    ]);
    await file.write([['secret-name', { n: 3 }]]);
    await file.write([['b', undefined]]);
    await file.close();
    expect(readFileSync(path(), 'latin1')).not.toContain('secret-name');
    const again = await opened();
    expect([...again.entries]).toEqual([['secret-name', { n: 3 }]]);
    await again.close();
  });

  it('passes over a torn last line', async () => {
    const file = await opened();
    await file.write([['a', { n: 1 }]]);
    await file.close();
    appendFileSync(path(), 'AAAA');
    const again = await opened();
    expect([...again.entries.keys()]).toEqual(['a']);
    expect(again.unreadable).toBe(0);
    await again.close();
  });

  it('keeps what another key or hand wrote aside, and opens', async () => {
    const file = await opened();
    await file.write([['a', { n: 1 }]]);
    await file.close();
    const other = await opened(2);
    expect([other.entries.size, other.unreadable]).toEqual([0, 1]);
    await other.close();
    expect(existsSync(`${path()}.unreadable`)).toBe(true);
  });

  it('is written anew without what was forgotten', async () => {
    const file = await opened();
    for (let n = 0; n < 50; n++) await file.write([['a', { n }]]);
    const long = statSync(path()).size;
    await file.rewrite();
    expect(statSync(path()).size).toBeLessThan(long / 20);
    await file.write([['b', { n: 7 }]]);
    await file.close();
    const again = await opened();
    expect([...again.entries]).toEqual([
      ['a', { n: 49 }],
      ['b', { n: 7 }],
    ]);
    await again.close();
  });
});
