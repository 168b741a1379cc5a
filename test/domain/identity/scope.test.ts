import { describe, expect, it } from '@jest/globals';
import { parseScope, parseScopes } from '../../../src/domain/identity/scope.ts';

const letters = (text: string): string | undefined => {
  const scope = parseScope(text);
  if (scope === undefined) return undefined;
  const { create, read, update, search } = scope;
  return [create && 'c', read && 'r', update && 'u', scope.delete && 'd', search && 's'].filter(Boolean).join('');
};

describe('parseScope', () => {
  it.each([
    ['patient/Patient.read', 'rs'],
    ['user/Observation.write', 'cud'],
    ['system/*.*', 'cruds'],
    ['user/*.rs', 'rs'],
    ['user/Observation.cruds', 'cruds'],
    ['patient/Observation.s', 's'],
    ['patient/Observation.r', 'r'],
    ['patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory', 'rs'],
    ['patient/Observation.rs?category=http%3A%2F%2Fx%7Clab&status=final', 'rs'],
  ])('reads %s', (text, expected) => {
    expect(letters(text)).toBe(expected);
  });

  it.each([
    'patient/Observation.',
    'patient/Observation.sr',
    'patient/Observation.rr',
    'patient/Nosuch.read',
    'patient/observation.read',
    'Patient/Observation.read',
    'patient/Observation.read?category=x',
    'patient/Observation.rs?',
    'patient/Observation.rs?nosuch=x',
    'patient/Observation.rs?subject.name=x',
    'patient/Observation.rs?code:in=http://x',
    'patient/Observation.rs?_content=x',
    'patient/*.rs?category=x',
    'launch/patient',
    'openid',
    'fhirUser',
    'offline_access',
  ])('gives no right for %s', (text) => {
    expect(parseScope(text)).toBeUndefined();
  });

  it('leaves what is no resource scope out of a list', () => {
    const scopes = parseScopes('openid fhirUser launch/patient patient/Patient.rs  offline_access user/*.read');
    expect(scopes.map(({ text }) => text)).toEqual(['patient/Patient.rs', 'user/*.read']);
  });
});
