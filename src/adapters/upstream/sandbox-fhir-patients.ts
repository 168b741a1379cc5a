import type { Patient } from '@medplum/fhirtypes';
import type { SandboxFhir } from './sandbox-fhir.ts';

/** The patients that are on the server now, by name: for the picker of a standalone launch. */
export const patientsOf = ({ repository }: Pick<SandboxFhir, 'repository'>): readonly { id: string; name: string }[] =>
  [...repository.store.all('Patient')]
    .map((resource) => ({ id: resource.id, name: nameOf(resource as Patient) || resource.id }))
    .sort((a, b) => a.name.localeCompare(b.name, 'en'));

const nameOf = ({ name: [first] = [] }: Patient): string =>
  first?.text ?? [...(first?.given ?? []), first?.family].filter(Boolean).join(' ');
