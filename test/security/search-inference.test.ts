import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type House, idsIn, json, startHouse } from './house.ts';

let house: House;
beforeAll(async () => {
  house = await startHouse();
}, 60_000);
afterAll(() => house.close());

const refused = async (persona: string, query: string, code: string): Promise<void> => {
  house.forget();
  const answer = await house.ask(`GET ${query}`, { as: persona });
  expect({ code: answer.code, received: house.received }).toEqual({ code, received: [] });
};

describe('a masked element cannot be asked about', () => {
  it.each([
    ['/Patient?family=Byrne'],
    ['/Patient?name:exact=Byrne'],
    ['/Patient?name:contains=yrn'],
    ['/Patient?family:missing=false'],
    ['/Patient?phonetic=Byrne'],
    ['/Patient?birthdate=1958-03-14'],
    ['/Patient?birthdate=gt1958'],
    ['/Patient?identifier=https://riverside.example/mrn|MRN-392819'],
    ['/Patient?identifier:not=x'],
    ['/Patient?telecom=555-0167'],
    ['/Patient?address=Chapel'],
    ['/Patient?_sort=family'],
    ['/Patient?_sort=-birthdate'],
    ['/Observation?patient.family=Byrne'],
    ['/Observation?subject:Patient.birthdate=1958-03-14'],
    ['/Observation?patient.identifier=https://riverside.example/mrn|MRN-392819'],
    ['/Encounter?patient.name=Byrne'],
    ['/Patient?_text=Byrne'],
    ['/Patient?_content=Byrne'],
  ])('by the researcher: %s', (query) => refused('researcher', query, 'masked-parameter'));

  it.each([
    ['/Patient?identifier=http://hl7.org/fhir/sid/us-ssn|965-47-3343'],
    ['/Patient?identifier=965-47-3343'],
    ['/Patient?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|SS|965-47-3343'],
    ['/Observation?patient.identifier=965-47-3343'],
    ['/Observation?subject:identifier=965-47-3343'],
    ['/Observation?subject:identifier=http://hl7.org/fhir/sid/us-ssn|965-47-3343'],
    ['/Observation?subject:identifier=https://riverside.example/mrn|1,http://hl7.org/fhir/sid/us-ssn|965-47-3343'],
    ['/Patient?_sort=identifier'],
  ])('by the clinician, who sees four digits: %s', (query) => refused('clinician', query, 'masked-parameter'));

  it('by the front desk, to whom diagnoses are nothing', async () => {
    for (const query of [
      '/Encounter?reason-code=I10',
      '/Encounter?diagnosis.code=I10',
      '/Encounter?diagnosis:missing=true',
      '/Patient?_has:Condition:patient:code=I10',
    ]) {
      house.forget();
      const answer = await house.ask(`GET ${query}`, { as: 'front-desk' });
      expect([answer.status, house.received.length]).toEqual([403, 0]);
    }
  });

  it('and the refusal is the same whether it would have matched or not', async () => {
    const hit = await house.ask('GET /Patient?family=Byrne', { as: 'researcher' });
    const miss = await house.ask('GET /Patient?family=Nobody', { as: 'researcher' });
    expect(miss.text).toBe(hit.text);
  });

  it('while one by which it is not masked is open: a clinician finds a record number', async () => {
    const answer = await house.ask('GET /Patient?identifier=https://riverside.example/mrn|MRN-392819', {
      as: 'clinician',
    });
    expect(idsIn(answer.text)).toEqual(['patient-ada']);
  });
});

