import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Resource } from '@medplum/fhirtypes';
import { type LoadProgress, loadFolder } from '../../../src/adapters/upstream/load-folder.ts';
import { type SandboxFhir, startSandboxFhir } from '../../../src/adapters/upstream/sandbox-fhir.ts';

let folder: string;
let server: SandboxFhir;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'load-'));
  server = await startSandboxFhir({ port: 0 });
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

const write = async (name: string, content: string | Uint8Array): Promise<void> => {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), content);
};

const bundle = (...resources: readonly (Resource & { fullUrl?: string })[]): string =>
  JSON.stringify({
    resourceType: 'Bundle',
    type: 'transaction',
    entry: resources.map(({ fullUrl, ...resource }) => ({
      ...(fullUrl ? { fullUrl } : {}),
      resource,
      request: { method: 'POST', url: resource.resourceType },
    })),
  });

const uuid = (n: number): string => `6f1f2c7e-0000-4000-8000-00000000000${n}`;
const patient = (n: number): Resource & { fullUrl: string } => ({
  resourceType: 'Patient',
  fullUrl: `urn:uuid:${uuid(n)}`,
  name: [{ family: `P${n}` }],
});
const condition = (reference: string): Resource => ({ resourceType: 'Condition', id: 'c', subject: { reference } });
const held = (type: string, id: string): unknown => server.repository.store.newest(type, id)?.resource;

describe('a folder of FHIR data', () => {
  it('may hold Bundles, NDJSON and single resources, plain or gzipped, at any depth', async () => {
    await write('a.json', bundle(patient(1)));
    await write('deep/er/b.json.gz', gzipSync(bundle(patient(2))));
    await write('c.ndjson', '{"resourceType":"Patient","id":"n1"}\r\n\n{"resourceType":"Patient","id":"n2"}\n');
    await write('d.ndjson.gz', gzipSync('{"resourceType":"Patient","id":"n3"}'));
    await write('packed-without-saying-so.json', gzipSync('{"resourceType":"Patient","id":"n4"}'));
    await write('manifest.json', '{"not":"FHIR"}');
    await write('README.md', 'nothing to load');
    const seen: LoadProgress[] = [];
    const report = await loadFolder({ folder, target: server, onProgress: (progress) => seen.push(progress) });
    expect(report).toEqual({ files: 5, resources: 6, unchanged: 0, skipped: ['manifest.json'], unresolved: 0 });
    expect(seen.at(-1)).toEqual({ files: 6, totalFiles: 6, resources: 6 });
    expect(server.count()).toBe(6);
    expect(held('Patient', uuid(2))).toMatchObject({ id: uuid(2) });
  });

  it('may refer within a Bundle and across files by full URL, in any order', async () => {
    await write('1-first.json', bundle(condition(`urn:uuid:${uuid(3)}`)));
    await write('2-second.json', bundle(patient(3)));
    await loadFolder({ folder, target: server });
    expect(held('Condition', 'c')).toMatchObject({ subject: { reference: `Patient/${uuid(3)}` } });
  });

  it('may refer by identifier; what nothing answers stays as a logical reference', async () => {
    await write(
      '1-first.json',
      bundle({
        resourceType: 'Condition',
        id: 'known',
        subject: { reference: 'Patient/x' },
        recorder: { reference: 'Practitioner?identifier=urn:npi|7' },
      }),
    );
    await write(
      '2-second.json',
      bundle({
        resourceType: 'Condition',
        id: 'open',
        subject: { reference: 'Patient/x' },
        recorder: { reference: 'Practitioner?identifier=urn:npi|8', display: 'Dr Who' },
      }),
    );
    await write(
      '3-third.json',
      bundle({ resourceType: 'Practitioner', id: 'dr', identifier: [{ system: 'urn:npi', value: '7' }] }),
    );
    const { unresolved } = await loadFolder({ folder, target: server });
    expect(unresolved).toBe(1);
    expect(held('Condition', 'known')).toMatchObject({ recorder: { reference: 'Practitioner/dr' } });
    expect(held('Condition', 'open')).toMatchObject({
      recorder: { identifier: { system: 'urn:npi', value: '8' }, display: 'Dr Who' },
    });
  });

  it('makes no new versions when it is loaded twice', async () => {
    await write('a.json', bundle(patient(1)));
    await loadFolder({ folder, target: server });
    expect(await loadFolder({ folder, target: server })).toMatchObject({ unchanged: 1 });
    expect(held('Patient', uuid(1))).toMatchObject({ meta: { versionId: '1' } });
  });

  it('goes to any FHIR server over HTTP as well', async () => {
    await write(
      '1.ndjson',
      '{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/n1"},"recorder":{"reference":"Practitioner?identifier=9"}}\n',
    );
    await write('patients.ndjson', '{"resourceType":"Patient","id":"n1"}\n');
    const report = await loadFolder({ folder, target: { url: server.url, headers: { 'x-any': 'header' } } });
    expect(report).toMatchObject({ resources: 2, unresolved: 1 });
    expect(held('Condition', 'c')).toMatchObject({
      subject: { reference: 'Patient/n1' },
      recorder: { identifier: { value: '9' } },
    });
  });

  it.each([
    ['broken.json', '{"resourceType":', /broken\.json is not JSON/],
    ['broken.ndjson', '{"resourceType":"Patient","id":"a"}\nnonsense\n', /broken\.ndjson, line 2 is not JSON/],
    ['other.ndjson', '{"a":1}\n', /other\.ndjson, line 1 is not a FHIR resource/],
    ['notes.txt', 'nothing', /holds no \.json or \.ndjson files/],
  ])('says which file is at fault: %s', async (name, content, message) => {
    await write(name, content);
    await expect(loadFolder({ folder, target: server })).rejects.toThrow(message);
  });

  it('says what an HTTP server refused', async () => {
    await write('a.ndjson', '{"resourceType":"Patient","id":"a","birthDate":7}\n');
    await expect(loadFolder({ folder, target: { url: server.url } })).rejects.toThrow(
      'refused a Bundle of 1 entries with status 400',
    );
  });
});
