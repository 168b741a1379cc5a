import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { applyJsonPatch } from '../../../src/domain/fhir/patch-apply.ts';
import { toValue } from '../../../src/domain/json/cursor.ts';
import { defaultLimits } from '../../../src/domain/json/fault.ts';
import { scan } from '../../../src/domain/json/scan.ts';
import type { Tape } from '../../../src/domain/json/tape.ts';

const tape = (json: string): Tape => {
  const scanned = scan(new TextEncoder().encode(json));
  if (!scanned.ok) throw new Error(scanned.fault.code);
  return scanned.tape;
};

const patched = (resource: string, patch: unknown): string => {
  const after = applyJsonPatch(tape(resource), tape(JSON.stringify(patch)), defaultLimits);
  return 'code' in after ? after.code : new TextDecoder().decode(after.bytes);
};

const head = '"resourceType":"Patient","id":"p"';

describe('applyJsonPatch', () => {
  it.each([
    ['sets a member', '', [{ op: 'add', path: '/active', value: true }], ',"active":true'],
    ['replaces a member by add', ',"active":true', [{ op: 'add', path: '/active', value: false }], ',"active":false'],
    ['replaces', ',"x":{"y":1}', [{ op: 'replace', path: '/x/y', value: [2] }], ',"x":{"y":[2]}'],
    ['removes', ',"x":1,"y":2', [{ op: 'remove', path: '/x' }], ',"y":2'],
    ['puts an element before another', ',"a":[1,2]', [{ op: 'add', path: '/a/1', value: 9 }], ',"a":[1,9,2]'],
    ['appends', ',"a":[]', [{ op: 'add', path: '/a/-', value: 9 }], ',"a":[9]'],
    ['moves', ',"a":{"b":1},"c":{}', [{ op: 'move', from: '/a/b', path: '/c/d' }], ',"a":{},"c":{"d":1}'],
    ['copies', ',"a":[1,2]', [{ op: 'copy', from: '/a/0', path: '/a/-' }], ',"a":[1,2,1]'],
    ['unescapes pointers', ',"a/b":{"~":1}', [{ op: 'replace', path: '/a~1b/~0', value: 2 }], ',"a/b":{"~":2}'],
    [
      'keeps the literal of a number',
      ',"v":1.00,"w":0',
      [{ op: 'copy', from: '/v', path: '/w' }],
      ',"v":1.00,"w":1.00',
    ],
    [
      'goes on after a test that holds',
      ',"a":1',
      [
        { op: 'test', path: '/a', value: 1 },
        { op: 'remove', path: '/a' },
      ],
      '',
    ],
  ])('%s', (_, before, patch, after) => {
    expect(patched(`{${head}${before}}`, patch)).toBe(`{${head}${after}}`);
  });

  it.each([
    ['a test that fails', [{ op: 'test', path: '/a', value: 2 }]],
    ['a path that is not there', [{ op: 'replace', path: '/nosuch', value: 2 }]],
    ['an index out of range', [{ op: 'add', path: '/list/5', value: 2 }]],
    ['an index with a leading zero', [{ op: 'remove', path: '/list/00' }]],
    ['a move into itself', [{ op: 'move', from: '/o', path: '/o/x' }]],
    ['the whole resource', [{ op: 'replace', path: '', value: {} }]],
    ['another type', [{ op: 'replace', path: '/resourceType', value: 'Observation' }]],
    ['another id', [{ op: 'replace', path: '/id', value: 'q' }]],
    ['no id', [{ op: 'remove', path: '/id' }]],
  ])('refuses %s', (_, patch) => {
    expect(patched(`{${head},"a":1,"o":{},"list":[1]}`, patch)).toBe('body-invalid');
  });

  it('does with any document what the same edit does in JavaScript', () => {
    const object = fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), fc.jsonValue(), { maxKeys: 5 });
    fc.assert(
      fc.property(object, fc.stringMatching(/^[a-z]{1,4}$/), fc.jsonValue(), (members, name, value) => {
        const resource = { resourceType: 'Patient', id: 'p', x: { ...members } };
        const after = applyJsonPatch(
          tape(JSON.stringify(resource)),
          tape(JSON.stringify([{ op: 'add', path: `/x/${name}`, value }])),
          defaultLimits,
        );
        if ('code' in after) throw new Error(after.code);
        expect(toValue(after, 0)).toEqual(
          JSON.parse(JSON.stringify({ ...resource, x: { ...members, [name]: value } })),
        );
      }),
      { numRuns: 300 },
    );
  });
});
