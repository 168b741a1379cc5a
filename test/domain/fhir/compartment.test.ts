import { describe, expect, it } from '@jest/globals';
import { classedTypes, ownershipOf, searchSubjects } from '../../../src/domain/fhir/compartment.ts';
import { patientCompartment } from '../../../src/domain/fhir/generated/compartment.ts';
import { resourceTypes } from '../../../src/domain/fhir/generated/resource-types.ts';
import type { ResourceType } from '../../../src/domain/fhir/interaction.ts';
import { typeSchema } from '../../../src/domain/fhir/schema.ts';

const subjectCodes = (type: string, role: string): string[] =>
  searchSubjects(type as ResourceType)
    .filter((parameter) => parameter.role === role)
    .map((parameter) => parameter.code)
    .sort();

/** True when the path leads to a Reference by the schema of R4. */
const leadsToReference = (type: string, path: string): boolean => {
  let here = type;
  for (const name of path.split('.')) {
    const element = typeSchema(here)?.elements.get(name);
    if (element === undefined) return false;
    here = typeSchema(`${here}.${name}`) === undefined ? element.type : `${here}.${name}`;
  }
  return here === 'Reference';
};

describe('the table of owners', () => {
  it('classes every type that the definitions have, and no other', () => {
    expect(resourceTypes.length).toBeGreaterThanOrEqual(146);
    expect([...classedTypes].sort()).toEqual([...resourceTypes].sort());
  });

  it('has only paths that lead to a Reference', () => {
    const wrong = resourceTypes.flatMap((type) => {
      const { owners, named, via } = ownershipOf(type);
      return [...owners, ...named, ...via]
        .filter((path) => !leadsToReference(type, path))
        .map((path) => `${type}.${path}`);
    });
    expect(wrong).toEqual([]);
  });

  it('reaches everything in the patient compartment of R4', () => {
    for (const type of Object.keys(patientCompartment)) {
      const { owners, named, via, rule } = ownershipOf(type);
      expect({ type, paths: owners.length + named.length + via.length }).not.toEqual({ type, paths: 0 });
      expect(rule).not.toBe('withheld');
    }
    expect(Object.keys(patientCompartment).length).toBeGreaterThan(60);
  });

  it('withholds what R4 does not know', () => {
    expect(ownershipOf('Nonsense').rule).toBe('withheld');
    expect(ownershipOf('__proto__').rule).toBe('withheld');
    expect(ownershipOf('patient').rule).toBe('withheld');
  });

  it('tells which search parameters bound an answer to a patient, and which only name one', () => {
    expect(subjectCodes('Observation', 'owner')).toEqual(['patient', 'subject']);
    expect(subjectCodes('Observation', 'named')).toEqual(['focus', 'performer']);
    expect(subjectCodes('Coverage', 'owner')).toEqual(['beneficiary', 'patient']);
    expect(subjectCodes('Coverage', 'named')).toEqual(['payor', 'policy-holder', 'subscriber']);
    expect(subjectCodes('Group', 'owner')).toEqual(['member']);
    expect(subjectCodes('Patient', 'named')).toEqual(['link']);
    expect(subjectCodes('Location', 'owner')).toEqual([]);
  });

  it('knows when a bare id in a search can only be that of a Patient', () => {
    const only = searchSubjects('Observation' as ResourceType).filter(({ patientOnly }) => patientOnly);
    expect(only.map(({ code }) => code)).toEqual(['patient']);
  });
});
