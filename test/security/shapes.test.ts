import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Answer, type House, idsIn, json, observation, startHouse } from './house.ts';

let house: House;
beforeAll(async () => {
  house = await startHouse();
}, 60_000);
afterAll(() => house.close());
beforeEach(() => {
  house.forget();
  house.impersonate();
});

const read = (path: string) => house.ask(`GET ${path}`, { as: 'clinician' });
const secret = ({ all }: Answer, path = '') => /Rahman|680191|noor/.test(all.replaceAll(path, ''));
const form = { 'content-type': 'application/x-www-form-urlencoded' };

describe('what apps send works', () => {
  it.each([
    ['_format=json'],
    ['_format=application/fhir%2Bjson&_pretty=true'],
    ['_format=application/json'],
    ['_summary=text'],
    ['_summary=count'],
    ['_elements=name,birthDate'],
  ])('a read with %s', async (query) => {
    expect((await read(`/Patient/patient-ada?${query}`)).status).toBe(200);
  });

  it.each([
    ['*/*'],
    ['application/json'],
    ['application/fhir+json;charset=utf-8'],
    ['application/fhir+json; fhirVersion=4.0'],
    ['application/fhir+xml, application/fhir+json;q=0.9'],
    ['text/html,application/xhtml+xml,*/*;q=0.8'],
    ['application/json+fhir'],
    [''],
  ])('a read that accepts "%s"', async (accept) => {
    expect((await house.ask('GET /Patient/patient-ada/', { as: 'clinician', headers: { accept } })).status).toBe(200);
  });

  it.each([
    ['patient=patient-ada', 16],
    ['patient=Patient/patient-ada', 16],
    ['patient=BASE/Patient/patient-ada', 16],
    ['subject=Patient/patient-ada', 16],
    ['subject:Patient=patient-ada', 16],
    ['subject:Patient.name=Byrne', 16],
    ['patient.identifier=https://riverside.example/mrn|MRN-392819', 16],
    ['patient=patient-ada,patient-noor', 16],
    ['patient=patient-ada&code=85354-9', 3],
    ['patient=patient-ada&code=|85354-9', 0],
    ['patient=patient-ada&code=http://loinc.org|', 16],
    ['patient=patient-ada&code=http://loinc.org|85354-9,http://loinc.org|2339-0', 3],
    ['patient=patient-ada&code:not=2339-0', 16],
    ['patient=patient-ada&status=final,amended', 16],
    ['patient=patient-ada&date=ge2020', 16],
    ['patient=patient-ada&date=sa2020&date=eb2030', 16],
    ['patient=patient-ada&_lastUpdated=ge2020-01-01', 16],
    ['patient=patient-ada&_sort=-date,code', 16],
    ['patient=patient-ada&_count=100000', 16],
    ['patient=patient-ada&_contained=false', 16],
    ['patient=patient-ada&_total=none', 16],
    ['patient=patient-ada&_include=Observation:subject:Patient', 17],
  ])('a search by %s', async (query, found) => {
    const answer = await read(`/Observation?${query.replace('BASE', house.base)}`);
    expect([answer.status, idsIn(answer.text).length]).toEqual([200, found]);
  });

  it.each([
    ['POST /Observation/_search', 'patient=patient-ada&code=85354-9', 3],
    ['POST /Observation/_search?_count=1', 'patient=patient-ada', 1],
    ['POST /Observation/_search?patient=patient-ada', '', 16],
    ['POST /Patient/patient-ada/Observation/_search', 'code=85354-9', 3],
    ['POST /Patient/_search', 'identifier=https%3A%2F%2Friverside.example%2Fmrn%7CMRN-392819&_format=json', 1],
  ])('%s with %s', async (line, body, found) => {
    const answer = await house.ask(line, { as: 'clinician', headers: form, body });
    expect([answer.status, idsIn(answer.text).length]).toEqual([200, found]);
  });

  it.each([
    [[], 49],
    [[{ name: '_type', valueCode: 'Observation' }], 16],
    [[{ name: '_count', valueInteger: 5 }], 5],
    [
      [
        { name: 'start', valueDate: '1900-01-01' },
        { name: '_since', valueInstant: '2000-01-01T00:00:00Z' },
      ],
      49,
    ],
  ])('$everything by POST with the parameters %j', async (parameter, found) => {
    const answer = await house.ask('POST /Patient/patient-ada/$everything', {
      as: 'clinician',
      body: { resourceType: 'Parameters', ...(parameter.length === 0 ? {} : { parameter }) },
    });
    expect([answer.status, idsIn(answer.text).length]).toEqual([200, found]);
  });

  it('$match tells how well a candidate fits, and nothing else does', async () => {
    const resource = { resourceType: 'Patient', name: [{ family: 'Byrne', given: ['Ada'] }], birthDate: '1958-03-14' };
    const body = { resourceType: 'Parameters', parameter: [{ name: 'resource', resource }] };
    const grade = 'http://hl7.org/fhir/StructureDefinition/match-grade';
    const scored = (search: object) =>
      json({
        resourceType: 'Bundle',
        type: 'searchset',
        entry: [{ resource: { resourceType: 'Patient', id: 'patient-ada', active: true }, search }],
      });
    const searchOf = (answer: Answer) =>
      (JSON.parse(answer.text) as { entry: { search: object }[] }).entry.map(({ search }) => search);
    const match = () => house.ask('POST /Patient/$match', { as: 'clinician', body });
    expect(searchOf(await match())).toEqual([{ mode: 'match', score: expect.any(Number) }]);
    const extension = [{ url: grade, valueCode: 'probable' }];
    house.impersonate(scored({ mode: 'match', score: 0.75, extension }));
    expect(searchOf(await match())).toEqual([{ mode: 'match', score: 0.75, extension }]);
    expect(searchOf(await read('/Patient?_id=patient-ada'))).toEqual([{ mode: 'match' }]);
    house.impersonate(scored({ mode: 'match', score: 5, extension: [{ url: 'http://x', valueCode: 'Rahman' }] }));
    expect(searchOf(await match())).toEqual([{ mode: 'match' }]);
  });

  it('$match by what is masked for the caller is refused, so that no score tells of it', async () => {
    const resource = {
      resourceType: 'Patient',
      identifier: [{ system: 'http://hl7.org/fhir/sid/us-ssn', value: '1' }],
    };
    const body = { resourceType: 'Parameters', parameter: [{ name: 'resource', resource }] };
    const answer = await house.ask('POST /Patient/$match', { as: 'clinician', body });
    expect([answer.status, answer.code, house.received]).toEqual([403, 'masked-parameter', []]);
  });

  it.each(['GET', 'POST'])('$everything by %s of more pages than one answer is filled from', async (method) => {
    house.impersonate((request, response) => {
      const at = Number(new URL(request.url ?? '', 'http://x').searchParams.get('at') ?? '0');
      const resource = observation(at % 3 === 2 ? 'patient-noor' : 'patient-ada', { id: `of-${at}` });
      const link = at < 49 ? [{ relation: 'next', url: `Patient/patient-ada/$everything?at=${at + 1}` }] : [];
      json({ resourceType: 'Bundle', type: 'searchset', link, entry: [{ resource }] })(request, response);
    });
    const found: string[] = [];
    let at: string | undefined = '/Patient/patient-ada/$everything';
    for (let turn = 0; at !== undefined && turn < 10; turn += 1) {
      const how = turn === 0 ? method : 'GET';
      const answer = await house.ask(`${how} ${at}`, {
        as: 'clinician',
        ...(how === 'POST' ? { body: { resourceType: 'Parameters' } } : {}),
      });
      expect(secret(answer)).toBe(false);
      found.push(...idsIn(answer.text));
      const { link = [] } = JSON.parse(answer.text) as { link?: { relation: string; url: string }[] };
      at = link.find(({ relation }) => relation === 'next')?.url.slice(house.base.length);
    }
    expect(found).toEqual(Array.from({ length: 50 }, (_, i) => i).flatMap((i) => (i % 3 === 2 ? [] : [`of-${i}`])));
  });
});

