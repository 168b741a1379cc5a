import { allOk, gone, notFound, validateResource } from '@medplum/core';
import type { FhirRequest, FhirResponse, FhirRouter } from '@medplum/fhir-router';
import type { Bundle, BundleEntry, Resource } from '@medplum/fhirtypes';
import type { SandboxRepository } from './sandbox-fhir-repository.ts';
import { referencesIn, type StoredResource } from './sandbox-fhir-store.ts';

/** Operations and interactions that Medplum's router leaves out. */
export const addEverything = (router: FhirRouter, repository: SandboxRepository): void => {
  const everything = async (request: FhirRequest) => patientEverything(repository, request);
  router.add('GET', 'Patient/:id/$everything', everything);
  router.add('POST', 'Patient/:id/$everything', everything);
  router.add('POST', ':resourceType/$validate', async ({ body }) => {
    validateResource(body);
    return [allOk];
  });
  router.add('GET', ':resourceType/_history', async ({ params }) => [
    allOk,
    await repository.readHistoryOf([params.resourceType ?? '']),
  ]);
  router.add('GET', '_history', async () => [allOk, await repository.readHistoryOf(repository.store.types())]);
};

/** Patient/$everything: the patient, all that names the patient, and what those name (staff, places) one step on. */
const patientEverything = (repository: SandboxRepository, { params, query }: FhirRequest): FhirResponse => {
  const newest = repository.store.newest('Patient', params.id ?? '');
  if (!newest?.resource) return [newest ? gone : notFound];
  const found = new Map<string, StoredResource>();
  const take = (resource: StoredResource) => found.set(`${resource.resourceType}/${resource.id}`, resource);
  take(newest.resource);
  const self = `Patient/${newest.id}`;
  for (const type of repository.store.types()) for (const each of repository.store.referring(type, self)) take(each);
  for (const resource of [...found.values()]) {
    for (const reference of referencesIn(resource)) {
      const [type = '', id = ''] = reference.split('/');
      const named = type === 'Patient' ? undefined : repository.store.newest(type, id)?.resource;
      if (named) take(named);
    }
  }
  const types = typeof query._type === 'string' ? new Set(query._type.split(',')) : undefined;
  const since = typeof query._since === 'string' ? query._since : '';
  const entry: BundleEntry[] = [...found.values()]
    .filter(({ resourceType, meta }) => (!types || types.has(resourceType)) && meta.lastUpdated >= since)
    .map((resource) => ({ resource: resource as Resource, search: { mode: 'match' } }));
  const bundle: Bundle = { resourceType: 'Bundle', type: 'searchset', total: entry.length, entry };
  return [allOk, bundle];
};
