import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { toValue } from '../../../src/domain/json/cursor.ts';
import {
  applySplices,
  mergeSplices,
  removeElement,
  removeElements,
  removeMember,
  removeMembers,
  replaceNode,
} from '../../../src/domain/json/splice.ts';
import { bytesOf, tapeOf, textOf } from './documents.ts';

describe('splices', () => {
  it('leave every byte outside them as it was', () => {
    const bytes = bytesOf('{ "a" : 1.00 ,\t"b":"x" }');
    expect(textOf(applySplices(bytes, []))).toBe('{ "a" : 1.00 ,\t"b":"x" }');
    expect(textOf(applySplices(bytes, [{ start: 19, end: 22, text: '"ü😀"' }]))).toBe('{ "a" : 1.00 ,\t"b":"ü😀" }');
  });

  it('apply in any order given, also as insertions', () => {
    const bytes = bytesOf('abcdef');
    const splices = [
      { start: 4, end: 6, text: 'Z' },
      { start: 0, end: 0, text: '>' },
      { start: 1, end: 2, text: '' },
    ];
    expect(textOf(applySplices(bytes, splices))).toBe('>acdZ');
  });

  it('apply to a part of the document', () => {
    expect(textOf(applySplices(bytesOf('abcdef'), [{ start: 2, end: 3, text: '--' }], { start: 1, end: 4 }))).toBe(
      'b--d',
    );
  });

  it('copy long runs and long texts', () => {
    const long = 'é'.repeat(300);
    const bytes = bytesOf(`${long}|${long}`);
    const at = bytesOf(long).length;
    expect(textOf(applySplices(bytes, [{ start: at, end: at + 1, text: `<${'日'.repeat(80)}>` }]))).toBe(
      `${long}<${'日'.repeat(80)}>${long}`,
    );
  });

  it('apply to answers of any size', () => {
    for (const size of [20, 64, 250, 260, 65_000, 65_536, 200_000]) {
      const text = Array.from({ length: size }, (_, i) =>
        i % 97 === 0 ? 'é' : String.fromCharCode(97 + (i % 26)),
      ).join('');
      const bytes = bytesOf(text);
      const at = bytes.length - 9;
      const splices = [
        { start: 2, end: 5, text: '<ä>' },
        { start: at, end: at + 1, text: 'x'.repeat(size) },
      ];
      const expected = Buffer.concat([
        bytes.subarray(0, 2),
        bytesOf('<ä>'),
        bytes.subarray(5, at),
        bytesOf('x'.repeat(size)),
        bytes.subarray(at + 1),
      ]);
      expect(Buffer.from(applySplices(bytes, splices)).equals(expected)).toBe(true);
      expect(Buffer.from(applySplices(bytes, splices, undefined, Buffer.allocUnsafe)).equals(expected)).toBe(true);
    }
  });

  it('give bytes of their own: a later answer does not write over an earlier one', () => {
    const first = applySplices(bytesOf('abcdef'), [{ start: 0, end: 1, text: 'X' }]);
    applySplices(bytesOf('uvwxyz'), []);
    expect(textOf(first)).toBe('Xbcdef');
  });

  it.each([
    [
      [
        { start: 0, end: 2, text: '' },
        { start: 1, end: 3, text: '' },
      ],
    ],
    [[{ start: 2, end: 1, text: '' }]],
    [[{ start: 5, end: 9, text: '' }]],
  ])('that overlap or leave the bytes are a programmer error', (splices) => {
    expect(() => applySplices(bytesOf('abcdef'), splices)).toThrow(RangeError);
  });

  it('merge: the outer one stands, and of equals the earlier list', () => {
    const merged = mergeSplices(
      [{ start: 2, end: 4, text: 'masked' }],
      [
        { start: 2, end: 4, text: 'link' },
        { start: 6, end: 7, text: 'link' },
      ],
      [{ start: 5, end: 9, text: '' }],
    );
    expect(merged).toEqual([
      { start: 2, end: 4, text: 'masked' },
      { start: 5, end: 9, text: '' },
    ]);
    expect(() => mergeSplices([{ start: 0, end: 2, text: '' }], [{ start: 1, end: 3, text: '' }])).toThrow(RangeError);
  });

  it.each([
    [[], '{ "a" : 1, "b" : [2] , "c":{"d":3} }'],
    [['a'], '{ "b" : [2] , "c":{"d":3} }'],
    [['b'], '{ "a" : 1 , "c":{"d":3} }'],
    [['c'], '{ "a" : 1, "b" : [2] }'],
    [['a', 'b'], '{ "c":{"d":3} }'],
    [['b', 'c'], '{ "a" : 1 }'],
    [['a', 'c'], '{ "b" : [2] }'],
    [['a', 'b', 'c'], '{}'],
  ])('removing the members %j takes the right commas', (names, expected) => {
    const tape = tapeOf('{ "a" : 1, "b" : [2] , "c":{"d":3} }');
    const keyOf: Record<string, number> = { a: 1, b: 3, c: 6 };
    const keys = names.map((name) => keyOf[name] ?? -1);
    expect(textOf(applySplices(tape.bytes, removeMembers(tape, 0, keys)))).toBe(expected);
  });

  it('removes one member or element', () => {
    const tape = tapeOf('{"a":[1,2]}');
    expect(textOf(applySplices(tape.bytes, removeMember(tape, 0, 1)))).toBe('{}');
    expect(textOf(applySplices(tape.bytes, removeElement(tape, 2, 4)))).toBe('{"a":[1]}');
    expect(textOf(applySplices(tape.bytes, [replaceNode(tape, 2, 'null')]))).toBe('{"a":null}');
  });

  it('refuses to remove what is not a child', () => {
    const tape = tapeOf('[[1,2],3]');
    expect(() => removeElements(tape, 0, [2])).toThrow(RangeError);
    expect(() => removeElements(tape, 0, [4, 1])).toThrow(RangeError);
  });

  it('removing any elements and members leaves JSON with just the others', () => {
    const inner = fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 8 });
    fc.assert(
      fc.property(
        inner,
        fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
        fc.constantFrom(0, 2),
        (values, drop, indent) => {
          const object = Object.fromEntries(values.map((value, i) => [`k${i}`, value]));
          for (const whole of [values, object]) {
            const tape = tapeOf(JSON.stringify(whole, null, indent));
            const children: number[] = [];
            for (let child = 1; child < (tape.next[0] as number); child = tape.next[child] as number)
              children.push(child);
            const gone = children.filter((_, i) => drop[i]);
            const splices = whole === values ? removeElements(tape, 0, gone) : removeMembers(tape, 0, gone);
            const left = Array.isArray(whole)
              ? whole.filter((_, i) => !drop[i])
              : Object.fromEntries(Object.entries(object).filter((_, i) => !drop[i]));
            expect(toValue(tapeOf(applySplices(tape.bytes, splices)), 0)).toEqual(JSON.parse(JSON.stringify(left)));
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});
