import type { SortRule } from '@medplum/core';
import { searchParameterOf } from './sandbox-fhir-definitions.ts';
import { valuesOf } from './sandbox-fhir-match.ts';
import type { StoredResource } from './sandbox-fhir-store.ts';

/** Compares by the first value of each rule's parameter; resources without a value come last, in either direction. */
export const bySortRules = (type: string, rules: readonly SortRule[]) => {
  const keys = rules.map(({ code, descending }) => ({ keyOf: keyReader(type, code), sign: descending ? -1 : 1 }));
  return (a: StoredResource, b: StoredResource): number => {
    for (const { keyOf, sign } of keys) {
      const order = compareKeys(keyOf(a), keyOf(b), sign);
      if (order !== 0) return order;
    }
    return 0;
  };
};

type Key = number | string | undefined;

const keyReader = (type: string, code: string): ((resource: StoredResource) => Key) => {
  const parameter = searchParameterOf(type, code);
  const seen = new Map<StoredResource, Key>();
  return (resource) => {
    if (!parameter) return undefined;
    if (!seen.has(resource)) seen.set(resource, keyOf(valuesOf(parameter, resource)[0]?.value));
    return seen.get(resource);
  };
};

const keyOf = (value: unknown): Key => {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return value.toLowerCase();
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'object' || value === null) return undefined;
  const part = value as Record<string, unknown>;
  const coding = Array.isArray(part.coding) ? part.coding[0] : undefined;
  const inner = part.value ?? part.start ?? part.end ?? part.family ?? part.code ?? part.reference;
  return keyOf(inner ?? coding?.code ?? part.text ?? (Array.isArray(part.given) ? part.given[0] : undefined));
};

const compareKeys = (a: Key, b: Key, sign: number): number => {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  if (typeof a === 'number' && typeof b === 'number') return sign * (a - b);
  return sign * (String(a) < String(b) ? -1 : 1);
};
