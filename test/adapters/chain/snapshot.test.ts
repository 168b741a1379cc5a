import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { eventTopics, foldRecord, initialAccumulator } from '../../../src/adapters/chain/event-codec.ts';
import { EventLog } from '../../../src/adapters/chain/event-log.ts';
import { restore } from '../../../src/adapters/chain/snapshot.ts';
import { word } from './fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'consentry-snapshot-'));
const accumulator = initialAccumulator(1, `0x${'c'.repeat(40)}`);
const start = { number: -1, time: 0, hash: '', accumulator, offset: 0 };
let files = 0;

/** A grant a block, a mark each tenth block. */
function written(blocks: number): string {
  const file = join(folder, String(files++));
  const log = new EventLog(file);
  restore(log, start);
  let folded = accumulator;
  for (let block = 1; block <= blocks; block++) {
    const topics = [eventTopics.granted, word(), word(), word()].map((topic) => topic.slice(2)).join('');
    const record = Buffer.from(`${topics}${'0'.repeat(60)}0309${word().slice(2)}`, 'hex');
    folded = foldRecord(folded, record);
    log.append(record, block);
    if (block % 10 === 0) log.mark({ number: block, time: block, hash: word(), accumulator: folded });
  }
  log.mark({ number: blocks, time: blocks, hash: word(), accumulator: folded });
  log.close();
  return file;
}

function restored(file: string) {
  const log = new EventLog(file);
  const { fold, events, marks } = restore(log, start);
  log.close();
  return { fold, events, marks, end: marks.at(-1)?.number };
}

describe('the snapshot', () => {
  afterAll(() => rmSync(folder, { recursive: true }));

  it('gives everything back, and the steps that can still be gone back to', () => {
    const { fold, events, marks } = restored(written(300));
    expect([fold.size, events, marks.at(-1)?.number]).toEqual([300, 300, 300]);
    fold.rollback(marks[0]?.number ?? 0, 0);
    expect(fold.size).toBe(marks[0]?.number);
  });

  it('is whole up to its last mark wherever it is torn', () => {
    const file = written(30);
    const bytes = readFileSync(file);
    for (let length = bytes.length - 1; length > 0; length -= 101) {
      writeFileSync(file, bytes.subarray(0, length));
      const { fold, events, end } = restored(file);
      expect([fold.size, events]).toEqual([end ?? 0, end ?? 0]);
      expect((end ?? 0) % 10).toBe(0);
      // What was torn is cut, so that the next start reads the same.
      expect(restored(file).events).toBe(events);
    }
  });

  it('stops at the mark before a changed byte', () => {
    const file = written(30);
    const bytes = readFileSync(file);
    for (let at = 8; at < bytes.length; at += 131) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      writeFileSync(file, changed);
      try {
        const { fold, events } = restored(file);
        expect(fold.size).toBe(events);
      } catch (error) {
        expect(String(error)).toMatch(/registry|endpoint|file/);
      }
    }
  });
});
