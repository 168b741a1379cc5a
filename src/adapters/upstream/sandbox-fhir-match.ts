import {
  convertToSearchableReferences,
  evalFhirPathTyped,
  type Filter,
  getSearchParameterDetails,
  Operator,
  parseSearchRequest,
  splitSearchOnComma,
  type TypedValue,
  toTypedValue,
} from '@medplum/core';
import type { Resource, ResourceType, SearchParameter } from '@medplum/fhirtypes';
import { compartmentParametersOf, searchParameterOf } from './sandbox-fhir-definitions.ts';
import type { ResourceStore, StoredResource } from './sandbox-fhir-store.ts';
import { meets } from './sandbox-fhir-values.ts';

/**
 * Whether a resource meets one search criterion. Medplum's in-memory matcher knows no numbers, quantities or `_has`, matches
 * strings anywhere, and evaluates a shared parameter's expression for every type that has it: 26 ms for a page, now 0.4.
 */
export const matches = (store: ResourceStore, resource: StoredResource, filter: Filter): boolean => {
  if (filter.code === compartmentCode) return isInCompartment(resource, filter.value);
  if (filter.code.startsWith('_has:')) return matchesReverseChain(store, resource, filter);
  if (filter.code.includes('.')) return matchesChain(store, resource, filter);
  const parameter = searchParameterOf(resource.resourceType, filter.code);
  if (!parameter) return false;
  const values = valuesOf(parameter, resource);
  if (filter.operator === Operator.MISSING) return (values.length === 0) === (filter.value === 'true');
  if (parameter.type === 'reference') return matchesReference(parameter, values, filter);
  return meets(parameter.type, values, filter);
};

/** Not a parameter that a client can send: it carries the path of a compartment search to the store. */
export const compartmentCode = '_compartment';

const isInCompartment = (resource: StoredResource, patient: string): boolean =>
  `${resource.resourceType}/${resource.id}` === patient ||
  compartmentParametersOf(resource.resourceType).some((parameter) =>
    convertToSearchableReferences(valuesOf(parameter, resource)).map(unversioned).includes(patient),
  );

/** Only the part of the expression that is for this type; Medplum keeps it parsed. */
export const valuesOf = (parameter: SearchParameter, resource: Resource): TypedValue[] =>
  evalFhirPathTyped(getSearchParameterDetails(resource.resourceType, parameter).parsedExpression, [
    toTypedValue(resource),
  ]);

const matchesReference = (
  parameter: SearchParameter,
  values: TypedValue[],
  { code, operator, value }: Filter,
): boolean => {
  if (operator === Operator.IDENTIFIER) return matchesIdentifier(values, value);
  const references = convertToSearchableReferences(values).map(unversioned);
  const found = splitSearchOnComma(value).some((wanted) =>
    referenceForms(parameter, code, wanted).some((form) => references.includes(form)),
  );
  return operator === Operator.NOT || operator === Operator.NOT_EQUALS ? !found : found;
};

const matchesIdentifier = (values: TypedValue[], wanted: string): boolean => {
  const [first = '', second] = wanted.split('|');
  return values.some(({ value }) => {
    const identifier = value?.identifier;
    if (!identifier) return false;
    return second === undefined
      ? identifier.value === first
      : identifier.system === first && identifier.value === second;
  });
};

const unversioned = (reference: string): string => reference.replace(/\/_history\/.*$/, '');

/** What a reference criterion can be written as in a resource: `123` may stand for any of the parameter's target types. */
export const referenceForms = (parameter: SearchParameter, code: string, wanted: string): readonly string[] => {
  if (wanted.includes('/') || wanted.startsWith('urn:')) return [unversioned(wanted)];
  const targets = code === 'patient' ? ['Patient'] : (parameter.target ?? []);
  return targets.map((target) => `${target}/${wanted}`);
};

const matchesChain = (store: ResourceStore, resource: StoredResource, { code, value }: Filter): boolean => {
  const dot = code.indexOf('.');
  const [name = '', type] = code.slice(0, dot).split(':');
  const parameter = searchParameterOf(resource.resourceType, name);
  if (parameter?.type !== 'reference') return false;
  return convertToSearchableReferences(valuesOf(parameter, resource)).some((reference) => {
    const [targetType = '', id = ''] = unversioned(reference).split('/');
    if (type !== undefined && type !== targetType) return false;
    const target = store.newest(targetType, id)?.resource;
    return target !== undefined && matchesAll(store, target, code.slice(dot + 1), value);
  });
};

/** `_has:Observation:patient:code=...`: some Observation that names this resource as its patient has the code. */
const matchesReverseChain = (store: ResourceStore, resource: StoredResource, { code, value }: Filter): boolean => {
  const [, type = '', name = '', ...rest] = code.split(':');
  const parameter = searchParameterOf(type, name);
  if (parameter?.type !== 'reference' || rest.length === 0) return false;
  const self = `${resource.resourceType}/${resource.id}`;
  for (const other of store.referring(type, self)) {
    const names = convertToSearchableReferences(valuesOf(parameter, other)).map(unversioned).includes(self);
    if (names && matchesAll(store, other, rest.join(':'), value)) return true;
  }
  return false;
};

const matchesAll = (store: ResourceStore, resource: StoredResource, key: string, value: string): boolean => {
  const { filters = [] } = parseSearchRequest(resource.resourceType as ResourceType, { [key]: value });
  return filters.length > 0 && filters.every((filter) => matches(store, resource, filter));
};
