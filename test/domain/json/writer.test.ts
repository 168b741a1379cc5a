import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { JsonWriter } from '../../../src/domain/json/writer.ts';

describe('an answer put together', () => {
  it('is its texts and bytes in order, whatever room was guessed', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      fc.uint8Array({ maxLength: 300 }),
      fc.constant('x'.repeat(129)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.nat(2000), (pieces, room) => {
        const out = new JsonWriter(room);
        for (const each of pieces) {
          if (typeof each === 'string') out.text(each);
          else out.bytes(each);
        }
        const expected = Buffer.concat(pieces.map((each) => Buffer.from(each as string)));
        expect(Buffer.from(out.done()).equals(expected)).toBe(true);
      }),
    );
  });
});