describe('a shape that asks for somebody else', () => {
  it.each([
    ['/Practitioner?_has:Observation:performer:subject=Patient/patient-noor'],
    ['/Practitioner?_has:Patient:general-practitioner:family=Rahman'],
    ['/Location?_has:Encounter:location:patient=patient-noor'],
    ['/Organization?_has:Encounter:service-provider:patient=patient-noor'],
    ['/Patient?_has:Patient:link:family=Rahman'],
    ['/Patient?_has:List:item:_id=x'],
    ['/Group?member=Patient/patient-noor'],
    ['/Group?_summary=count&member=Patient/patient-noor'],
    ['/Observation?pat%69ent=%70atient-noor'],
    ['/Observation?subject=Patient/patient-noor/_history/1'],
    ['/Person?link=Patient/patient-noor'],
    ['/Schedule?actor=Patient/patient-noor'],
    ['/Appointment?actor=Patient/patient-noor'],
    ['/Bundle?composition.patient=patient-noor'],
    ['/Observation/$lastn?patient=patient-noor'],
    ['/Patient/patient-noor/*'],
  ])('%s is refused, and the FHIR server is not asked', async (path) => {
    const answer = await read(path);
    expect([answer.status, answer.code, house.received]).toEqual([403, 'consent-not-granted', []]);
  });

  it.each([
    ['/Observation?patient:not=patient-ada'],
    ['/Observation?patient%5B%5D=patient-noor'],
    ['/Observation?PATIENT=patient-noor'],
    ['/Observation?patient=patient-ada;patient=patient-noor'],
    ['/Observation;patient=patient-noor?patient=patient-ada'],
    ['/Observation?patient=patient-ada%5C,patient-noor'],
    ['/Observation?patient:Observation=patient-noor'],
    ['/Observation?patient:Group=group-heart-cohort'],
    ['/Observation?subject=%23p'],
    ['/Observation?patient=patient-ada&_revinclude=*'],
    ['/Practitioner?_revinclude=*'],
    ['/Observation?patient=patient-ada&_include:logical=Observation:subject'],
    ['/Encounter?patient=patient-ada&_include=Encounter:patient:Group'],
    ['/Patient?_filter=family%20eq%20Rahman'],
    ['/Patient?_query=all'],
    ['/Patient?_sort=_score'],
    ['/Patient?_sort=general-practitioner.name'],
    ['/Patient?_count=-1'],
    ['/Patient?_count=1e3'],
    ['/Patient?_count=%D9%A1'],
    ['/Patient?_count=99999999999999999999'],
    ['/Patient?_offset=-1'],
    ['/Patient?_getpages=abc'],
    ['/?_getpages=abc&_getpagesoffset=1'],
    ['/Patient?page=2'],
    ['/Patient?_id=patient-ada&_elements=*'],
    ['/Patient?_id=patient-ada&_elements:exclude=meta'],
    ['/_history?_since=garbage'],
    ['/Patient/_history?_at=gt2020'],
    ['/Practitioner/practitioner-okafor?_has:Patient:general-practitioner:family=Rahman'],
    ['/Patient/patient-ada?_method=DELETE'],
    ['/Patient/patient-ada?access_token=x'],
    ['/Patient/patient-ada?__proto__=1'],
    ['/Patient/patient-ada%2F..%2Fpatient-noor'],
    ['/Patient/patient%EF%BC%8Dnoor'],
    ['/Patient/%E2%80%AEpatient-noor'],
    ['/Patient%2Fpatient-noor'],
  ])('%s has no meaning here', async (path) => {
    const answer = await read(path);
    expect([answer.status, answer.code, house.received]).toEqual([400, 'query-ambiguous', []]);
  });

  it.each([
    ['/Observation?_has:Provenance:target:patient=patient-noor'],
    ['/Patient?_id=patient-ada&_has:Observation:patient:subject:Patient.family=Rahman'],
    ['/Observation?subject:Patient._id=patient-noor'],
    ['/Observation?subject:Group.member=patient-noor'],
    ['/Observation?subject:Device=patient-noor'],
    ['/Observation?subject=http://evil.example/fhir/Patient/patient-noor'],
    ['/Provenance?target=Patient/patient-noor'],
    ['/Provenance?target:Observation.subject=Patient/patient-noor'],
    ['/AuditEvent?entity=Patient/patient-noor'],
    ['/AuditEvent?patient=patient-noor'],
    ['/Composition?entry=Observation/observation-noor-1-bp'],
    ['/Linkage?item=Patient/patient-noor'],
    ['/List?item=Patient/patient-noor'],
    ['/Communication?recipient=Patient/patient-noor'],
    ['/Encounter/encounter-noor-1/Observation'],
    ['/Patient?link=Patient/patient-noor'],
    ['/Patient?phonetic=Rahman'],
    ['/Patient?name:exact=Rahman'],
  ])('%s finds nothing', async (path) => {
    const answer = await read(path);
    const { entry, total } = JSON.parse(answer.text) as { entry?: unknown; total?: number };
    expect([answer.status, entry, total]).toEqual([200, undefined, 0]);
  });

  it.each([
    ['/Organization?_revinclude=Patient:organization'],
    ['/Location?_revinclude=Encounter:location'],
    ['/Practitioner?_revinclude=Patient:general-practitioner&_revinclude:iterate=Observation:patient'],
    ['/ResearchStudy?_revinclude=ResearchSubject:study'],
    ['/Group?_include=Group:member'],
    ['/Patient/_history'],
    ['/_history'],
    ['/Observation/_history?_since=2000-01-01'],
    ['/Patient?_sort=family'],
  ])('%s brings back nobody who did not permit', async (path) => {
    const answer = await read(path);
    expect([answer.status, secret(answer, path)]).toEqual([200, false]);
  });

  it.each([
    ['x-http-method-override', 'DELETE'],
    ['x-http-method', 'DELETE'],
    ['x-method-override', 'PUT'],
    ['if-match', '*'],
  ])('is not made of a read by the header %s', async (name, value) => {
    const answer = await house.ask('GET /Patient/patient-ada', { as: 'clinician', headers: { [name]: value } });
    expect([answer.status, house.received]).toEqual([400, []]);
  });
});

