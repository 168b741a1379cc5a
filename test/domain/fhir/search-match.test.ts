import { describe, expect, it } from '@jest/globals';
import type { ResourceType } from '../../../src/domain/fhir/interaction.ts';
import { readPairs } from '../../../src/domain/fhir/query-text.ts';
import { isMatchable, matchesQuery } from '../../../src/domain/fhir/search-match.ts';
import { noResults, parseQuery } from '../../../src/domain/fhir/search-query.ts';
import { scan } from '../../../src/domain/json/scan.ts';

const matches = (resource: { readonly resourceType: string }, text: string): boolean => {
  const type = resource.resourceType as ResourceType;
  const pairs = readPairs(text, 10);
  if ('code' in pairs) throw new Error(pairs.code);
  const query = parseQuery(pairs, { types: [type], results: noResults });
  if ('code' in query) throw new Error(query.code);
  const scanned = scan(new TextEncoder().encode(JSON.stringify(resource)));
  if (!scanned.ok) throw new Error(scanned.fault.code);
  const found = matchesQuery(scanned.tape, 0, type, query);
  if (found) expect(isMatchable(type, query)).toBe(true);
  return found;
};

const observation = {
  resourceType: 'Observation',
  id: 'o1',
  meta: { tag: [{ system: 'http://t', code: 'x' }], lastUpdated: '2024-05-01T10:00:00Z' },
  status: 'final',
  category: [
    { coding: [{ system: 'http://c', code: 'a' }] },
    { coding: [{ code: 'b' }, { system: 'http://c', code: 'c' }] },
  ],
  subject: { reference: 'Patient/p1' },
  effectivePeriod: { start: '2024-01-01', end: '2024-01-31' },
};
const patient = {
  resourceType: 'Patient',
  id: 'p1',
  active: true,
  name: [{ family: 'Ångström' }],
  telecom: [
    { system: 'phone', value: '1' },
    { system: 'email', value: 'a@b' },
  ],
  birthDate: '1990-05',
};

describe('matchesQuery', () => {
  it.each([
    ['category=http://c|a', true],
    ['category=a', true],
    ['category=http://c|c,http://c|z', true],
    ['category=|b', true],
    ['category=http://c|', true],
    ['category=http://d|a', false],
    ['category=|a', false],
    ['category=A', false],
    ['category=http://c|a&category=http://c|z', false],
    ['status=final&category=a', true],
    ['status=http://hl7.org/fhir/observation-status|final', false],
    ['_tag=http://t|x', true],
    ['_id=o1', true],
    ['_lastUpdated=ge2024-05', true],
    ['_lastUpdated=lt2024-05', false],
    ['date=2024-01', true],
    ['date=2024-01-05', false],
    ['date=ge2024-01-15', true],
    ['date=sa2024', false],
    ['date=eb2024-02', true],
    ['date=ne2024', false],
    ['subject=Patient/p1', true],
    ['patient=p1', true],
    ['patient=p2', false],
    ['subject=Group/p1', false],
    // What cannot be judged here matches nothing.
    ['category:not=z', false],
    ['category:missing=false', false],
    ['subject.name=a', false],
    ['value-quantity=gt0', false],
    ['_content=a', false],
  ])('of an Observation with %s is %s', (query, expected) => {
    expect(matches(observation, query)).toBe(expected);
  });

  it.each([
    ['active=true', true],
    ['active=false', false],
    ['email=a@b', true],
    ['phone=a@b', false],
    ['family=%C3%A5ng', true],
    ['family=gström', false],
    ['birthdate=1990', true],
    ['birthdate=1990-05-01', false],
  ])('of a Patient with %s is %s', (query, expected) => {
    expect(matches(patient, encodeURI(decodeURI(query)))).toBe(expected);
  });

  it('is false without any criterion', () => {
    const scanned = scan(new TextEncoder().encode('{"resourceType":"Patient"}'));
    if (!scanned.ok) throw new Error(scanned.fault.code);
    expect(matchesQuery(scanned.tape, 0, 'Patient' as ResourceType, { criteria: [], includes: [], sort: [] })).toBe(
      false,
    );
  });
});
