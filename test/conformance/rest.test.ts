import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type House, idsIn, json, observation, startHouse } from '../security/house.ts';

let house: House;
beforeAll(async () => {
  house = await startHouse();
}, 60_000);
afterAll(() => house.close());

const ask = (line: string, headers: Readonly<Record<string, string>> = {}, as = 'clinician') =>
  house.ask(line, { as, headers });

describe('conditional reads', () => {
  const past = 'Mon, 22 Nov 2010 00:00:00 GMT';
  const future = 'Mon, 22 Nov 2100 00:00:00 GMT';

  it('by date are for who sees all of it; others go by ETag', async () => {
    const statuses = async (as: string, ...dates: readonly string[]) =>
      Promise.all(
        dates.map(async (date) => (await ask('GET /Patient/patient-ada', { 'if-modified-since': date }, as)).status),
      );
    expect(await statuses('patient', past, future)).toEqual([200, 304]);
    expect(await statuses('clinician', past, future)).toEqual([200, 200]);
  });

  it('by ETag hold before the date (RFC 9110 section 13.2.2)', async () => {
    const { headers } = await ask('GET /Patient/patient-ada', {}, 'patient');
    const both = (tag: string) =>
      ask('GET /Patient/patient-ada', { 'if-none-match': tag, 'if-modified-since': future }, 'patient');
    expect((await both(headers.etag ?? '')).status).toBe(304);
    expect((await both('W/"other"')).status).toBe(200);
  });
});

describe('Prefer', () => {
  const create = (prefer: string) =>
    house.ask('POST /Observation', { as: 'clinician', body: observation('patient-ada'), headers: { prefer } });

  it('says what a write answers with', async () => {
    expect((await create('return=minimal')).text).toBe('');
    expect(JSON.parse((await create('return=representation')).text)).toMatchObject({ resourceType: 'Observation' });
    expect(JSON.parse((await create('return=OperationOutcome')).text)).toMatchObject({
      resourceType: 'OperationOutcome',
      issue: [{ severity: 'information' }],
    });
  });

  it('relaxes nothing: an unknown parameter is refused with handling=lenient too', async () => {
    const answer = await ask('GET /Observation?patient=patient-ada&nosuch=1', { prefer: 'handling=lenient' });
    expect(answer.status).toBe(400);
  });
});

describe('operations', () => {
  const match = (patient: object, as = 'clinician') =>
    house.ask('POST /Patient/$match', {
      as,
      body: {
        resourceType: 'Parameters',
        parameter: [{ name: 'resource', resource: { resourceType: 'Patient', ...patient } }],
      },
    });

  it('$match finds by what the caller may see, and nobody who has not granted it', async () => {
    const ada = await match({ name: [{ family: 'Byrne', given: ['Ada'] }], birthDate: '1958-03-14' });
    expect(idsIn(ada.text)).toEqual(['patient-ada']);
    const record = { system: 'https://riverside.example/mrn', value: 'MRN-392819' };
    expect(idsIn((await match({ identifier: [record] })).text)).toEqual(['patient-ada']);
    const noor = await match({ name: [{ family: 'Rahman', given: ['Noor'] }] });
    const nobody = await match({ name: [{ family: 'Nobody', given: ['Noone'] }] });
    expect([noor.status, noor.text]).toEqual([200, nobody.text]);
  });

  it.each([
    [
      'an identifier that is masked',
      { identifier: [{ system: 'http://hl7.org/fhir/sid/us-ssn', value: '965-47-3343' }] },
    ],
    ['an identifier of any system', { identifier: [{ value: '965-47-3343' }] }],
    ['an element that no parameter reads', { name: [{ family: 'Byrne' }], photo: [{ title: 'x' }] }],
  ])('$match by %s is refused, whatever it would find', async (_title, patient) => {
    house.forget();
    expect([(await match(patient)).code, house.received]).toEqual(['masked-parameter', []]);
  });

  it('$validate tells what is wrong, and where, when the FHIR server answers 4xx', async () => {
    house.impersonate(
      json(
        {
          resourceType: 'OperationOutcome',
          issue: [
            { severity: 'error', code: 'required', diagnostics: 'of Noor Rahman', expression: ['Observation.status'] },
          ],
        },
        422,
      ),
    );
    const answer = await house.ask('POST /Observation/$validate', {
      as: 'clinician',
      body: { resourceType: 'Observation', code: { text: 'x' } },
    });
    house.impersonate();
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      200,
      {
        resourceType: 'OperationOutcome',
        issue: [{ severity: 'error', code: 'required', expression: ['Observation.status'] }],
      },
    ]);
  });

  it.each([
    ['GET /Patient/patient-ada/$everything?_type=Observation,Encounter'],
    ['GET /Patient/patient-ada/$everything?start=2020-01-01&end=2030-01-01'],
    ['GET /Patient/patient-ada/$everything?_since=2020-01-01T00:00:00Z'],
    ['POST /Patient/patient-ada/$everything'],
    ['GET /Observation/$lastn?patient=patient-ada&max=2&category=vital-signs'],
    ['GET /Patient/patient-ada/Observation?_count=5'],
  ])('%s gives one’s own patient’s', async (line) => {
    const answer = await house.ask(line, { as: 'clinician' });
    expect(answer.status).toBe(200);
    expect(idsIn(answer.text).length).toBeGreaterThan(0);
  });
});

describe('HEAD', () => {
  it.each([
    ['/Patient/patient-ada'],
    ['/Observation?patient=patient-ada'],
    ['/Patient/patient-ada/_history'],
    ['/metadata'],
  ])('%s has the headers of GET and no body', async (path) => {
    const [head, get] = [await ask(`HEAD ${path}`), await ask(`GET ${path}`)];
    expect([head.status, head.text, head.headers.etag]).toEqual([get.status, '', get.headers.etag]);
  });
});

describe('what searches take', () => {
  it.each([
    ['_summary=true'],
    ['_summary=text'],
    ['_summary=data'],
    ['_elements=code'],
    ['_sort=-date,code'],
    ['date=ge2000-01-01&date=lt2100-01-01'],
    ['code:text=heart'],
    ['_include=Observation:encounter&_include:iterate=Encounter:location'],
    ['patient.identifier=https://riverside.example/mrn|MRN-392819'],
    ['patient.general-practitioner.name=Okafor'],
    ['subject:identifier=https://riverside.example/mrn|MRN-392819'],
    ['_lastUpdated=gt2000-01-01'],
  ])('Observation?patient=patient-ada&%s', async (more) => {
    const answer = await ask(`GET /Observation?patient=patient-ada&${more}&_count=5`);
    expect(answer.status).toBe(200);
  });

  it.each([
    ['_filter=code%20eq%20x', 400],
    ['_query=x', 400],
    ['nosuch=x', 400],
    ['_format=xml', 406],
    ['_page=x', 400],
  ])('and not: %s', async (more, status) => {
    expect((await ask(`GET /Observation?patient=patient-ada&${more}`)).status).toBe(status);
  });
});