describe('a resource that names somebody else', () => {
  const ada = { reference: 'Patient/patient-ada' };
  const noor = { reference: 'Patient/patient-noor' };
  const mrn = { system: 'https://riverside.example/mrn', value: 'MRN-680191' };
  it.each([
    ['in a focus', { focus: [noor] }],
    ['as who performed', { performer: [noor] }],
    ['in an extension', { extension: [{ url: 'http://x', valueReference: noor }] }],
    ['in an extension of a code', { code: { coding: [{ extension: [{ url: 'http://x', valueReference: noor }] }] } }],
    ['in a modifier extension', { modifierExtension: [{ url: 'http://x', valueReference: noor }] }],
    ['in an extension of the subject', { _subject: { extension: [{ url: 'http://x', valueReference: noor }] } }],
    [
      'by type and identifier',
      { extension: [{ url: 'http://x', valueReference: { type: 'Patient', identifier: mrn } }] },
    ],
    ['by type and display', { focus: [{ type: 'Patient', display: 'Noor Rahman' }] }],
    ['by what it contains', { contained: [{ resourceType: 'Patient', id: 'p', identifier: [mrn] }] }],
    ['by what it contains of theirs', { contained: [{ resourceType: 'Observation', id: 'o', subject: noor }] }],
    [
      'by what something contained contains',
      {
        contained: [
          { resourceType: 'List', id: 'l', contained: [{ resourceType: 'Patient', id: 'p', identifier: [mrn] }] },
        ],
      },
    ],
    ['as a second subject', { subject: [ada, noor] }],
    ['as a subject by path', { subject: { reference: 'Patient/../Patient/patient-noor' } }],
    ['as a subject by criteria', { subject: { reference: 'Patient?identifier=MRN-680191' } }],
    ['as a subject in another case', { subject: { reference: 'patient/patient-ada' } }],
    ['as a subject of another server', { subject: { reference: 'http://x.example/fhir/Patient/patient-ada' } }],
    ['as a subject that is text', { subject: 'Patient/patient-ada' }],
    ['as a subject of several words', { subject: { reference: 'Patient/patient-ada ' } }],
    ['as a group', { subject: { reference: 'Group/group-of-noor' } }],
    ['in no way at all', { subject: null }],
  ])('%s is withheld, and leaves no trace', async (_how, more) => {
    const resource = observation('patient-ada', { id: 'of-both', ...more });
    house.impersonate((request, response) =>
      json({
        resourceType: 'Bundle',
        type: 'searchset',
        entry: request.url?.includes('_id=') === true ? [] : [{ resource }],
      })(request, response),
    );
    const answer = await read('/Patient/patient-ada/$everything');
    expect([answer.status, idsIn(answer.text), secret(answer)]).toEqual([200, [], false]);
  });
});

