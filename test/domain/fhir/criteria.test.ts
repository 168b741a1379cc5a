import { describe, expect, it } from '@jest/globals';
import { classify } from '../../../src/domain/fhir/classify.ts';
import { criteriaTargets } from '../../../src/domain/fhir/criteria.ts';

const targets = (target: string): readonly string[] => {
  const outcome = classify({ method: 'GET', target, headers: {}, body: undefined });
  if (!outcome.ok) throw new Error(outcome.problem.code);
  return criteriaTargets(outcome.interaction).map(({ type, code, kind }) => `${kind} ${type}.${code}`);
};

describe('criteriaTargets', () => {
  it.each([
    ['/Patient?name=a&birthdate=1990', ['filter Patient.name', 'filter Patient.birthdate']],
    ['/Patient?name:exact=a', ['filter Patient.name']],
    ['/Patient?_id=1&_sort=-birthdate', ['filter Patient._id', 'sort Patient.birthdate']],
    ['/Observation?subject:Patient.birthdate=1990', ['chain Observation.subject', 'chain Patient.birthdate']],
    [
      '/Observation?patient.general-practitioner:Practitioner.name=a',
      ['chain Observation.patient', 'chain Patient.general-practitioner', 'chain Practitioner.name'],
    ],
    ['/Patient?_has:Observation:patient:code=1', ['has Observation.patient', 'has Observation.code']],
    ['/Encounter?patient._has:Group:member:_id=1', ['chain Encounter.patient', 'has Group.member', 'chain Group._id']],
    ['/Observation?_id=1&_include=Observation:subject', ['filter Observation._id', 'include Observation.subject']],
    ['/Patient?_id=1&_revinclude=Provenance:target', ['filter Patient._id', 'include Provenance.target']],
    ['/?_type=Patient,Observation&_tag=x', ['filter Patient._tag', 'filter Observation._tag']],
    ['/Patient/_history?_since=2020', ['filter Patient._lastUpdated']],
    ['/Patient/$summary?identifier=x', expect.arrayContaining(['filter Patient.identifier'])],
    ['/Observation/$lastn?patient=1&max=2', ['filter Observation.patient']],
    ['/Patient/1?_elements=birthDate', []],
  ])('tells all that %s reads', (target, expected) => {
    expect(targets(target)).toEqual(expected);
  });

  it('tells every type on which an untyped chain can ask', () => {
    expect(targets('/DiagnosticReport?subject.name=a')).toEqual([
      'chain DiagnosticReport.subject',
      ...['Location', 'Patient'].map((type) => `chain ${type}.name`),
    ]);
  });

  const details = (target: string): readonly unknown[] => {
    const outcome = classify({ method: 'GET', target, headers: {}, body: undefined });
    if (!outcome.ok) throw new Error(outcome.problem.code);
    return criteriaTargets(outcome.interaction).map(({ detail }) => detail);
  };

  it.each([
    ['/Patient?identifier=http://a|1,http://b|2', [{ systems: ['http://a', 'http://b'] }]],
    ['/Patient?identifier=http://a|1,2', [{ systems: [] }]],
    ['/Patient?name:exact=a&birthdate=1990', [{ modifier: 'exact' }, undefined]],
    [
      '/Observation?code=http://l|1,2&value-quantity=gt5&_sort=date',
      [{ systems: [] }, { codes: ['1', '2'] }, { codes: ['1', '2'] }],
    ],
    ['/Observation?code:not=1&value-quantity=gt5', [{ modifier: 'not', systems: [] }, undefined]],
    [
      '/Observation?code=1&subject:Patient.identifier=http://a|1',
      [{ systems: [] }, undefined, { systems: ['http://a'] }],
    ],
    ['/Patient?_has:Observation:patient:code:not=1', [undefined, { modifier: 'not', systems: [] }]],
    ['/Patient?_has:Observation:patient:code=http://l|1', [undefined, { systems: ['http://l'] }]],
  ])('tells what narrows the criteria of %s', (target, expected) => {
    expect(details(target)).toEqual(expected);
  });

  it.each([
    ['/Patient/1/*?_lastUpdated=ge2020', '_lastUpdated'],
    ['/Patient/1/*?_content=cancer', '_content'],
    ['/?_tag=x', '_tag'],
    ['/_history?_since=2020', '_lastUpdated'],
    ['/Patient/1/$everything?_since=2020', '_lastUpdated'],
    ['/$export?_since=2020', '_lastUpdated'],
    ['/Patient/1/$everything?start=2020', 'date'],
  ])('tells of every type what %s reads, when it names none', (target, code) => {
    expect(targets(target)).toEqual(
      expect.arrayContaining([`filter Observation.${code}`, `filter Composition.${code}`]),
    );
  });

  it('tells that a match compares whole patients', () => {
    const body = new TextEncoder().encode('{"resourceType":"Parameters","parameter":[]}');
    const outcome = classify({
      method: 'POST',
      target: '/Patient/$match',
      headers: { 'content-type': 'application/fhir+json' },
      body,
    });
    if (!outcome.ok) throw new Error(outcome.problem.code);
    expect(criteriaTargets(outcome.interaction)).toMatchObject([{ type: 'Patient', code: '_content' }]);
  });

  it('tells every reference that a wildcard follows', () => {
    const found = targets('/Observation?_id=1&_include=Observation:*');
    expect(found).toEqual(expect.arrayContaining(['include Observation.subject', 'include Observation.performer']));
    expect(found).not.toContain('include Observation.code');
  });
});
