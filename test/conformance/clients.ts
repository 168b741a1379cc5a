import { MedplumClient } from '@medplum/core';
import type { Bundle, Observation, Patient } from '@medplum/fhirtypes';
import type { FhirClient } from './smart-app.ts';

/** What an unchanged client library saw of a FHIR server: to be compared with what it should see. */
export interface ClientStory {
  /** `Type/id` of what was read. */
  readonly read: string;
  /** Ids of one search, gathered over all its pages. */
  readonly paged: readonly string[];
  readonly pages: number;
  /** `meta.versionId` after a create and after an update of what was created. */
  readonly created: string;
  readonly updated: string;
  /** Versions in the history of what was created. */
  readonly versions: number;
}

const pageSize = 7;

export const newObservation = (patient: string): Observation => ({
  resourceType: 'Observation',
  status: 'preliminary',
  code: { coding: [{ system: 'http://loinc.org', code: '8867-4', display: 'Heart rate' }] },
  subject: { reference: `Patient/${patient}` },
  effectiveDateTime: '2026-10-02T08:00:00Z',
  valueQuantity: { value: 71, unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' },
});

const versionOf = ({ meta }: { meta?: { versionId?: string } }): string => meta?.versionId ?? 'none';

/** Reads, searches, pages and writes as an app on Medplum's client does. `url` is the FHIR base URL. */
export const useMedplumClient = async (url: string, token: string, patient: string): Promise<ClientStory> => {
  const { origin, pathname } = new URL(url);
  const client = new MedplumClient({
    baseUrl: `${origin}/`,
    fhirUrlPath: pathname.slice(1),
    accessToken: token,
    fetch,
  });
  const read = await client.readResource('Patient', patient);
  const paged: string[] = [];
  let pages = 0;
  for await (const page of client.searchResourcePages('Observation', {
    patient: `Patient/${patient}`,
    _count: String(pageSize),
  })) {
    paged.push(...page.map(({ id }) => id));
    pages += 1;
  }
  const created = await client.createResource<Observation>(newObservation(patient));
  const updated = await client.updateResource<Observation>({ ...created, status: 'final' });
  const history = await client.readHistory('Observation', created.id);
  return {
    read: `${read.resourceType}/${read.id}`,
    paged,
    pages,
    created: versionOf(created),
    updated: versionOf(updated),
    versions: history.entry?.length ?? 0,
  };
};

/** The same as an app on SMART Health IT's client. `client` comes from its own launch. */
export const useFhirClient = async (client: FhirClient, patient: string): Promise<ClientStory> => {
  const read = (await client.request(`Patient/${patient}`)) as Patient;
  const paged: string[] = [];
  let pages = 0;
  await client.request(`Observation?patient=${patient}&_count=${pageSize}`, {
    pageLimit: 0,
    onPage: (page) => {
      const { entry = [] } = page as unknown as Bundle;
      pages += 1;
      paged.push(...entry.map(({ resource }) => String(resource?.id)));
    },
  });
  const created = (await client.create(newObservation(patient) as never)) as Observation;
  const updated = (await client.update({ ...created, status: 'final' } as never)) as Observation;
  const history = (await client.request(`Observation/${created.id}/_history`)) as { entry?: unknown[] };
  return {
    read: `${read.resourceType}/${read.id}`,
    paged,
    pages,
    created: versionOf(created),
    updated: versionOf(updated),
    versions: history.entry?.length ?? 0,
  };
};