describe('GraphQL is refused as a whole', () => {
  const query = '{Patient(id:"patient-ada"){name{family}}}';
  const body = { query };
  it.each([
    ['GET /$graphql?query=x', undefined],
    [`GET /$graphql?query=${encodeURIComponent(query)}`, undefined],
    ['POST /$graphql', body],
    ['GET /Patient/patient-ada/$graphql?query=x', undefined],
    ['POST /Patient/patient-ada/$graphql', body],
    ['POST /Patient/$graphql', body],
    ['POST /Patient/patient-ada/%24graphql', body],
    ['HEAD /$graphql?query=x', undefined],
    ['POST /graphql', body],
  ])('by %s', async (line, sent) => {
    for (const type of ['application/json', 'application/graphql', 'application/fhir+json']) {
      const answer = await house.ask(line, {
        as: 'clinician',
        ...(sent === undefined ? {} : { body: sent, headers: { 'content-type': type } }),
      });
      expect([type, answer.status >= 400 && answer.status < 500, house.received]).toEqual([type, true, []]);
    }
  });

  it.each(['batch', 'transaction'])('in a %s', async (type) => {
    const answer = await house.ask('POST /', {
      as: 'clinician',
      body: {
        resourceType: 'Bundle',
        type,
        entry: [
          { request: { method: 'GET', url: `$graphql?query=${encodeURIComponent(query)}` } },
          { request: { method: 'GET', url: `Patient/patient-ada/$graphql?query=${encodeURIComponent('{id}')}` } },
          { request: { method: 'POST', url: '$graphql' }, resource: { resourceType: 'Parameters' } },
        ],
      },
    });
    if (type === 'transaction') expect(answer.status).toBe(405);
    else
      expect(
        (JSON.parse(answer.text) as { entry: { response: { status: string } }[] }).entry.map(
          (each) => each.response.status,
        ),
      ).toEqual(['405', '405', '405']);
    expect(house.received).toEqual([]);
  });

  it('in Parameters, and it is not in the statement', async () => {
    const parameter = [{ name: 'query', valueString: query }];
    const answer = await house.ask('POST /$graphql', {
      as: 'clinician',
      body: { resourceType: 'Parameters', parameter },
    });
    expect([answer.status, house.received]).toEqual([405, []]);
    expect((await read('/metadata')).text).not.toMatch(/graphql/i);
  });
});
