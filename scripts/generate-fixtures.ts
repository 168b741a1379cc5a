import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Resource } from '@medplum/fhirtypes';
import { consents } from './fixtures/consents.ts';
import { organisations, practitioners, study } from './fixtures/hospital.ts';
import { patients } from './fixtures/people.ts';
import { seeded } from './fixtures/random.ts';
import { recordOf } from './fixtures/record.ts';

/**
 * Writes fixtures/hospital, one transaction Bundle for each patient and three for what they share, and fixtures/consents.json.
 * Seeded by each patient's own key: adding a patient changes no other file. An argument names another folder to write to.
 */
const fixtures = process.argv[2] ?? join(import.meta.dirname, '../fixtures');
const hospital = join(fixtures, 'hospital');

const transaction = (resources: readonly Resource[]) => ({
  resourceType: 'Bundle',
  type: 'transaction',
  entry: resources.map((resource) => ({
    fullUrl: `https://hospital.example/fhir/${resource.resourceType}/${resource.id}`,
    resource,
    request: { method: 'PUT', url: `${resource.resourceType}/${resource.id}` },
  })),
});

const seedOf = (key: string): number => [...key].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 2026);

mkdirSync(hospital, { recursive: true });
for (const file of readdirSync(hospital)) rmSync(join(hospital, file));
const write = (name: string, value: unknown): void =>
  writeFileSync(join(fixtures, name), `${JSON.stringify(value, undefined, 1)}\n`);

write('hospital/organizations.json', transaction(organisations()));
write('hospital/practitioners.json', transaction(practitioners()));
for (const person of patients)
  write(`hospital/patient-${person.key}.json`, transaction(recordOf(person, seeded(seedOf(person.key)))));
write('hospital/study.json', transaction(study()));
write('consents.json', consents());