describe('records that the answer does not hold cannot be asked about', () => {
  it.each([
    ['/Practitioner?_has:Observation:performer:patient=patient-noor'],
    ['/Practitioner?_has:Encounter:practitioner:patient=patient-noor'],
    ['/Practitioner?_has:Observation:performer:patient=patient-ada'],
    ['/Organization?_has:Patient:organization:family=Rahman'],
    ['/Location?_has:Encounter:location:patient=patient-noor'],
    ['/Medication?_has:MedicationRequest:medication:patient=patient-noor'],
    ['/Practitioner?_has:PractitionerRole:practitioner:_has:Appointment:actor:patient=patient-noor'],
    ['/Patient?_has:Observation:performer:patient=patient-noor'],
    ['/Patient?_has:Group:member:member=Patient/patient-noor'],
  ])('%s', (query) => refused('clinician', query, 'consent-not-granted'));

  it('by a patient either', () =>
    refused('patient', '/Practitioner?_has:Observation:performer:patient=patient-noor', 'consent-not-granted'));

  it('not even of a patient whose name one may see: the specialist has imaging, not diagnoses', async () => {
    const all = await house.ask('GET /Patient?_id=patient-ada', { as: 'specialist' });
    expect(idsIn(all.text)).toEqual(['patient-ada']);
    for (const code of ['I10', 'http://snomed.info/sct|38341003', 'none']) {
      const asked = await house.ask(`GET /Patient?_id=patient-ada&_has:Condition:patient:code=${code}`, {
        as: 'specialist',
      });
      expect(asked.status === 200 ? idsIn(asked.text) : []).toEqual([]);
    }
  });

  it('but a clinician whom the patient granted all finds patients by their observations', async () => {
    const answer = await house.ask('GET /Patient?_has:Observation:patient:code=8867-4&_count=100', { as: 'clinician' });
    expect(idsIn(answer.text)).toContain('patient-ada');
    expect(idsIn(answer.text)).not.toContain('patient-noor');
  });

  it('and chains to the name of the patient or the performer work', async () => {
    for (const query of [
      '/Observation?patient.family=Byrne',
      '/Observation?subject:Patient.name=Byrne&_count=5',
      '/Encounter?patient.birthdate=1958-03-14',
    ])
      expect(idsIn((await house.ask(`GET ${query}`, { as: 'clinician' })).text).length).toBeGreaterThan(0);
  });
});

describe('a search for a patient who granted nothing', () => {
  it.each([
    ['/Patient?_id=patient-noor'],
    ['/Observation?patient=patient-noor'],
    ['/Observation?patient=Patient/patient-noor'],
    ['/Observation?subject=Patient/patient-noor'],
    ['/Observation?subject:Patient=patient-noor'],
    ['/Patient/patient-noor/Observation'],
    ['/Observation?patient=patient-noor&_summary=count'],
    ['/Observation?patient=patient-noor&_total=accurate&_count=0'],
  ])('%s is refused as for one who does not exist', async (query) => {
    house.forget();
    const denied = await house.ask(`GET ${query}`, { as: 'clinician' });
    const missing = await house.ask(`GET ${query.replaceAll('patient-noor', 'patient-none')}`, { as: 'clinician' });
    expect([denied.status, denied.text]).toEqual([403, missing.text]);
    expect(house.received).toEqual([]);
  });

  it('finds nothing by other ways, and no count tells otherwise', async () => {
    for (const query of [
      '/Patient?family=Rahman',
      '/Patient?phone=555-0153',
      '/Observation?patient.family=Rahman',
      '/Patient?family=Rahman&_summary=count',
      '/Patient?family=Rahman&_total=accurate',
    ]) {
      const answer = await house.ask(`GET ${query}`, { as: 'clinician' });
      const none = await house.ask(`GET ${query.replace(/Rahman|555-0153/, 'Nobody')}`, { as: 'clinician' });
      expect(JSON.parse(answer.text)).toMatchObject({ total: 0 });
      expect(Object.keys(JSON.parse(answer.text) as object)).toEqual(Object.keys(JSON.parse(none.text) as object));
      expect(answer.all.replaceAll('Rahman', '')).not.toMatch(/noor/i);
    }
  });

  it('beside one who did gives the one who did, in every form of a list', async () => {
    for (const query of [
      '/Observation?patient=patient-ada,patient-noor&_count=100',
      '/Patient?_id=patient-ada,patient-noor',
      '/Observation?subject=Patient/patient-noor,Patient/patient-ada&_count=100',
    ]) {
      const answer = await house.ask(`GET ${query}`, { as: 'clinician' });
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.text).total).toBe(idsIn(answer.text).length);
      expect(JSON.stringify(JSON.parse(answer.text).entry)).not.toContain('noor');
    }
  });
});

