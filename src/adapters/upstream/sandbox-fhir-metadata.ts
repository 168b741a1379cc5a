import type { CapabilityStatement, CapabilityStatementRestResource } from '@medplum/fhirtypes';
import { resourceTypes, searchParametersOf } from './sandbox-fhir-definitions.ts';

const interactions = [
  'read',
  'vread',
  'update',
  'patch',
  'delete',
  'history-instance',
  'history-type',
  'create',
  'search-type',
] as const;

/** What the sandbox FHIR server does, and nothing that it does not. */
export const capabilityStatement = (base: string, now: Date): CapabilityStatement => ({
  resourceType: 'CapabilityStatement',
  status: 'active',
  date: now.toISOString(),
  kind: 'instance',
  software: { name: 'Consentry sandbox FHIR server' },
  implementation: { description: 'Synthetic data for demos and tests', url: base },
  fhirVersion: '4.0.1',
  format: ['json', 'application/fhir+json'],
  patchFormat: ['application/json-patch+json'],
  rest: [
    {
      mode: 'server',
      documentation: 'Open on loopback by design; put a gateway in front of it.',
      resource: resourceTypes().map(resource),
      interaction: [{ code: 'transaction' }, { code: 'batch' }, { code: 'history-system' }, { code: 'search-system' }],
      operation: [
        { name: 'graphql', definition: 'http://hl7.org/fhir/OperationDefinition/Resource-graphql' },
        { name: 'export', definition: 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export' },
      ],
    },
  ],
});

const r4 = 'http://hl7.org/fhir/OperationDefinition/';
const bulk = 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition/';

const operations: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  Patient: [
    ['everything', `${r4}Patient-everything`],
    ['match', `${r4}Patient-match`],
    ['export', `${bulk}patient-export`],
  ],
  Group: [['export', `${bulk}group-export`]],
  Observation: [['lastn', `${r4}Observation-lastn`]],
  Composition: [['document', `${r4}Composition-document`]],
};

let pointing: ReadonlyMap<string, readonly string[]> | undefined;

/** By type, the reference parameters of others that lead to it. */
const pointingAt = (): ReadonlyMap<string, readonly string[]> => {
  if (pointing !== undefined) return pointing;
  const found = new Map<string, string[]>();
  for (const from of resourceTypes())
    for (const { code, type, target = [] } of searchParametersOf(from))
      if (type === 'reference') for (const to of target) found.set(to, [...(found.get(to) ?? []), `${from}:${code}`]);
  pointing = found;
  return found;
};

const resource = (type: string): CapabilityStatementRestResource => {
  const parameters = searchParametersOf(type);
  const references = parameters.filter(({ type: kind }) => kind === 'reference').map(({ code }) => `${type}:${code}`);
  return {
    type: type as CapabilityStatementRestResource['type'],
    profile: `http://hl7.org/fhir/StructureDefinition/${type}`,
    interaction: interactions.map((code) => ({ code })),
    versioning: 'versioned-update',
    readHistory: true,
    updateCreate: true,
    conditionalCreate: true,
    conditionalRead: 'full-support',
    conditionalUpdate: true,
    conditionalDelete: 'single',
    referencePolicy: ['literal', 'logical'],
    searchInclude: references,
    searchRevInclude: [...(pointingAt().get(type) ?? [])],
    searchParam: parameters.map(({ code, type: kind, url }) => ({
      name: code,
      type: kind,
      ...(url ? { definition: url } : {}),
    })),
    operation: [
      { name: 'validate', definition: `${r4}Resource-validate` },
      ...(operations[type] ?? []).map(([name, definition]) => ({ name, definition })),
    ],
  };
};
