import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ownershipOf } from '../../../src/domain/fhir/compartment.ts';
import { resourceTypes } from '../../../src/domain/fhir/generated/resource-types.ts';
import { type Subjects, subjectsOf } from '../../../src/domain/fhir/subjects.ts';
import { tapeOf } from '../json/documents.ts';

const bases = { upstreamBase: 'http://ehr.example/fhir', gatewayBase: 'https://gateway.example/fhir' };

const of = (resource: unknown): Subjects => subjectsOf(tapeOf(JSON.stringify(resource)), 0, bases);

/** The ids, or the kind where there are none. */
const whose = (resource: unknown): readonly string[] | string => {
  const subjects = of(resource);
  return subjects.kind === 'patients' ? subjects.ids : subjects.kind;
};

const ref = (reference: string) => ({ reference });
const patient = (id: string) => ref(`Patient/${id}`);

describe('whose a resource is', () => {
  it.each([
    ['an Observation by its subject', { resourceType: 'Observation', subject: patient('a') }, ['a']],
    ['by a versioned reference', { resourceType: 'Observation', subject: ref('Patient/a/_history/3') }, ['a']],
    ['by the upstream URL', { resourceType: 'Observation', subject: ref('http://ehr.example/fhir/Patient/a') }, ['a']],
    [
      'by the gateway URL',
      { resourceType: 'Observation', subject: ref('https://gateway.example/fhir/Patient/a') },
      ['a'],
    ],
    ['the Patient itself', { resourceType: 'Patient', id: 'a' }, ['a']],
    [
      'a linked Patient and the other',
      { resourceType: 'Patient', id: 'a', link: [{ other: patient('b') }] },
      ['a', 'b'],
    ],
    [
      'subject and performer',
      { resourceType: 'Observation', subject: patient('a'), performer: [patient('b')] },
      ['a', 'b'],
    ],
    ['performer alone, as R4 has it', { resourceType: 'Observation', performer: [patient('b')] }, ['b']],
    ['subject and focus', { resourceType: 'Observation', subject: patient('a'), focus: [patient('b')] }, ['a', 'b']],
    [
      'all parts of an Appointment',
      {
        resourceType: 'Appointment',
        participant: [{ actor: patient('a') }, { actor: ref('Practitioner/p') }, { actor: patient('b') }],
      },
      ['a', 'b'],
    ],
    [
      'all members of a Group',
      { resourceType: 'Group', member: [{ entity: patient('a') }, { entity: patient('b') }] },
      ['a', 'b'],
    ],
    [
      'beneficiary, subscriber and payor',
      { resourceType: 'Coverage', beneficiary: patient('a'), subscriber: patient('b'), payor: [ref('Organization/o')] },
      ['a', 'b'],
    ],
    ['Provenance by its targets', { resourceType: 'Provenance', target: [patient('a'), patient('b')] }, ['a', 'b']],
    ['Binary by its security context', { resourceType: 'Binary', securityContext: patient('a') }, ['a']],
    [
      'an AuditEvent by agents and entities',
      { resourceType: 'AuditEvent', agent: [{ who: patient('a') }], entity: [{ what: patient('b') }] },
      ['a', 'b'],
    ],
    ['a List with and without subject', { resourceType: 'List', entry: [{ item: patient('a') }] }, ['a']],
    ['a Task by whom it is for', { resourceType: 'Task', for: patient('a'), focus: ref('ServiceRequest/s') }, ['a']],
    [
      'a Person by its links',
      { resourceType: 'Person', link: [{ target: patient('a') }, { target: ref('Practitioner/p') }] },
      ['a'],
    ],
    ['a Schedule of a patient', { resourceType: 'Schedule', actor: [patient('a')] }, ['a']],
    ['an implanted Device', { resourceType: 'Device', patient: patient('a') }, ['a']],
    [
      'a patient named in an extension too',
      { resourceType: 'Observation', subject: patient('a'), extension: [{ url: 'x', valueReference: patient('b') }] },
      ['a', 'b'],
    ],
    [
      'a patient named within a contained resource too',
      {
        resourceType: 'Observation',
        subject: patient('a'),
        contained: [{ resourceType: 'Observation', id: 'o', subject: patient('b') }],
      },
      ['a', 'b'],
    ],
    [
      'a universal type that names one',
      { resourceType: 'Location', extension: [{ url: 'x', valueReference: patient('b') }] },
      ['b'],
    ],
    [
      'a contained Patient known by its link',
      {
        resourceType: 'Observation',
        subject: ref('#p'),
        contained: [{ resourceType: 'Patient', id: 'p', link: [{ other: patient('a') }] }],
      },
      ['a'],
    ],
    [
      'a contained Group of patients',
      {
        resourceType: 'Observation',
        subject: ref('#g'),
        contained: [{ resourceType: 'Group', id: 'g', member: [{ entity: patient('a') }, { entity: patient('b') }] }],
      },
      ['a', 'b'],
    ],
  ])('%s', (_, resource, expected) => {
    expect(whose(resource)).toEqual(expected);
  });

  it.each([
    ['nothing names anybody', { resourceType: 'Observation' }],
    ['the subject is a logical identifier', { resourceType: 'Observation', subject: { identifier: { value: '1' } } }],
    [
      'so is the subject although another patient is named',
      {
        resourceType: 'Observation',
        subject: { identifier: { value: '1' } },
        performer: [patient('b')],
      },
    ],
    ['the subject is a display only', { resourceType: 'Observation', subject: { display: 'somebody' } }],
    ['the subject is a Group', { resourceType: 'Observation', subject: ref('Group/g'), performer: [patient('b')] }],
    ['a member is a Group', { resourceType: 'Group', member: [{ entity: patient('a') }, { entity: ref('Group/g') }] }],
    [
      'the subject is at another server',
      { resourceType: 'Observation', subject: ref('http://other.example/fhir/Patient/a') },
    ],
    ['the subject is a search', { resourceType: 'Observation', subject: ref('Patient?identifier=1') }],
    ['the subject is a urn without its Bundle', { resourceType: 'Observation', subject: ref('urn:uuid:1') }],
    ['the subject is misspelt', { resourceType: 'Observation', subject: ref('patient/a') }],
    ['the subject climbs', { resourceType: 'Observation', subject: ref('Patient/../Patient/a') }],
    ['the subject is encoded', { resourceType: 'Observation', subject: ref('Patient/%61') }],
    ['the subject is a Device', { resourceType: 'Observation', subject: ref('Device/d') }],
    ['the contained subject is missing', { resourceType: 'Observation', subject: ref('#p') }],
    [
      'the contained Patient has only its own id',
      {
        resourceType: 'Observation',
        subject: ref('#a'),
        contained: [{ resourceType: 'Patient', id: 'a' }],
      },
    ],
    [
      'a contained Patient is named by nobody',
      {
        resourceType: 'Observation',
        subject: patient('a'),
        contained: [{ resourceType: 'Patient', id: 'p', name: [{ family: 'x' }] }],
      },
    ],
    [
      'a contained resource owns itself in a circle',
      {
        resourceType: 'Basic',
        subject: ref('#b'),
        contained: [{ resourceType: 'Basic', id: 'b', subject: ref('#b') }],
      },
    ],
    [
      'another patient is named by identifier',
      {
        resourceType: 'Observation',
        subject: patient('a'),
        performer: [{ type: 'Patient', identifier: { value: '2' } }],
      },
    ],
    [
      'another patient is named at another server',
      {
        resourceType: 'Observation',
        subject: patient('a'),
        focus: [ref('http://other.example/fhir/Patient/b')],
      },
    ],
    [
      'another patient is named illegibly',
      { resourceType: 'Observation', subject: patient('a'), focus: [ref('patient/b')] },
    ],
    ['the Patient has no id', { resourceType: 'Patient' }],
    ['the Patient has no valid id', { resourceType: 'Patient', id: 'a/b' }],
    [
      'the link of a Patient is a logical identifier',
      { resourceType: 'Patient', id: 'a', link: [{ other: { identifier: { value: '1' } } }] },
    ],
    ['Provenance has a target that is not at hand', { resourceType: 'Provenance', target: [ref('Observation/o')] }],
    ['Binary has no security context', { resourceType: 'Binary', data: 'eA==' }],
    ['it is a Bundle', { resourceType: 'Bundle' }],
    ['it is of no known type', { resourceType: 'Nonsense', subject: patient('a') }],
    ['it has no type', { subject: patient('a') }],
    ['its type is no string', { resourceType: ['Patient'], id: 'a' }],
    ['it is a Subscription', { resourceType: 'Subscription', criteria: 'Observation?patient=a' }],
  ])('is unknown where %s', (_, resource) => {
    expect(whose(resource)).toBe('unknown');
  });

  it.each([
    [{ resourceType: 'Practitioner', id: 'p', name: [{ family: 'x' }] }],
    [{ resourceType: 'Location', managingOrganization: ref('Organization/o') }],
    [{ resourceType: 'PractitionerRole', practitioner: ref('Practitioner/p'), location: [ref('Location/l')] }],
    [{ resourceType: 'Slot', schedule: ref('Schedule/s') }],
    [{ resourceType: 'Schedule', actor: [ref('Practitioner/p'), ref('Location/l')] }],
    [{ resourceType: 'Group', type: 'device', member: [{ entity: ref('Device/d') }] }],
    [{ resourceType: 'Device', owner: ref('Organization/o') }],
    [{ resourceType: 'MeasureReport', type: 'summary' }],
    [{ resourceType: 'OperationOutcome', issue: [] }],
    [{ resourceType: 'StructureDefinition', type: 'Patient', identifier: [{ value: '1' }] }],
    [{ resourceType: 'SearchParameter', base: ['Patient'], target: ['Patient'] }],
  ])("is nobody's: %j", (resource) => {
    expect(whose(resource)).toBe('universal');
  });

  it('sees through escapes in keys and values', () => {
    const tape = tapeOf(
      '{"resourceTyp\\u0065":"Observation","subject":{"ref\\u0065rence":"P\\u0061tient\\/a"},"performer":[{"referenc\\u0065":"Patient\\/b"}]}',
    );
    expect(subjectsOf(tape, 0, bases)).toEqual({ kind: 'patients', ids: ['a', 'b'] });
  });

  it('says what it would need to know', () => {
    expect(of({ resourceType: 'Provenance', target: [ref('Observation/o'), ref('Condition/c')] })).toMatchObject({
      kind: 'unknown',
      needs: [
        { kind: 'local', type: 'Observation', id: 'o' },
        { kind: 'local', type: 'Condition', id: 'c' },
      ],
    });
  });

  it('counts every patient named anywhere in any resource, or is unknown', () => {
    const inner = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom('x', 1, null, true),
        fc.constantFrom('p1', 'p2', 'p3').map(patient),
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom('a', 'b', 'item', 'target', 'type', 'extension'), tie('node'), { maxKeys: 3 }),
      ),
    })).node;
    const named = (value: unknown): string[] =>
      [...JSON.stringify(value).matchAll(/"Patient\/(p\d)"/g)].map((match) => match[1] ?? '');
    fc.assert(
      fc.property(fc.constantFrom(...resourceTypes), inner, inner, (resourceType, one, two) => {
        const resource = {
          resourceType,
          id: 'p0',
          subject: patient('p1'),
          patient: patient('p1'),
          one,
          contained: two,
        };
        const subjects = of(resource);
        if (subjects.kind === 'unknown') return;
        const ids = subjects.kind === 'patients' ? subjects.ids : [];
        for (const id of named(resource)) expect(ids).toContain(id);
      }),
      { numRuns: 800 },
    );
  });

  it('never takes an owned resource without an owner for universal', () => {
    for (const resourceType of resourceTypes) {
      const { rule } = ownershipOf(resourceType);
      const expected = rule === 'universal' ? 'universal' : 'unknown';
      expect([resourceType, whose({ resourceType })]).toEqual([resourceType, expected]);
    }
  });
});
