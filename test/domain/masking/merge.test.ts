import { describe, expect, it } from '@jest/globals';
import { scan } from '../../../src/domain/json/scan.ts';
import type { Tape } from '../../../src/domain/json/tape.ts';
import { mergeMasked, patchMasked } from '../../../src/domain/masking/merge.ts';
import { context, maskText, planOf } from './shipped.ts';

const tapeOf = (value: unknown): Tape => {
  const scanned = scan(new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value)));
  if (!scanned.ok) throw new Error('not JSON');
  return scanned.tape;
};

const stored = {
  resourceType: 'Patient',
  id: 'p1',
  meta: {
    versionId: '3',
    security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'N' }],
  },
  text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">Ada</div>' },
  identifier: [
    { system: 'http://hospital.example/mrn', value: 'MRN-1' },
    { system: 'http://hl7.org/fhir/sid/us-ssn', value: '123-45-6789' },
  ],
  name: [{ family: 'Berg', given: ['Ada'] }],
  telecom: [{ system: 'phone', value: '555-0100' }],
};
const plan = planOf('clinician', 'TREAT');
const versions = { current: tapeOf(stored), plan, context };
const seen = (): typeof stored & Record<string, unknown> => JSON.parse(maskText(JSON.stringify(stored), plan));
const merged = (submitted: unknown): unknown => {
  const result = mergeMasked(tapeOf(submitted), versions);
  return result.ok ? JSON.parse(new TextDecoder().decode(result.bytes)) : result.paths;
};

describe('writing a masked view back', () => {
  it('changes nothing when nothing was changed', () => {
    expect(merged(seen())).toEqual(stored);
  });
  it('takes visible changes and keeps what was hidden', () => {
    const submitted = { ...seen(), telecom: [{ system: 'phone', value: '555-0199' }], gender: 'female' };
    expect(merged(submitted)).toEqual({
      ...stored,
      telecom: [{ system: 'phone', value: '555-0199' }],
      gender: 'female',
    });
  });
  it('keeps a hidden value when items are added and removed around it', () => {
    const view = seen();
    const fresh = { system: 'http://other.example', value: 'X' };
    expect(merged({ ...view, identifier: [fresh, ...view.identifier] })).toEqual({
      ...stored,
      identifier: [fresh, ...stored.identifier],
    });
    expect(merged({ ...view, identifier: [view.identifier[1]] })).toEqual({
      ...stored,
      identifier: [stored.identifier[1]],
    });
    expect(merged({ ...view, identifier: [...view.identifier].reverse() })).toEqual({
      ...stored,
      identifier: [...stored.identifier].reverse(),
    });
  });
  it('removes what is visible when it is left out', () => {
    const { telecom: _, ...rest } = seen();
    const { telecom: __, ...expected } = stored;
    expect(merged(rest)).toEqual(expected);
  });
  it('refuses a value at a hidden place, the right one too, and names the path alone', () => {
    const view = seen();
    for (const value of ['123-45-6789', '999-99-9999']) {
      expect(
        merged({ ...view, identifier: [view.identifier[0], { system: 'http://hl7.org/fhir/sid/us-ssn', value }] }),
      ).toEqual(expect.arrayContaining(['Patient.identifier.value']));
    }
    expect(merged({ ...view, text: stored.text })).toEqual(['Patient.text']);
  });
  it('refuses to lose a hidden value', () => {
    const view = seen();
    expect(merged({ ...view, identifier: [view.identifier[0]] })).toEqual(['Patient.identifier']);
    const { identifier: _, ...rest } = view;
    expect(merged(rest)).toEqual(['Patient.identifier']);
  });
  it('refuses to open a hidden value by calling it something else', () => {
    const view = seen();
    expect(
      merged({ ...view, identifier: [view.identifier[0], { ...view.identifier[1], system: 'http://open.example' }] }),
    ).toEqual(['Patient']);
  });
  it('never stores a label or a mark of the mask', () => {
    const text = JSON.stringify(merged(seen()));
    expect(text).not.toMatch(/REDACTED|rendered-value|masked/);
  });
  it('keeps the precision of a number', () => {
    const current = tapeOf(
      '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.00}}',
    );
    const submitted = tapeOf(
      '{"resourceType":"Observation","status":"amended","code":{"text":"x"},"valueQuantity":{"value":1.00}}',
    );
    const result = mergeMasked(submitted, { current, plan, context });
    expect(result.ok && new TextDecoder().decode(result.bytes)).toContain('"value":1.00');
  });
});

describe('a JSON Patch on a masked view', () => {
  const patched = (...operations: object[]): unknown => {
    const result = patchMasked(tapeOf(operations), versions);
    return result.ok ? JSON.parse(new TextDecoder().decode(result.bytes)) : result.paths;
  };
  it('changes what is visible', () => {
    expect(patched({ op: 'replace', path: '/telecom/0/value', value: '1' })).toEqual({
      ...stored,
      telecom: [{ system: 'phone', value: '1' }],
    });
    expect(
      patched({ op: 'add', path: '/gender', value: 'female' }, { op: 'test', path: '/gender', value: 'female' }),
    ).toEqual({ ...stored, gender: 'female' });
    expect(patched({ op: 'remove', path: '/identifier/0/value' })).toEqual({
      ...stored,
      identifier: [{ system: 'http://hospital.example/mrn' }, stored.identifier[1]],
    });
  });
  it.each([
    { op: 'test', path: '/identifier/1/value', value: '123-45-6789' },
    { op: 'test', path: '/identifier/1/value', value: 'wrong' },
    { op: 'test', path: '/identifier', value: [] },
    { op: 'copy', from: '/identifier/1/value', path: '/telecom/0/value' },
    { op: 'copy', from: '/identifier/1', path: '/identifier/-' },
    { op: 'move', from: '/identifier/1', path: '/identifier/0' },
    { op: 'replace', path: '/identifier/1/value', value: '1' },
    { op: 'replace', path: '/identifier', value: [] },
    { op: 'remove', path: '/identifier/1' },
    { op: 'remove', path: '/text' },
    { op: 'add', path: '/text', value: { status: 'generated', div: '<div/>' } },
    { op: 'add', path: '/identifier/-', value: { system: 'http://hl7.org/fhir/sid/us-ssn', value: '1' } },
    { op: 'replace', path: '', value: { resourceType: 'Patient' } },
    { op: 'replace', path: '/identifier/0/system', value: 'http://hl7.org/fhir/sid/us-ssn' },
    { op: 'replace', path: '/identifier/1/system', value: 'http://open.example' },
  ])('is refused for $op of $path from $from', (operation) => {
    expect(Array.isArray(patched(operation))).toBe(true);
  });
  it('answers a right and a wrong guess alike', () => {
    const guess = (value: string) => patched({ op: 'test', path: '/identifier/1/value', value });
    expect(guess('123-45-6789')).toEqual(guess('000-00-0000'));
  });
});
