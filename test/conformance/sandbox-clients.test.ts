import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type SandboxIssuer, startSandboxIssuer } from '../../src/adapters/identity/sandbox-issuer.ts';
import { hospitalFolder, readPersonas } from '../../src/adapters/upstream/demo-fixtures.ts';
import { loadFolder } from '../../src/adapters/upstream/load-folder.ts';
import { type SandboxFhir, startSandboxFhir } from '../../src/adapters/upstream/sandbox-fhir.ts';
import { logInWithBrowser, openBrowser, startBrowserApp } from './browser-app.ts';
import { type ClientStory, useFhirClient, useMedplumClient } from './clients.ts';
import { startSmartApp, UserAgent } from './smart-app.ts';

/**
 * The client libraries against the sandbox FHIR server itself, with nothing between but the discovery document that sends an
 * app to the issuer: what they cannot do here they cannot do through a gateway.
 */
let fhir: SandboxFhir;
let issuer: SandboxIssuer;
let front: Server;
let base: string;
let folder: string;

beforeAll(async () => {
  fhir = await startSandboxFhir({ port: 0 });
  await loadFolder({ folder: hospitalFolder, target: fhir });
  folder = await mkdtemp(join(tmpdir(), 'clients-'));
  front = createServer(async (request, response) => {
    const path = String(request.url).replace(/^\/fhir/, '');
    const { origin } = request.headers;
    if (origin)
      response
        .setHeader('access-control-allow-origin', origin)
        .setHeader('access-control-allow-headers', '*, authorization');
    if (request.method === 'OPTIONS') {
      response.end();
      return;
    }
    if (path === '/.well-known/smart-configuration') {
      const discovery = await fetch(`${issuer.issuer}/.well-known/openid-configuration`);
      response.setHeader('content-type', 'application/json').end(await discovery.text());
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const answer = await fetch(`${fhir.url}${path}`, {
      method: request.method ?? 'GET',
      headers: { 'content-type': 'application/fhir+json' },
      ...(chunks.length > 0 ? { body: Buffer.concat(chunks) } : {}),
    });
    const text = (await answer.text()).replaceAll(fhir.url, base);
    response.writeHead(answer.status, { 'content-type': 'application/fhir+json' }).end(text);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(front.address() as AddressInfo).port}/fhir`;
  issuer = await startSandboxIssuer({
    port: 0,
    keyFile: join(folder, 'issuer-keys.json'),
    gatewayAudience: base,
    personas: readPersonas(),
    patients: async () => [{ id: 'patient-ada', name: 'Ada Byrne' }],
  });
});

afterAll(async () => {
  front.close();
  front.closeAllConnections();
  await issuer.close();
  await fhir.close();
  await rm(folder, { recursive: true });
});

const expectWhole = (story: ClientStory, observations: number): void => {
  expect(story).toMatchObject({
    read: 'Patient/patient-ada',
    created: '1',
    updated: '2',
    versions: 2,
    pages: Math.ceil(observations / 7),
  });
  expect(new Set(story.paged).size).toBe(observations);
};

const countObservations = (): number =>
  [...fhir.repository.store.referring('Observation', 'Patient/patient-ada')].length;

describe('unchanged client libraries', () => {
  it('MedplumClient reads, searches, pages and writes', async () => {
    const before = countObservations();
    expectWhole(await useMedplumClient(base, 'token', 'patient-ada'), before);
  });

  it('fhirclient launches standalone, learns who logged in and for whom, reads, searches, pages and writes', async () => {
    const app = await startSmartApp({
      iss: base,
      clientId: 'growth-chart',
      scope: 'openid fhirUser launch/patient user/*.cruds offline_access',
    });
    try {
      await new UserAgent().logIn(app.launchUrl, { persona: 'clinician', patient: 'patient-ada' });
      const client = await app.client;
      expect(client.patient.id).toBe('patient-ada');
      expect(client.getUserId()).toBe('practitioner-okafor');
      expect(await client.user.read()).toMatchObject({ resourceType: 'Practitioner', id: 'practitioner-okafor' });
      const before = countObservations();
      expectWhole(await useFhirClient(client, 'patient-ada'), before);
      const first = client.state.tokenResponse?.access_token;
      await client.refresh();
      expect(client.state.tokenResponse?.access_token).not.toBe(first);
      expect(client.patient.id).toBe('patient-ada');
    } finally {
      await app.close();
    }
  });

  it('a page on fhirclient logs in and reads in a real browser', async () => {
    const app = await startBrowserApp({
      iss: base,
      clientId: 'browser-app',
      scope: 'openid fhirUser launch/patient patient/*.rs',
    });
    const browser = await openBrowser();
    try {
      const shown = await logInWithBrowser(browser, app.origin, { persona: 'clinician', patient: 'patient-ada' });
      expect(shown).toEqual({ id: 'patient-ada', family: 'Byrne', observations: 3, user: 'practitioner-okafor' });
    } finally {
      await browser.close();
      await app.close();
    }
  });
});
