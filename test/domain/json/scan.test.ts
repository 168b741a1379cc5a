import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { toValue } from '../../../src/domain/json/cursor.ts';
import { defaultLimits } from '../../../src/domain/json/fault.ts';
import { scan } from '../../../src/domain/json/scan.ts';
import { bytesOf, tapeOf } from './documents.ts';

const verdict = (json: string | Uint8Array, limits = defaultLimits): string => {
  const outcome = scan(typeof json === 'string' ? bytesOf(json) : json, limits);
  return outcome.ok ? 'accepted' : `${outcome.fault.code} at ${outcome.fault.offset}`;
};

describe('scan', () => {
  it.each([
    ['an object', '{"a":1,"b":[true,false,null],"c":{"d":"e"}}'],
    ['empty containers', '[{},[],{"a":{}},{"b":[]},[[]]]'],
    ['white space everywhere', ' \t\r\n{ \n "a" \t : \r [ 1 , 2 ] , "b" : { } }  \n'],
    ['a long run of white space', `[${' '.repeat(37)}1${'\n'.repeat(9)},${' '.repeat(8)}2]`],
    ['a scalar', ' "x" '],
    ['all escapes', '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00"'],
    ['an escaped NUL', '"a\\u0000b"'],
    ['text beyond ASCII', '{"é":"日本","😀":"\u{10ffff}\u{fffe}"}'],
    ['DEL and line separators unescaped', '"\u007f\u2028\u2029"'],
    ['numbers', '[0,-0,1,-1,10,1.0,1.00,0.1,1e5,1E+5,1e-5,0e0,1.5E10,123456789012345678901234567890,1e400]'],
    ['__proto__ as a member', '{"__proto__":{"a":1},"constructor":2}'],
    ['an empty key', '{"":1,"a":{"":2}}'],
    ['the same key in different objects', '[{"a":1},{"a":{"a":2}}]'],
    ['keys with one fingerprint', '{"ab":1,"axb":2,"ayb":3,"azb":4}'],
  ])('reads %s as JSON.parse does', (_, json) => {
    expect(toValue(tapeOf(json), 0)).toEqual(JSON.parse(json));
  });

  it.each([
    ['', 'truncated at 0'],
    ['   ', 'truncated at 3'],
    ['{', 'truncated at 1'],
    ['[1', 'truncated at 2'],
    ['[1,', 'truncated at 3'],
    ['{"a"', 'truncated at 4'],
    ['{"a":', 'truncated at 5'],
    ['"abc', 'truncated at 4'],
    ['"abc\\', 'syntax at 4'],
    ['{"a" 1}', 'syntax at 5'],
    ['{a:1}', 'syntax at 1'],
    ["{'a':1}", 'syntax at 1'],
    ['{1:1}', 'syntax at 1'],
    ['[1,]', 'syntax at 3'],
    ['[,1]', 'syntax at 1'],
    ['[1 2]', 'syntax at 3'],
    ['{"a":1,}', 'syntax at 7'],
    ['{"a":1,,"b":2}', 'syntax at 7'],
    ['{,}', 'syntax at 1'],
    ['{"a"}', 'syntax at 4'],
    ['{"a":}', 'syntax at 5'],
    ['[}', 'syntax at 1'],
    ['{]', 'syntax at 1'],
    ['[1}', 'syntax at 2'],
    ['{"a":1]', 'syntax at 6'],
    ['tru', 'syntax at 0'],
    ['[truE]', 'syntax at 1'],
    ['fals', 'syntax at 0'],
    ['falsy', 'syntax at 0'],
    ['nul', 'syntax at 0'],
    ['NaN', 'syntax at 0'],
    ['Infinity', 'syntax at 0'],
    ['undefined', 'syntax at 0'],
    ['/* */1', 'syntax at 0'],
    ['1 // x', 'trailing at 2'],
    ['1 2', 'trailing at 2'],
    ['{}{}', 'trailing at 2'],
    ['[]]', 'trailing at 2'],
    ['{}\u0000', 'trailing at 2'],
    ['truex', 'trailing at 4'],
    ['\u00a01', 'syntax at 0'],
    ['\u000b1', 'syntax at 0'],
    ['\f1', 'syntax at 0'],
    ['\u0000', 'syntax at 0'],
    ['+1', 'syntax at 0'],
    ['.5', 'syntax at 0'],
    ['-', 'number at 1'],
    ['-a', 'number at 1'],
    ['01', 'number at 0'],
    ['-01', 'number at 1'],
    ['1.', 'number at 2'],
    ['[1.]', 'number at 3'],
    ['1.e5', 'number at 2'],
    ['1e', 'number at 2'],
    ['1e+', 'number at 3'],
    ['0x10', 'trailing at 1'],
    ['[0x10]', 'syntax at 2'],
    ['1_000', 'trailing at 1'],
    ['"a\nb"', 'control at 2'],
    ['"abcdefg\tb"', 'control at 8'],
    ['"a\u0000b"', 'control at 2'],
    ['"\\x41"', 'syntax at 1'],
    ['"\\u12"', 'syntax at 1'],
    ['"\\u12g4"', 'syntax at 1'],
    ['"\\U0041"', 'syntax at 1'],
    ['"\\\'"', 'syntax at 1'],
    ['"\\ud800"', 'surrogate at 1'],
    ['"\\udc00"', 'surrogate at 1'],
    ['"\\ud800\\ud800"', 'surrogate at 1'],
    ['"\\ud800x\\udc00"', 'surrogate at 1'],
    ['"\\ud800\\n"', 'surrogate at 1'],
    ['\ufeff{}', 'byte-order-mark at 0'],
    ['{"a":1,"a":2}', 'duplicate-key at 7'],
    ['{"name":1,"n\\u0061me":2}', 'duplicate-key at 10'],
    ['{"n\\u0061me":1,"name":2}', 'duplicate-key at 15'],
    ['{"\\u0061":1,"\\u0061":2}', 'duplicate-key at 12'],
    ['{"/":1,"\\/":2}', 'duplicate-key at 7'],
    ['{"é":1,"\\u00e9":2}', 'duplicate-key at 8'],
    ['{"😀":1,"\\ud83d\\ude00":2}', 'duplicate-key at 10'],
    ['{"":1,"":2}', 'duplicate-key at 6'],
    ['[{"x":{"a":1,"b":{"a":1},"a":[]}}]', 'duplicate-key at 25'],
    ['{"__proto__":1,"__proto__":2}', 'duplicate-key at 15'],
  ])('refuses %j: %s', (json, expected) => {
    expect(verdict(json)).toBe(expected);
  });

  it.each([
    ['a continuation byte alone', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['an overlong NUL', [0xc1, 0x80]],
    ['an overlong three-byte form', [0xe0, 0x80, 0xaf]],
    ['an overlong four-byte form', [0xf0, 0x80, 0x80, 0xaf]],
    ['a surrogate in UTF-8', [0xed, 0xa0, 0x80]],
    ['a pair of surrogates in UTF-8', [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]],
    ['a code point past U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['bytes that no UTF-8 has', [0xff, 0xfe]],
    ['a sequence cut short', [0xe2, 0x82]],
    ['a sequence broken by ASCII', [0xe2, 0x41, 0xac]],
    ['a four-byte sequence cut short', [0xf0, 0x9f, 0x98]],
  ])('refuses %s', (_, inner) => {
    expect(verdict(Uint8Array.from([0x22, ...inner, 0x22]))).toBe('utf8 at 1');
    expect(verdict(Uint8Array.from([0x22, ...inner]))).toBe('utf8 at 1');
  });

  it('keeps to its limits exactly', () => {
    const limits = { bytes: 100, depth: 3, entries: 5 };
    expect(verdict('[[[]]]', limits)).toBe('accepted');
    expect(verdict('[[[[]]]]', limits)).toBe('depth at 3');
    expect(verdict('[1,2,3,4]', limits)).toBe('accepted');
    expect(verdict('[1,2,3,4,5]', limits)).toBe('entries at 9');
    expect(verdict(`"${'x'.repeat(98)}"`, limits)).toBe('accepted');
    expect(verdict(`"${'x'.repeat(99)}"`, limits)).toBe('size at 100');
  });

  it('refuses a million open brackets at the depth limit, without recursion', () => {
    expect(verdict('['.repeat(1_000_000))).toBe(`depth at ${defaultLimits.depth}`);
    expect(verdict('{"a":'.repeat(1_000_000))).toBe(`depth at ${5 * defaultLimits.depth}`);
  });

  it('finds a repeated key among many in linear time', () => {
    const many = Array.from({ length: 60_000 }, (_, i) => `"key${i}":${i}`);
    const started = performance.now();
    expect(verdict(`{${many.join(',')}}`)).toBe('accepted');
    expect(verdict(`{${[...many, '"key7":0'].join(',')}}`)).toMatch(/^duplicate-key/);
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it('finds a repeat wherever it stands among any number of keys', () => {
    for (let keys = 2; keys < 40; keys += 1) {
      const names = Array.from({ length: keys }, (_, i) => `"member${i}":${i}`);
      expect(verdict(`{${names.join(',')}}`)).toBe('accepted');
      expect(verdict(`{${[...names, `"member${keys >> 1}":{}`].join(',')}}`)).toMatch(/^duplicate-key/);
    }
  });

  it('gives every tape memory of its own', () => {
    const first = tapeOf('{"a":[1,2,3]}');
    const second = tapeOf('[{"b":"c"},4,5,6,7,8]');
    expect(toValue(first, 0)).toEqual({ a: [1, 2, 3] });
    expect(toValue(second, 0)).toEqual([{ b: 'c' }, 4, 5, 6, 7, 8]);
  });

  it('reads documents that outgrow its first columns', () => {
    const value = Array.from({ length: 12_000 }, (_, i) => ({ i, name: `n${i}` }));
    const tape = tapeOf(JSON.stringify(value));
    expect(tape.length).toBeGreaterThan(32_768);
    // One string, because expect takes seconds to compare values of this size.
    expect(JSON.stringify(toValue(tape, 0)) === JSON.stringify(value)).toBe(true);
    expect(toValue(tapeOf('[1]'), 0)).toEqual([1]);
  });

  it('reads a view into a larger buffer', () => {
    const padded = bytesOf('xxx{"a":"bcdefghijkl"}yyy');
    expect(toValue(tapeOf(padded.subarray(3, padded.length - 3)), 0)).toEqual({ a: 'bcdefghijkl' });
  });

  it('reads every JSON value as JSON.parse does, compact or indented', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 6, stringUnit: 'binary' }),
        fc.constantFrom(0, 1, 2, '\t'),
        (value, indent) => {
          const json = JSON.stringify(value, null, indent);
          expect(toValue(tapeOf(json), 0)).toEqual(JSON.parse(json));
        },
      ),
      { numRuns: 400 },
    );
  });

  it('accepts what JSON.parse accepts of mutilated documents, less the refusals it states', () => {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const stated = new Set(['duplicate-key', 'surrogate', 'depth']);
    const edit = fc.record({
      at: fc.nat(),
      remove: fc.integer({ min: 0, max: 3 }),
      insert: fc.constantFrom(
        '',
        '"',
        '\\',
        ',',
        ':',
        '{',
        '}',
        '[',
        ']',
        '0',
        '-',
        '.',
        'e',
        '1',
        ' ',
        '\n',
        'null',
        'é',
      ),
    });
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.array(edit, { minLength: 1, maxLength: 4 }), (value, edits) => {
        let json = JSON.stringify(value);
        for (const { at, remove, insert } of edits) {
          const here = at % (json.length + 1);
          json = json.slice(0, here) + insert + json.slice(here + remove);
        }
        const bytes = bytesOf(json);
        const outcome = scan(bytes);
        let parsed: { readonly value: unknown } | undefined;
        try {
          parsed = { value: JSON.parse(strict.decode(bytes)) };
        } catch {
          parsed = undefined;
        }
        if (outcome.ok) expect({ value: toValue(outcome.tape, 0) }).toEqual(parsed);
        else if (parsed !== undefined) expect(stated).toContain(outcome.fault.code);
      }),
      { numRuns: 1500 },
    );
  });

  it('never throws and never reads past the end, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const outcome = scan(bytes);
        if (!outcome.ok) {
          expect(outcome.fault.offset).toBeGreaterThanOrEqual(0);
          expect(outcome.fault.offset).toBeLessThanOrEqual(bytes.length);
        }
      }),
      { numRuns: 1500 },
    );
  });
});
