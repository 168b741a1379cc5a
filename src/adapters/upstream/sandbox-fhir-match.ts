import {
  badRequest,
  convertToSearchableNumbers,
  convertToSearchableQuantities,
  convertToSearchableReferences,
  convertToSearchableStrings,
  evalFhirPathTyped,
  type FhirPathAtom,
  type Filter,
  matchesSearchRequest,
  OperationOutcomeError,
  Operator,
  parseFhirPath,
  parseSearchRequest,
  splitSearchOnComma,
  type TypedValue,
  toTypedValue,
} from '@medplum/core';
import type { Resource, ResourceType, SearchParameter } from '@medplum/fhirtypes';
import { searchParameterOf } from './sandbox-fhir-definitions.ts';
import type { ResourceStore, StoredResource } from './sandbox-fhir-store.ts';

/**
 * Whether a resource meets one search criterion. Dates, tokens and references are Medplum's; strings (R4: starts with),
 * numbers, quantities, chains and `_has` are not in its in-memory matcher and are done here.
 */
export const matches = (store: ResourceStore, resource: StoredResource, filter: Filter): boolean => {
  if (filter.code.startsWith('_has:')) return matchesReverseChain(store, resource, filter);
  if (filter.code.includes('.')) return matchesChain(store, resource, filter);
  const { resourceType } = resource;
  const parameter = searchParameterOf(resourceType, filter.code);
  if (!parameter) return false;
  if (filter.operator !== Operator.MISSING && filter.operator !== Operator.PRESENT) {
    if (parameter.type === 'string') return matchesString(valuesOf(parameter, resource), filter);
    if (parameter.type === 'number') return matchesNumber(valuesOf(parameter, resource), filter);
    if (parameter.type === 'quantity') return matchesQuantity(valuesOf(parameter, resource), filter);
    if (parameter.type === 'reference') return matchesReference(parameter, valuesOf(parameter, resource), filter);
  }
  return matchesSearchRequest(resource, { resourceType, filters: [filter] });
};

const parsed = new Map<string, FhirPathAtom>();

/** Parsing an expression costs more than evaluating it; there are some 1,400 of them, so all may stay. */
export const valuesOf = ({ expression = '' }: SearchParameter, resource: Resource): TypedValue[] => {
  let atom = parsed.get(expression);
  if (!atom) {
    atom = parseFhirPath(expression);
    parsed.set(expression, atom);
  }
  return evalFhirPathTyped(atom, [toTypedValue(resource)]);
};

/** R4 search.html#string: case- and accent-insensitive, starts with, unless a modifier says otherwise. */
const matchesString = (values: TypedValue[], { operator, value }: Filter): boolean => {
  const wanted = splitSearchOnComma(value);
  const texts = values.flatMap(stringParts);
  if (operator === Operator.EXACT) return texts.some((text) => wanted.includes(text));
  const folded = texts.map(fold);
  return wanted
    .map(fold)
    .some((each) =>
      folded.some((text) => (operator === Operator.CONTAINS ? text.includes(each) : text.startsWith(each))),
    );
};

const fold = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

const stringParts = (value: TypedValue): readonly string[] => {
  if (typeof value.value === 'string') return [value.value];
  if (value.type === 'HumanName' || value.type === 'Address') return leaves(value.value);
  return convertToSearchableStrings([value]);
};

const leaves = (node: unknown): readonly string[] => {
  if (typeof node === 'string') return [node];
  return typeof node === 'object' && node !== null ? Object.values(node).flatMap(leaves) : [];
};

const matchesNumber = (values: TypedValue[], { operator, value }: Filter): boolean =>
  convertToSearchableNumbers(values).some(([low, high]) =>
    splitSearchOnComma(value).some((wanted) =>
      compare(low ?? Number.NEGATIVE_INFINITY, high ?? Number.POSITIVE_INFINITY, operator, wanted),
    ),
  );

const matchesQuantity = (values: TypedValue[], { operator, value }: Filter): boolean =>
  convertToSearchableQuantities(values).some((quantity) =>
    splitSearchOnComma(value).some((wanted) => {
      const [number = '', system, code] = wanted.split('|');
      if (system && quantity.system !== system) return false;
      if (code && quantity.code !== code && quantity.unit !== code) return false;
      const { value: actual } = quantity;
      return actual !== undefined && compare(actual, actual, operator, number);
    }),
  );

/** The precision of the number that was sent gives the range it stands for: 100 is 99.5 to 100.5 (search.html#number). */
const compare = (low: number, high: number, operator: Operator, text: string): boolean => {
  const wanted = Number(text);
  if (text === '' || Number.isNaN(wanted)) throw new OperationOutcomeError(badRequest('A number is expected.'));
  const decimals = /\.(\d+)/.exec(text)?.[1]?.length ?? 0;
  const half = 0.5 * 10 ** -decimals;
  switch (operator) {
    case Operator.LESS_THAN:
    case Operator.ENDS_BEFORE:
      return low < wanted;
    case Operator.LESS_THAN_OR_EQUALS:
      return low <= wanted;
    case Operator.GREATER_THAN:
    case Operator.STARTS_AFTER:
      return high > wanted;
    case Operator.GREATER_THAN_OR_EQUALS:
      return high >= wanted;
    case Operator.NOT_EQUALS:
      return high < wanted - half || low >= wanted + half;
    case Operator.APPROXIMATELY:
      return high >= wanted - Math.abs(wanted) / 10 && low <= wanted + Math.abs(wanted) / 10;
    default:
      return high >= wanted - half && low < wanted + half;
  }
};

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
