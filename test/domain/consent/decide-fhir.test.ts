import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { readDocuments } from '../../../src/domain/consent/consent-documents.ts';
import { answerRequests } from '../../../src/domain/consent/decide-fhir.ts';
import { parseDataClasses } from '../../../src/domain/policy/data-classes-file.ts';

const policies = new URL('../../../policies/data-classes/', import.meta.url);
const sets = parseDataClasses(
  readdirSync(policies).map((file) => ({ file, text: readFileSync(new URL(file, policies), 'utf8') })),
);
if (!sets.ok) throw new Error('the shipped value sets do not load');
const { classifier } = sets;
const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const now = Date.parse('2024-06-15T12:00:00Z');

interface Case {
  readonly title: string;
  readonly consents: readonly unknown[];
  readonly request: unknown;
  readonly decision: string;
  readonly obligations?: readonly string[];
}

const answer = (files: readonly unknown[], request: unknown) => {
  const [first] = answerRequests(readDocuments(files.map(bytes)), bytes(request), classifier, now).answers;
  if (first === undefined || !first.ok) throw new Error('the request was refused');
  return first.decision;
};

const folder = new URL('./cases/', import.meta.url);
for (const file of readdirSync(folder).toSorted()) {
  const cases = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as readonly Case[];
  describe(`FHIR Consents: ${file.replace('.json', '')}`, () => {
    it.each(cases.map((one) => [one.title, one] as const))('%s', (_, { consents, request, decision, obligations }) => {
      const found = answer([consents], request);
      expect(found.decision).toBe(decision);
      expect(found.reasons.length).toBeGreaterThan(0);
      const labels = found.obligations.flatMap((one) => one.parameters.labels?.map(({ code }) => code) ?? []);
      if (obligations !== undefined) expect(labels).toEqual(obligations);
      // One file for each, NDJSON and a Bundle say the same as an array.
      expect(answer(consents, request)).toEqual(found);
      expect(answer([consents.map((one) => JSON.stringify(one)).join('\n')], request)).toEqual(found);
    });
  });
}

describe('the files of consents', () => {
  const consent = {
    resourceType: 'Consent',
    id: 'c1',
    status: 'active',
    patient: { reference: 'Patient/p1' },
    policyRule: { coding: [{ code: 'OPTIN' }] },
  };
  const request = { patient: 'Patient/p1', actor: ['Practitioner/dr1'], purpose: 'TREAT', action: 'read' };

  it.each([
    ['cut off', JSON.stringify(consent).slice(0, -2)],
    ['with a key that repeats', '{"resourceType":"Consent","status":"inactive","status":"active"}'],
    ['with text after the end', `${JSON.stringify(consent)} x`],
  ])('deny when one is %s', (_, broken) => {
    expect(answer([consent, broken], request).decision).toBe('deny');
  });

  it('deny when a line of NDJSON is broken', () => {
    expect(answer([`${JSON.stringify(consent)}\n{"resourceType":`], request).decision).toBe('deny');
  });

  it('say nothing when they are empty', () => {
    expect(answer(['', ' \n'], request).decision).toBe('no-consent');
  });

  it('may begin with a byte order mark', () => {
    expect(answer([`\uFEFF${JSON.stringify(consent)}`], request).decision).toBe('permit');
  });
});

describe('the request', () => {
  const refused = (request: unknown) => {
    const [first] = answerRequests(readDocuments([]), bytes(request), classifier, now).answers;
    return first !== undefined && !first.ok;
  };

  it.each([
    ['no object', 7],
    ['no patient', { actor: [] }],
    ['a time that is none', { patient: 'Patient/p1', time: 'soon' }],
    ['an actor that is no reference', { patient: 'Patient/p1', actor: ['Dr. One'] }],
    ['a resource that is a number', { patient: 'Patient/p1', resource: 7 }],
    ['a resource that is no name of one', { patient: 'Patient/p1', resource: 'the X-ray' }],
    ['no JSON', '{"patient":'],
  ])('is refused for %s', (_, request) => {
    expect(refused(request)).toBe(true);
  });

  it('may be a list, and is answered in order', () => {
    const one = { patient: 'p1', actor: 'Practitioner/dr1' };
    const { many, answers } = answerRequests(readDocuments([]), bytes([one, one]), classifier, now);
    expect(many).toBe(true);
    expect(answers).toHaveLength(2);
  });

  it('takes references, roles and codes in their several forms', () => {
    const consent = {
      resourceType: 'Consent',
      status: 'active',
      subject: { reference: 'Patient/p1' },
      decision: 'deny',
      provision: [
        {
          actor: [{ role: { coding: [{ system: 'http://r', code: 'doctor' }] } }],
          purpose: [{ system: 'http://p', code: 'TREAT' }],
          action: [{ coding: [{ code: 'access' }] }],
        },
      ],
    };
    const forms = [
      { roles: 'doctor', purpose: 'TREAT', action: 'read' },
      { roles: ['http://r|doctor'], purpose: 'http://p|TREAT', action: { coding: [{ code: 'read' }] } },
      { roles: [{ coding: [{ system: 'http://r', code: 'doctor' }] }], purpose: { code: 'TREAT' }, action: ['read'] },
    ];
    for (const form of forms) {
      expect(answer([consent], { patient: { reference: 'Patient/p1' }, ...form }).decision).toBe('permit');
    }
    expect(answer([consent], { patient: 'p1', ...forms[0], roles: 'http://other|doctor' }).decision).toBe('deny');
  });

  it('may name the resource only', () => {
    const consent = {
      resourceType: 'Consent',
      status: 'active',
      subject: { reference: 'Patient/p1' },
      decision: 'deny',
      provision: [{ data: [{ meaning: 'instance', reference: { reference: 'Observation/o1' } }] }],
    };
    const of = (resource: unknown) => answer([consent], { patient: 'p1', actor: [], resource }).decision;
    expect([of('Observation/o1'), of('Observation/o2'), of('Observation')]).toEqual(['permit', 'deny', 'deny']);
    expect([of({ reference: 'Observation/o1' }), of({ reference: 'Observation/o2' })]).toEqual(['permit', 'deny']);
  });

  it('for a Bundle opens only when each of its resources may', () => {
    const consent = {
      resourceType: 'Consent',
      status: 'active',
      subject: { reference: 'Patient/p1' },
      decision: 'permit',
      provision: [{ resourceType: [{ code: 'Condition' }] }],
    };
    const bundle = (...types: string[]) => ({
      patient: 'p1',
      actor: 'Practitioner/dr1',
      resource: { resourceType: 'Bundle', entry: types.map((resourceType) => ({ resource: { resourceType } })) },
    });
    expect(answer([consent], bundle('Observation', 'Encounter')).decision).toBe('permit');
    expect(answer([consent], bundle('Observation', 'Condition')).decision).toBe('deny');
  });
});
