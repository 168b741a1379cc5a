import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Bundle } from '@medplum/fhirtypes';
import { type LoadProgress, type LoadReport, loadFolder } from '../../src/adapters/upstream/load-folder.ts';
import { conditionalReferences } from '../../src/adapters/upstream/load-references.ts';
import { type SandboxFhir, startSandboxFhir } from '../../src/adapters/upstream/sandbox-fhir.ts';
import { referencesIn } from '../../src/adapters/upstream/sandbox-fhir-store.ts';
import { corpusFiles, corpusFolder } from './files.ts';

const synthea = () => join(corpusFolder(), 'synthea');

let dir: string;
let server: SandboxFhir;
let report: LoadReport;
const progress: LoadProgress[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'synthea-'));
  server = await startSandboxFhir({ port: 0, dir });
  const start = performance.now();
  report = await loadFolder({ folder: synthea(), target: server, onProgress: (each) => progress.push(each) });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stderr.write(`Synthea: ${report.files} files, ${report.resources} resources in ${seconds} s\n`);
});
afterAll(async () => {
  await server.close();
  await rm(dir, { recursive: true });
});

const isFhir = ({ name }: { name: string }): boolean => name !== 'manifest.json';

describe('the Synthea corpus in the sandbox server', () => {
  it('is taken file by file, whole', () => {
    const files = [...corpusFiles('.json', 'synthea'), ...corpusFiles('.ndjson', 'synthea')].filter(isFhir);
    expect(report.files).toBe(files.length);
    expect(report.skipped).toEqual(['manifest.json']);
    expect(progress.at(-1)).toMatchObject({ resources: report.resources, totalFiles: files.length + 1 });
  });

  it('holds every resource of every file, with the patients of each', () => {
    const missing: string[] = [];
    let patients = 0;
    for (const file of corpusFiles('.json', 'synthea').filter(isFhir)) {
      const { entry = [] } = JSON.parse(Buffer.from(file.read()).toString('utf8')) as Bundle;
      for (const { resource } of entry) {
        if (resource?.resourceType === 'Patient') patients += 1;
        if (resource?.id && !server.repository.store.newest(resource.resourceType, resource.id)?.resource)
          missing.push(file.name);
      }
    }
    expect(missing).toEqual([]);
    expect(patients).toBeGreaterThan(40);
    expect([...server.repository.store.all('Patient')]).toHaveLength(154);
  });

  it('has no reference left that only a file of its own could resolve', () => {
    const open: string[] = [];
    for (const type of server.repository.store.types()) {
      for (const resource of server.repository.store.all(type)) {
        for (const reference of referencesIn(resource)) if (reference.startsWith('urn:uuid:')) open.push(type);
        open.push(...[...conditionalReferences(resource)].map(({ type: target }) => `${type} to ${target}`));
      }
    }
    expect(open).toEqual([]);
  });

  it('changes nothing when it is loaded again, but for what two files tell differently', async () => {
    const before = server.count();
    const again = await loadFolder({ folder: synthea(), target: server });
    expect(server.count()).toBe(before);
    expect(again.unchanged / again.resources).toBeGreaterThan(0.97);
  });

  it('answers searches for each patient, and is back after a restart', async () => {
    const count = server.count();
    await server.close();
    server = await startSandboxFhir({ port: 0, dir });
    expect(server.count()).toBe(count);
    let observations = 0;
    for (const { id } of server.repository.store.all('Patient')) {
      const bundle = (await (await fetch(`${server.url}/Observation?patient=${id}&_summary=count`)).json()) as Bundle;
      observations += bundle.total ?? 0;
    }
    expect(observations).toBe([...server.repository.store.all('Observation')].length);
  });

  // Here and not with the server's other tests, because Medplum takes seconds to build the schema.
  it('is answered for by GraphQL', async () => {
    const [patient] = server.repository.store.all('Patient');
    const query = `{ Patient(id: "${patient?.id}") { id ConditionList(_reference: subject) { id } ImmunizationList(_reference: patient) { id } } }`;
    const response = await fetch(`${server.url}/$graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    expect(await response.json()).toMatchObject({ data: { Patient: { id: patient?.id } } });
  });
});
