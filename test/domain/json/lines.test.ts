import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { toValue } from '../../../src/domain/json/cursor.ts';
import { scanLines, splitLines } from '../../../src/domain/json/lines.ts';
import { bytesOf, textOf } from './documents.ts';

const collect = async <Item>(items: AsyncIterable<Item>): Promise<Item[]> => {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
};

const limits = { bytes: 1000, depth: 10, entries: 100 };

describe('NDJSON', () => {
  it('comes line by line, however it is cut into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 9 }),
        async (values, step) => {
          const whole = bytesOf(values.map((value) => JSON.stringify(value)).join('\n'));
          const chunks: Uint8Array[] = [];
          for (let at = 0; at < whole.length; at += step) chunks.push(whole.subarray(at, at + step));
          const outcomes = await collect(scanLines(chunks));
          expect(outcomes.map((outcome) => (outcome.ok ? toValue(outcome.tape, 0) : outcome.fault))).toEqual(
            JSON.parse(JSON.stringify(values)),
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  it('may end its lines in CR LF and hold empty ones', async () => {
    const lines = await collect(splitLines([bytesOf('1\r\n\r\n\n2\n3\r')]));
    expect(lines.map((line) => (line.ok ? textOf(line.bytes) : ''))).toEqual(['1', '2', '3']);
  });

  it('is refused at a line over the limit before that line has ended, and read no further', async () => {
    let taken = 0;
    const endless = function* () {
      yield bytesOf('{"a":1}\n');
      for (;;) {
        taken += 1;
        yield bytesOf('x'.repeat(100));
      }
    };
    const outcomes = await collect(scanLines(endless(), limits));
    expect(outcomes.map((outcome) => (outcome.ok ? 'line' : outcome.fault))).toEqual([
      'line',
      { code: 'size', offset: 1008 },
    ]);
    expect(taken).toBe(11);
  });

  it('ends at the first line that is not JSON', async () => {
    const outcomes = await collect(scanLines([bytesOf('{}\n{"a":1,"a":2}\n{}\n')], limits));
    expect(outcomes.map((outcome) => (outcome.ok ? 'line' : outcome.fault.code))).toEqual(['line', 'duplicate-key']);
  });

  it('keeps an unfinished line although the memory of its chunk is used again', async () => {
    const shared = Buffer.from('{"a"');
    const chunks = function* () {
      yield shared;
      shared.set(bytesOf(':1} '));
      yield shared;
    };
    const outcomes = await collect(scanLines(chunks(), limits));
    expect(outcomes.map((outcome) => (outcome.ok ? toValue(outcome.tape, 0) : outcome.fault))).toEqual([{ a: 1 }]);
  });
});
