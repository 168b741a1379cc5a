import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { watchPolicyFolder } from '../../../src/adapters/policies/watch.ts';

describe('the watch on the policy folder', () => {
  it('tells of a change below it, and of a folder that is gone without falling over', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'consentry-watch-'));
    mkdirSync(join(folder, 'tests'));
    let tell = (): void => {};
    const next = (): Promise<void> => new Promise((resolve) => (tell = resolve));
    const broken: unknown[] = [];
    const fall = (error: unknown): void => {
      broken.push(error);
    };
    process.on('uncaughtException', fall);
    const watched = watchPolicyFolder(folder, () => tell());
    const changed = next();
    writeFileSync(join(folder, 'tests', 'one.yaml'), 'a: 1\n');
    await changed;
    const gone = next();
    rmSync(folder, { recursive: true });
    await gone;
    await new Promise(setImmediate);
    watched.close();
    process.off('uncaughtException', fall);
    expect(broken).toEqual([]);
  });
});
