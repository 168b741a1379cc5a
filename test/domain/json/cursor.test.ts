import { describe, expect, it } from '@jest/globals';
import { at, is, member, raw, sameValue, size, stringOf, text, toValue } from '../../../src/domain/json/cursor.ts';
import { tapeOf } from './documents.ts';

describe('the cursor', () => {
  it('finds members by name, also under an escaped key', () => {
    const tape = tapeOf('{"id":"a","n\\u0061me":{"given":["b","c"]},"active":true}');
    expect(text(tape, member(tape, 0, 'id'))).toBe('a');
    expect(toValue(tape, member(tape, 0, 'name'))).toEqual({ given: ['b', 'c'] });
    expect(toValue(tape, at(tape, 0, 'name', 'given'))).toEqual(['b', 'c']);
    expect(member(tape, 0, 'nam')).toBe(-1);
    expect(member(tape, 0, 'names')).toBe(-1);
    expect(member(tape, 0, 'given')).toBe(-1);
    expect(at(tape, 0, 'name', 'family', 'x')).toBe(-1);
  });

  it('finds no member in what is not an object', () => {
    const tape = tapeOf('["a","b"]');
    expect(member(tape, 0, 'a')).toBe(-1);
    expect(member(tape, 1, 'a')).toBe(-1);
    expect(member(tape, -1, 'a')).toBe(-1);
  });

  it('compares strings without being fooled by escapes, prefixes or other kinds', () => {
    const tape = tapeOf('["Patient","P\\u0061tient","Patien","Patients","\\u0050atient",123,true,""]');
    const nodes = [1, 2, 3, 4, 5, 6, 7, 8].map((node) => is(tape, node, 'Patient'));
    expect(nodes).toEqual([true, true, false, false, true, false, false, false]);
    expect(is(tape, 6, '2')).toBe(false);
    expect(is(tape, 8, '')).toBe(true);
  });

  it('never takes a key that begins with a byte order mark for one without', () => {
    const tape = tapeOf(`{"\ufeffid":1,"id":2,"${'x'.repeat(30)}":3,"\ufeff${'x'.repeat(30)}":4}`);
    expect(toValue(tape, 0)).toEqual({ '\ufeffid': 1, id: 2, ['x'.repeat(30)]: 3, [`\ufeff${'x'.repeat(30)}`]: 4 });
    expect(toValue(tape, member(tape, 0, 'id'))).toBe(2);
  });

  it('keeps the literal of a number', () => {
    const tape = tapeOf('[1.00,-0,1e400,123456789012345678901234567890.123456789]');
    expect([1, 2, 3, 4].map((node) => raw(tape, node))).toEqual([
      '1.00',
      '-0',
      '1e400',
      '123456789012345678901234567890.123456789',
    ]);
  });

  it('gives text only for strings when a string is asked for', () => {
    const tape = tapeOf('[1,"x"]');
    expect(stringOf(tape, 1)).toBeUndefined();
    expect(stringOf(tape, 2)).toBe('x');
    expect(stringOf(tape, -1)).toBeUndefined();
  });

  it('decodes long text and text beyond ASCII', () => {
    const value = ['é'.repeat(40), 'x'.repeat(100), '日本\n"quoted"', '\u{1f600} and \\ slash', ''];
    expect(toValue(tapeOf(JSON.stringify(value)), 0)).toEqual(value);
  });

  it('never sets a prototype from a document', () => {
    const value = toValue(tapeOf('{"__proto__":{"admin":true}}'), 0) as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(value.admin).toBeUndefined();
  });

  it('counts members and elements', () => {
    const tape = tapeOf('[{},{"a":[1,2],"b":{}},[]]');
    expect(size(tape, 0)).toBe(3);
    expect(size(tape, 1)).toBe(0);
    expect(size(tape, 2)).toBe(2);
  });

  it.each([
    ['{"a":1,"b":[2,{"c":"d"}]}', '{ "b":[2,{"c":"\\u0064"}], "a":1 }', true],
    ['{"a":1}', '{"a":1.0}', false],
    ['[1,2]', '[2,1]', false],
    ['[1,2]', '[1]', false],
    ['[1]', '[1,2]', false],
    ['{"a":1}', '{"a":1,"b":2}', false],
    ['{"a":1}', '{"b":1}', false],
    ['null', 'false', false],
    ['"1"', '1', false],
  ])('tells whether %s and %s are the same value', (left, right, same) => {
    expect(sameValue(tapeOf(left), 0, tapeOf(right), 0)).toBe(same);
  });
});
