import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { applyPatch } from '../../../src/domain/fhir/patch-apply.ts';
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
  const format = Array.isArray(patch) ? 'json-patch' : 'fhirpath-patch';
  const after = applyPatch(tape(resource), { format, body: tape(JSON.stringify(patch)) }, defaultLimits);
  return 'code' in after ? after.code : new TextDecoder().decode(after.bytes);
};

const head = '"resourceType":"Patient","id":"p"';

describe('applyPatch with a JSON Patch', () => {
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
        const after = applyPatch(
          tape(JSON.stringify(resource)),
          { format: 'json-patch', body: tape(JSON.stringify([{ op: 'add', path: `/x/${name}`, value }])) },
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

/** One operation of a FHIRPath Patch: its parts by name, each a `value[x]` member. */
const operation = (parts: Readonly<Record<string, Readonly<Record<string, unknown>>>>) => ({
  name: 'operation',
  part: Object.entries(parts).map(([name, value]) => ({ name, ...value })),
});
const code = (valueCode: string) => ({ valueCode });
const path = (valueString: string) => ({ valueString });

const fhirPatched = (resource: string, ...operations: readonly unknown[]): string =>
  patched(resource, { resourceType: 'Parameters', parameter: operations });

describe('applyPatch with a FHIRPath Patch', () => {
  it.each([
    [
      'adds an element',
      '',
      { type: code('add'), path: path('Patient'), name: path('birthDate'), value: { valueDate: '1930-01-01' } },
      ',"birthDate":"1930-01-01"',
    ],
    [
      'adds to no list',
      '',
      { type: code('add'), path: path('Patient'), name: path('name'), value: { valueHumanName: { family: 'a' } } },
      ',"name":[{"family":"a"}]',
    ],
    [
      'adds to a list',
      ',"name":[{"family":"a"}]',
      { type: code('add'), path: path('Patient'), name: path('name'), value: { valueHumanName: { family: 'b' } } },
      ',"name":[{"family":"a"},{"family":"b"}]',
    ],
    [
      'adds a choice',
      '',
      { type: code('add'), path: path('Patient'), name: path('deceased'), value: { valueBoolean: true } },
      ',"deceasedBoolean":true',
    ],
    [
      'adds within a backbone element',
      ',"contact":[{"gender":"male"}]',
      {
        type: code('add'),
        path: path('Patient.contact[0]'),
        name: path('name'),
        value: { valueHumanName: { text: 'a' } },
      },
      ',"contact":[{"gender":"male","name":{"text":"a"}}]',
    ],
    [
      'replaces',
      ',"birthDate":"1920"',
      { type: code('replace'), path: path('Patient.birthDate'), value: { valueDate: '1930' } },
      ',"birthDate":"1930"',
    ],
    [
      'replaces in the only element of a list',
      ',"name":[{"family":"a"}]',
      { type: code('replace'), path: path('Patient.name.family'), value: { valueString: 'b' } },
      ',"name":[{"family":"b"}]',
    ],
    [
      'deletes',
      ',"birthDate":"1920","active":true',
      { type: code('delete'), path: path('Patient.birthDate') },
      ',"active":true',
    ],
    [
      'deletes a list with its last element',
      ',"name":[{"family":"a"}]',
      { type: code('delete'), path: path('Patient.name[0]') },
      '',
    ],
    ['deletes nothing where nothing is', '', { type: code('delete'), path: path('Patient.birthDate') }, ''],
    [
      'inserts',
      ',"name":[{"family":"a"}]',
      {
        type: code('insert'),
        path: path('Patient.name'),
        index: { valueInteger: 0 },
        value: { valueHumanName: { family: 'b' } },
      },
      ',"name":[{"family":"b"},{"family":"a"}]',
    ],
    [
      'moves',
      ',"name":[{"family":"a"},{"family":"b"}]',
      { type: code('move'), path: path('Patient.name'), source: { valueInteger: 1 }, destination: { valueInteger: 0 } },
      ',"name":[{"family":"b"},{"family":"a"}]',
    ],
  ])('%s', (_, before, parts, after) => {
    expect(fhirPatched(`{${head}${before}}`, operation(parts))).toBe(`{${head}${after}}`);
  });

  it.each([
    ['a path with a condition', { type: code('delete'), path: path("Patient.name.where(use='official')") }],
    ['a path with a function', { type: code('delete'), path: path('Patient.name.first()') }],
    ['a path of another type', { type: code('delete'), path: path('Observation.status') }],
    [
      'a path to one of several',
      { type: code('replace'), path: path('Patient.name.family'), value: { valueString: 'b' } },
    ],
    ['a deletion from one of several', { type: code('delete'), path: path('Patient.name.family') }],
    ['a path to several', { type: code('delete'), path: path('Patient.name') }],
    ['an unknown operation', { type: code('merge'), path: path('Patient.active'), value: { valueBoolean: true } }],
    [
      'an unknown element',
      { type: code('add'), path: path('Patient'), name: path('nosuch'), value: { valueString: 'a' } },
    ],
    [
      'an element that is there',
      { type: code('add'), path: path('Patient'), name: path('birthDate'), value: { valueDate: '1930' } },
    ],
    ['another choice', { type: code('replace'), path: path('Patient.deceased'), value: { valueDateTime: '1930' } }],
    [
      'a primitive with extensions beside it',
      { type: code('replace'), path: path('Patient.gender'), value: { valueCode: 'male' } },
    ],
    ['the id', { type: code('replace'), path: path('Patient.id'), value: { valueId: 'q' } }],
    ['the resource', { type: code('delete'), path: path('Patient') }],
    [
      'an index out of range',
      { type: code('insert'), path: path('Patient.name'), index: { valueInteger: 9 }, value: { valueHumanName: {} } },
    ],
    ['no value', { type: code('replace'), path: path('Patient.birthDate') }],
  ])('refuses %s', (_, parts) => {
    const resource = `{${head},"birthDate":"1920","deceasedBoolean":true,"gender":"male","_gender":{"id":"x"},"name":[{"family":"a"},{"family":"b"}]}`;
    expect(fhirPatched(resource, operation(parts))).toBe('body-invalid');
  });

  it('refuses a part that is given twice', () => {
    const twice = {
      name: 'operation',
      part: [
        ...operation({ type: code('delete'), path: path('Patient.birthDate') }).part,
        { name: 'path', valueString: 'Patient.active' },
      ],
    };
    expect(fhirPatched(`{${head},"birthDate":"1920","active":true}`, twice)).toBe('body-invalid');
  });
});
