import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Rig, startRig } from '../flow/rig.ts';
import { type ClientStory, useFhirClient, useMedplumClient } from './clients.ts';
import { startSmartApp, UserAgent } from './smart-app.ts';

/** The client libraries as they are, through the gateway: they must not notice it, but for what may not be seen. */
let rig: Rig;
let base: string;
beforeAll(async () => {
  rig = await startRig();
  base = rig.demo.gateway.fhirBase;
}, 60_000);
afterAll(() => rig.close());

const observations = (): number =>
  [...rig.demo.fhir.repository.store.referring('Observation', 'Patient/patient-ada')].length;

const expectWhole = (story: ClientStory, before: number): void => {
  expect(story).toMatchObject({
    read: 'Patient/patient-ada',
    created: '1',
    updated: '2',
    versions: 2,
    pages: Math.ceil(before / 7),
  });
  expect(story.pages).toBeGreaterThanOrEqual(3);
  expect(new Set(story.paged).size).toBe(before);
};

describe('client libraries, unchanged, through the gateway', () => {
  it('MedplumClient reads, searches, pages, writes and looks at history', async () => {
    const before = observations();
    expectWhole(await useMedplumClient(base, await rig.token('clinician'), 'patient-ada'), before);
  });

  it('fhirclient launches from the gateway’s own discovery, logs in, reads, searches, pages, writes and refreshes', async () => {
    const app = await startSmartApp({
      iss: base,
      clientId: 'growth-chart',
      scope: 'openid fhirUser launch/patient user/*.cruds offline_access',
    });
    try {
      await new UserAgent().logIn(app.launchUrl, { persona: 'clinician', patient: 'patient-ada' });
      const client = await app.client;
      expect(client.patient.id).toBe('patient-ada');
      expect(await client.user.read()).toMatchObject({ resourceType: 'Practitioner', id: 'practitioner-okafor' });
      expect(await client.patient.read()).toMatchObject({ resourceType: 'Patient', id: 'patient-ada' });
      const before = observations();
      expectWhole(await useFhirClient(client, 'patient-ada'), before);
      const first = client.state.tokenResponse?.access_token;
      await client.refresh();
      expect(client.state.tokenResponse?.access_token).not.toBe(first);
      expect(await client.patient.read()).toMatchObject({ id: 'patient-ada' });
    } finally {
      await app.close();
    }
  });

  it('fhirclient of a patient sees the own record and nobody else’s', async () => {
    const app = await startSmartApp({
      iss: base,
      clientId: 'my-health-app',
      scope: 'openid fhirUser launch/patient patient/*.rs',
    });
    try {
      await new UserAgent().logIn(app.launchUrl, { persona: 'patient', patient: 'patient-ada' });
      const client = await app.client;
      expect(await client.patient.read()).toMatchObject({ id: 'patient-ada' });
      const own = (await client.patient.request('Observation?_count=100')) as { entry?: readonly unknown[] };
      expect(own.entry?.length).toBe(observations());
      await expect(client.request('Patient/patient-ben')).rejects.toThrow(/403|Forbidden|consent/i);
    } finally {
      await app.close();
    }
  });
});