describe('what an upstream adds to a search', () => {
  it('an included record of another patient stays behind', async () => {
    house.impersonate(
      json({
        resourceType: 'Bundle',
        type: 'searchset',
        entry: [
          {
            resource: {
              resourceType: 'Observation',
              id: 'a',
              status: 'final',
              code: { text: 'x' },
              subject: { reference: 'Patient/patient-ada' },
              performer: [{ reference: 'Practitioner/p1' }],
            },
            search: { mode: 'match' },
          },
          {
            resource: {
              resourceType: 'Observation',
              id: 'n',
              status: 'final',
              code: { text: 'x' },
              subject: { reference: 'Patient/patient-noor' },
              performer: [{ reference: 'Practitioner/p2' }],
            },
            search: { mode: 'match' },
          },
          {
            resource: { resourceType: 'Patient', id: 'patient-noor', name: [{ family: 'Rahman' }] },
            search: { mode: 'include' },
          },
          { resource: { resourceType: 'Practitioner', id: 'p1' }, search: { mode: 'include' } },
          { resource: { resourceType: 'Practitioner', id: 'p2' }, search: { mode: 'include' } },
          { resource: { resourceType: 'Organization', id: 'stray' }, search: { mode: 'include' } },
          {
            resource: {
              resourceType: 'OperationOutcome',
              issue: [{ severity: 'warning', code: 'x', diagnostics: 'patient-noor was left out' }],
            },
            search: { mode: 'outcome' },
          },
        ],
      }),
    );
    const answer = await house.ask('GET /Observation?code=x&_include=Observation:performer', { as: 'clinician' });
    house.impersonate();
    expect(idsIn(answer.text)).toEqual(['a', 'p1']);
    expect(answer.all).not.toMatch(/noor|stray|p2/);
  });

  it('includes and revincludes that apps use come along', async () => {
    const types = async (query: string): Promise<ReadonlySet<string>> => {
      const answer = await house.ask(`GET ${query}`, { as: 'clinician' });
      const bundle = JSON.parse(answer.text) as { entry?: { resource: { resourceType: string } }[] };
      return new Set(bundle.entry?.map(({ resource }) => resource.resourceType));
    };
    expect(await types('/Observation?patient=patient-ada&_include=Observation:subject')).toContain('Patient');
    expect(await types('/Observation?patient=patient-ada&_include=Observation:performer')).toContain('Practitioner');
    expect(await types('/Patient?_id=patient-ada&_revinclude=Observation:subject')).toContain('Observation');
    expect(
      await types(
        '/Observation?patient=patient-ada&_include=Observation:encounter&_include:iterate=Encounter:location',
      ),
    ).toContain('Encounter');
  });

  it('a self link, total or remark of its own is not passed on', async () => {
    house.impersonate(
      json({
        resourceType: 'Bundle',
        type: 'searchset',
        id: 'secret-bundle',
        total: 4711,
        meta: { tag: [{ display: 'Noor' }] },
        link: [
          { relation: 'self', url: 'http://10.1.2.3/fhir/Observation?subject=Patient/patient-noor' },
          { relation: 'next', url: 'http://evil.example/x' },
        ],
        extension: [{ url: 'x', valueString: 'Noor' }],
        entry: [],
      }),
    );
    const answer = await house.ask('GET /Observation?code=x', { as: 'clinician' });
    house.impersonate();
    expect(answer.status).toBe(200);
    expect(answer.all).not.toMatch(/4711|noor|10\.1\.2\.3|evil|secret-bundle/i);
  });
});
