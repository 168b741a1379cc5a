import {
  allOk,
  badRequest,
  gone,
  notFound,
  Operator,
  parseSearchRequest,
  toPeriod,
  validateResource,
} from '@medplum/core';
import type { FhirRequest, FhirResponse, FhirRouter } from '@medplum/fhir-router';
import type {
  Bundle,
  BundleEntry,
  Composition,
  Observation,
  Parameters,
  Patient,
  Resource,
  ResourceType,
} from '@medplum/fhirtypes';
import { compartmentCode } from './sandbox-fhir-match.ts';
import type { SandboxRepository } from './sandbox-fhir-repository.ts';
import { referencesIn, type StoredResource } from './sandbox-fhir-store.ts';

/** Operations and interactions that Medplum's router leaves out. */
export const addOperations = (router: FhirRouter, repository: SandboxRepository): void => {
  const everything = async (request: FhirRequest) => patientEverything(repository, request);
  router.add('GET', 'Patient/:id/$everything', everything);
  router.add('POST', 'Patient/:id/$everything', everything);
  router.add('GET', 'Patient/:id/:resourceType', async (request) => searchCompartment(repository, request));
  router.add('GET', 'Observation/$lastn', async (request) => lastObservations(repository, request));
  router.add('GET', 'Composition/:id/$document', async (request) => document(repository, request));
  router.add('POST', 'Patient/$match', async (request) => match(repository, request));
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

/** `Patient/1/Observation?...` (R4 search.html, compartments). */
const searchCompartment = async (
  repository: SandboxRepository,
  { params, query }: FhirRequest,
): Promise<FhirResponse> => {
  const search = parseSearchRequest(params.resourceType as ResourceType, query);
  const compartment = { code: compartmentCode, operator: Operator.EQUALS, value: `Patient/${params.id}` };
  return [allOk, await repository.search({ ...search, filters: [compartment, ...(search.filters ?? [])] })];
};

const searchset = (resources: readonly Resource[], score?: (resource: Resource) => number): FhirResponse => {
  const entry: BundleEntry[] = resources.map((resource) => ({
    resource,
    search: { mode: 'match', ...(score ? { score: score(resource) } : {}) },
  }));
  const bundle: Bundle = { resourceType: 'Bundle', type: 'searchset', total: entry.length, entry };
  return [allOk, bundle];
};

const namedBy = (repository: SandboxRepository, resource: Resource): readonly StoredResource[] =>
  [...referencesIn(resource)].flatMap((reference) => {
    const [type = '', id = ''] = reference.split('/');
    return repository.store.newest(type, id)?.resource ?? [];
  });

/** The patient, all that names the patient, and what those name (staff, places) one step on. */
const patientEverything = (repository: SandboxRepository, { params, query }: FhirRequest): FhirResponse => {
  const newest = repository.store.newest('Patient', params.id ?? '');
  if (!newest?.resource) return [newest ? gone : notFound];
  const own = everythingOf(repository, newest.resource);
  const named = own
    .flatMap((each) => namedBy(repository, each))
    .filter(({ resourceType }) => resourceType !== 'Patient');
  const types = typeof query._type === 'string' ? new Set(query._type.split(',')) : undefined;
  const since = typeof query._since === 'string' ? query._since : '';
  const isWanted = ({ resourceType, meta }: StoredResource): boolean =>
    (!types || types.has(resourceType)) && meta.lastUpdated >= since;
  return searchset([...new Set([...own, ...named])].filter(isWanted) as Resource[]);
};

/** A patient and what names the patient: the record without the house around it. */
export const everythingOf = (repository: SandboxRepository, patient: StoredResource): readonly StoredResource[] => [
  patient,
  ...repository.store.types().flatMap((type) => [...repository.store.referring(type, `Patient/${patient.id}`)]),
];

/** The newest Observations of each code for one patient (R4 observation-operation-lastn). */
const lastObservations = (repository: SandboxRepository, { query }: FhirRequest): FhirResponse => {
  const patient = [query.patient ?? query.subject].flat()[0];
  if (!patient) return [badRequest('$lastn needs a patient')];
  const most = Number(query.max ?? 1);
  const byCode = new Map<string, Observation[]>();
  const reference = patient.includes('/') ? patient : `Patient/${patient}`;
  for (const each of repository.store.referring('Observation', reference) as Iterable<Observation>) {
    const [coding] = each.code.coding ?? [];
    const key = coding ? `${coding.system}|${coding.code}` : (each.code.text ?? '');
    byCode.set(key, [...(byCode.get(key) ?? []), each]);
  }
  const time = (each: Observation): string => toPeriod(each.effectiveDateTime ?? each.effectivePeriod)?.start ?? '';
  const newest = [...byCode.values()].flatMap((all) => all.sort((a, b) => (time(a) < time(b) ? 1 : -1)).slice(0, most));
  return searchset(newest);
};

/** A Composition and all that it names, as a document (R4 composition-operation-document). */
const document = (repository: SandboxRepository, { params }: FhirRequest): FhirResponse => {
  const newest = repository.store.newest('Composition', params.id ?? '');
  if (!newest?.resource) return [newest ? gone : notFound];
  const composition = newest.resource as Composition & StoredResource;
  const resources = [...new Set([composition, ...namedBy(repository, composition)])] as Resource[];
  return [
    allOk,
    {
      resourceType: 'Bundle',
      type: 'document',
      identifier: { system: 'urn:ietf:rfc:3986', value: `urn:uuid:${crypto.randomUUID()}` },
      timestamp: newest.lastUpdated,
      entry: resources.map((resource) => ({ fullUrl: `${resource.resourceType}/${resource.id}`, resource })),
    },
  ];
};

/** Patients that may be the one in the Parameters, best first (R4 patient-operation-match). */
const match = (repository: SandboxRepository, { body }: FhirRequest): FhirResponse => {
  const wanted = (body as Parameters).parameter?.find(({ name }) => name === 'resource')?.resource as
    | Patient
    | undefined;
  if (wanted?.resourceType !== 'Patient') return [badRequest('$match needs a Patient as parameter "resource"')];
  const scores = new Map<Resource, number>();
  for (const each of repository.store.all('Patient') as Iterable<Patient>) {
    const score = likeness(wanted, each);
    if (score >= 0.5) scores.set(each, score);
  }
  const best = [...scores.keys()].sort((a, b) => (scores.get(b) ?? 0) - (scores.get(a) ?? 0));
  return searchset(best, (resource) => scores.get(resource) ?? 0);
};

const likeness = (wanted: Patient, other: Patient): number => {
  const hasIdentifier = wanted.identifier?.some(({ system, value }) =>
    other.identifier?.some((each) => value !== undefined && each.value === value && each.system === system),
  );
  if (hasIdentifier) return 1;
  const isFamily = wanted.name?.some(({ family }) => family && other.name?.some((name) => name.family === family));
  const isGiven = wanted.name?.some(({ given }) =>
    other.name?.some((name) => given?.[0] && name.given?.includes(given[0])),
  );
  const isBorn = wanted.birthDate !== undefined && wanted.birthDate === other.birthDate;
  return (isFamily ? 0.4 : 0) + (isGiven ? 0.2 : 0) + (isBorn ? 0.3 : 0);
};