describe('what ordinary apps ask', () => {
  const asked: readonly (readonly [string, string, string])[] = [
    ['clinician', '/Patient?_id=patient-ada', 'Patient'],
    ['clinician', '/Patient?family=Byrne&gender=female', 'Patient'],
    ['clinician', '/Patient?name=Byrne&birthdate=1958-03-14', 'Patient'],
    ['clinician', '/Patient?identifier=https://riverside.example/mrn|MRN-392819', 'Patient'],
    ['clinician', '/Condition?patient=patient-ada', 'Condition'],
    ['clinician', '/Condition?patient=patient-ada&clinical-status=active', 'Condition'],
    ['clinician', '/Observation?patient=patient-ada&category=laboratory', 'Observation'],
    ['clinician', '/Observation?patient=patient-ada&category=vital-signs&date=ge2000-01-01', 'Observation'],
    ['clinician', '/Observation?patient=patient-ada&date=ge2000-01-01&date=le2100-01-01&_sort=-date', 'Observation'],
    ['clinician', '/Observation?patient=patient-ada&code=http://loinc.org|8867-4', 'Observation'],
    [
      'clinician',
      '/Observation?patient=patient-ada&code=http://loinc.org|8867-4,http://loinc.org|85354-9',
      'Observation',
    ],
    ['clinician', '/Observation?patient=Patient/patient-ada&_lastUpdated=gt2020-01-01', 'Observation'],
    ['clinician', '/Observation?patient=patient-ada&_include=Observation:subject', 'Observation'],
    ['clinician', '/Observation?patient=patient-ada&_revinclude=Provenance:target', 'Observation'],
    ['clinician', '/Observation?patient=BASE/Patient/patient-ada', 'Observation'],
    [
      'clinician',
      '/MedicationRequest?patient=patient-ada&intent=order&_include=MedicationRequest:medication',
      'MedicationRequest',
    ],
    ['clinician', '/AllergyIntolerance?patient=patient-ada', 'AllergyIntolerance'],
    ['clinician', '/Immunization?patient=patient-ada&status=completed', 'Immunization'],
    ['clinician', '/Encounter?patient=patient-ada&_sort=-date&_count=2', 'Encounter'],
    ['clinician', '/DocumentReference?patient=patient-ada&type:missing=false', 'DocumentReference'],
    ['clinician', '/DiagnosticReport?patient=patient-ada&category=LAB', 'DiagnosticReport'],
    ['clinician', '/CareTeam?patient=patient-ada&status=active', 'CareTeam'],
    ['clinician', '/Patient/patient-ada/Observation?code=8867-4', 'Observation'],
    ['clinician', '/Practitioner?name=Okafor', 'Practitioner'],
    ['clinician', '/Organization?name=Riverside', 'Organization'],
    ['patient', '/Patient', 'Patient'],
    ['patient', '/Observation?_sort=-date&_count=5', 'Observation'],
    ['patient', '/Condition', 'Condition'],
    ['patient', '/Observation?patient=patient-ada&_include=Observation:performer', 'Observation'],
    ['front-desk', '/Appointment?patient=patient-ada', 'Appointment'],
    ['front-desk', '/Patient?family=Byrne', 'Patient'],
    ['billing', '/Claim?patient=patient-ada', 'Claim'],
    ['specialist', '/ImagingStudy?patient=patient-ada', 'ImagingStudy'],
    ['researcher', '/Observation?code=8867-4&_count=10', 'Observation'],
  ];
  it.each(asked)('%s gets an answer to %s', async (persona, query, type) => {
    const response = await rig.get(query.replace('BASE', base), persona);
    const found = (response.body as { entry?: { resource: { resourceType: string } }[] }).entry ?? [];
    expect([response.status, found[0]?.resource.resourceType]).toEqual([200, type]);
  });

  it('by a form', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const response = await rig.send(
      'post',
      '/Observation/_search',
      'clinician',
      'patient=patient-ada&category=laboratory',
      form,
    );
    expect(response.body.entry.length).toBeGreaterThan(0);
    expect(response.body.link[0]).toEqual({
      relation: 'self',
      url: `${base}/Observation?patient=patient-ada&category=laboratory`,
    });
  });

  it('with _elements, _summary and a count', async () => {
    const some = await rig.get('/Observation?patient=patient-ada&_elements=code', 'clinician').expect(200);
    expect(Object.keys(some.body.entry[0].resource).sort()).toEqual(['code', 'id', 'meta', 'resourceType', 'status']);
    const count = await rig.get('/Observation?patient=patient-ada&_summary=count', 'clinician').expect(200);
    expect([count.body.total, count.body.entry]).toEqual([observations(), undefined]);
  });

  it('with Prefer: return=minimal, and with a HEAD', async () => {
    const body = {
      resourceType: 'Observation',
      status: 'final',
      code: { text: 'x' },
      subject: { reference: 'Patient/patient-ada' },
    };
    const created = await rig.send('post', '/Observation', 'clinician', body, { prefer: 'return=minimal' }).expect(201);
    expect([created.text, created.headers.location?.startsWith(`${base}/Observation/`)]).toEqual(['', true]);
    const head = await fetch(`${base}/Patient/patient-ada`, {
      method: 'HEAD',
      headers: { authorization: `Bearer ${await rig.token('clinician')}` },
    });
    expect([head.status, head.headers.get('etag')?.startsWith('W/"1.clinician')]).toEqual([200, true]);
  });
});
