import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Answer, type House, json, observation, startHouse } from './house.ts';

let house: House;
beforeAll(async () => {
  house = await startHouse();
}, 60_000);
afterAll(() => house.close());
beforeEach(() => house.forget());

/** Calls that change something, as the FHIR server got them. */
const changes = () =>
  house.received
    .filter(({ method }) => method !== 'GET')
    .map(({ method, path }) => `${method} ${path.replace('/fhir', '')}`);
const stored = async (path: string): Promise<{ readonly [name: string]: unknown }> =>
  (await (await fetch(`${house.rig.demo.fhir.url}${path}`)).json()) as { readonly [name: string]: unknown };
const identified = (value: string) => ({ identifier: [{ system: 'urn:test', value }] });
let serial = 0;
/** An Observation of Ada under an identifier of its own. */
const made = async (): Promise<{ readonly id: string; readonly value: string }> => {
  serial += 1;
  const value = `made-${serial}`;
  const answer = await house.ask('POST /Observation', {
    as: 'clinician',
    body: observation('patient-ada', identified(value)),
  });
  house.forget();
  return { id: (JSON.parse(answer.text) as { id: string }).id, value };
};
/** The same, of somebody who granted nothing; put there behind the gateway's back. */
const madeOfNoor = async (value: string): Promise<string> => {
  const answer = await fetch(`${house.rig.demo.fhir.url}/Observation`, {
    method: 'POST',
    headers: { 'content-type': 'application/fhir+json' },
    body: JSON.stringify(observation('patient-noor', identified(value))),
  });
  return ((await answer.json()) as { id: string }).id;
};
const put = (query: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  house.ask(`PUT /Observation?${query}`, { as: 'clinician', body, headers });
const patch = (query: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  house.ask(`PATCH /Observation?${query}`, {
    as: 'clinician',
    body: [{ op: 'replace', path: '/status', value: 'amended' }],
    headers: { 'content-type': 'application/json-patch+json', ...headers },
  });

describe('a conditional create', () => {
  it.each([
    ['patient=patient-noor'],
    ['_id=observation-noor-1-bp'],
    ['patient=patient-noor&_id=observation-noor-1-bp'],
    ['patient.family=Rahman'],
  ])('does not tell that a record of somebody else meets the condition: %s', async (condition) => {
    const make = (ifNoneExist: string) =>
      house.ask('POST /Observation', {
        as: 'clinician',
        body: observation('patient-ada'),
        headers: { 'if-none-exist': ifNoneExist },
      });
    const met = await make(condition);
    const unmet = await make(condition.replaceAll('noor', 'none').replace('Rahman', 'Nobody'));
    expect([met.status, met.code]).toEqual([unmet.status, unmet.code]);
    expect(met.all).not.toMatch(/noor/);
  });

  it('by what is masked is refused', async () => {
    const answer = await house.ask('POST /Patient', {
      as: 'clinician',
      body: { resourceType: 'Patient' },
      headers: { 'if-none-exist': 'identifier=965-47-3343' },
    });
    expect([answer.code, house.received]).toEqual(['masked-parameter', []]);
  });

  it('finds what the caller may see: once made, it is not made again', async () => {
    const make = () =>
      house.ask('POST /Observation', {
        as: 'clinician',
        body: observation('patient-ada', identified('once')),
        headers: { 'if-none-exist': 'identifier=urn:test|once' },
      });
    const [first, again] = [await make(), await make()];
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(JSON.parse(again.text).id).toBe(JSON.parse(first.text).id);
  });

  it('that more than one of the caller’s own meets is refused', async () => {
    const answer = await house.ask('POST /Observation', {
      as: 'clinician',
      body: observation('patient-ada'),
      headers: { 'if-none-exist': 'patient=patient-ada' },
    });
    expect([answer.code, changes()]).toEqual(['precondition-failed', []]);
  });

  it('looks at every page before it takes something for not there', async () => {
    const { id, value } = await made();
    const real = await stored(`/Observation/${id}`);
    const noise = await stored('/Observation/observation-noor-1-bp');
    let asked = 0;
    house.impersonate((request, response) => {
      if (request.method !== 'GET') return json({ ...real }, 200)(request, response);
      asked += 1;
      const last = request.url?.includes('page=2') === true;
      const resource = last ? real : { ...noise, identifier: real.identifier };
      json({
        resourceType: 'Bundle',
        type: 'searchset',
        ...(last ? {} : { link: [{ relation: 'next', url: 'Observation?page=2' }] }),
        entry: [{ resource, search: { mode: 'match' } }],
      })(request, response);
    });
    const answer = await house.ask('POST /Observation', {
      as: 'clinician',
      body: observation('patient-ada', identified(value)),
      headers: { 'if-none-exist': `identifier=urn:test|${value}` },
    });
    house.impersonate();
    expect([answer.status, asked]).toEqual([200, 2]);
    expect(house.received.find(({ method }) => method === 'POST')?.headers['if-none-exist']).toBe(`_id=${id}`);
  });
});

describe('a conditional update', () => {
  it('of one resource is an update of it, for the version that met the criteria', async () => {
    const { id, value } = await made();
    const answer = await put(
      `identifier=urn:test|${value}`,
      observation('patient-ada', { ...identified(value), status: 'amended' }),
    );
    expect([answer.status, changes()]).toEqual([200, [`PUT /Observation/${id}`]]);
    const sent = house.received.find(({ method }) => method === 'PUT');
    expect(sent?.headers['if-match']).toBe('W/"1"');
    expect(JSON.parse(sent?.body ?? '')).toMatchObject({ id, status: 'amended' });
    expect(await stored(`/Observation/${id}`)).toMatchObject({ status: 'amended' });
  });

  it('that nothing meets makes a new one, and under the id of the body if it has one', async () => {
    const first = await put('identifier=urn:test|new-1', observation('patient-ada', identified('new-1')));
    expect([first.status, changes()]).toEqual([201, ['POST /Observation']]);
    house.forget();
    const second = await put(
      'identifier=urn:test|new-2',
      observation('patient-ada', { ...identified('new-2'), id: 'new-2' }),
    );
    expect([second.status, changes()]).toEqual([201, ['PUT /Observation/new-2']]);
  });

  it('that many meet is refused', async () => {
    const answer = await put('patient=patient-ada', observation('patient-ada'));
    expect([answer.status, answer.code, changes()]).toEqual([412, 'precondition-failed', []]);
  });

  it('with the id of another resource in its body is refused', async () => {
    const { value } = await made();
    const answer = await put(
      `identifier=urn:test|${value}`,
      observation('patient-ada', { ...identified(value), id: 'x' }),
    );
    expect([answer.status, changes()]).toEqual([400, []]);
  });

  it('that a record of somebody else meets is as if nothing met it', async () => {
    await madeOfNoor('shared');
    const met = await put('identifier=urn:test|shared', observation('patient-ada', identified('shared')));
    const unmet = await put('identifier=urn:test|unshared', observation('patient-ada', identified('unshared')));
    expect([met.status, unmet.status]).toEqual([201, 201]);
    // What meets the condition beside it would have been told by the FHIR server's own If-None-Exist.
    expect(
      house.received.filter(({ method }) => method === 'POST').map(({ headers }) => headers['if-none-exist']),
    ).toEqual([undefined, 'identifier=urn:test%7Cunshared']);
    expect(met.all).not.toMatch(/noor/);
  });

  it('and one of the caller’s own beside it is the one', async () => {
    const { id, value } = await made();
    await madeOfNoor(value);
    const answer = await put(`identifier=urn:test|${value}`, observation('patient-ada', identified(value)));
    expect([answer.status, changes()]).toEqual([200, [`PUT /Observation/${id}`]]);
  });

  it('cannot move a record to somebody else, or from', async () => {
    const { value } = await made();
    const answer = await put(`identifier=urn:test|${value}`, observation('patient-noor', identified(value)));
    expect([answer.status, changes()]).toEqual([403, []]);
    const id = await madeOfNoor('theirs');
    const other = await put('identifier=urn:test|theirs', observation('patient-ada', { ...identified('theirs'), id }));
    expect([other.status, changes()]).toEqual([403, []]);
  });

  it.each([
    ['names a patient who granted nothing', 'patient=patient-noor'],
    ['leads through the records of one', 'subject=Patient/patient-noor&status=final'],
  ])('whose condition %s is refused as for one who does not exist', async (_title, query) => {
    const denied = await put(query, observation('patient-ada'));
    const missing = await put(query.replaceAll('noor', 'none'), observation('patient-ada'));
    expect([denied.status, denied.text, changes()]).toEqual([403, missing.text, []]);
    expect(house.received).toEqual([]);
  });

  it('by what is masked is refused, whatever meets it, and asks nothing', async () => {
    const body = { resourceType: 'Patient' };
    const hit = await house.ask('PUT /Patient?identifier=965-47-3343', { as: 'clinician', body });
    const miss = await house.ask('PUT /Patient?identifier=000-00-0000', { as: 'clinician', body });
    expect([hit.code, hit.text, house.received]).toEqual(['masked-parameter', miss.text, []]);
  });

  it('needs the right to search beside the right to write', async () => {
    for (const scope of ['user/Observation.u', 'user/Observation.cu user/Patient.rs']) {
      const token = await house.rig.token('clinician', { scope });
      const answer = await house.ask('PUT /Observation?identifier=urn:test|x', {
        token,
        body: observation('patient-ada'),
      });
      expect([answer.code, house.received]).toEqual(['scope-insufficient', []]);
    }
  });

  it('ranges over what granular scopes open', async () => {
    const { value } = await made();
    const token = await house.rig.token('clinician', {
      scope: 'user/Observation.cruds?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory',
    });
    const laboratory = {
      category: [
        { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' }] },
      ],
    };
    const answer = await house.ask(`PUT /Observation?identifier=urn:test|${value}`, {
      token,
      body: observation('patient-ada', { ...identified(value), ...laboratory }),
    });
    expect([answer.status, changes()]).toEqual([201, ['POST /Observation']]);
  });

  it('of what is masked needs the version that was read, and merges', async () => {
    const read = await house.ask('GET /Patient/patient-ada', { as: 'clinician' });
    const query = 'identifier=https://riverside.example/mrn|MRN-392819';
    house.forget();
    const bare = await house.ask(`PUT /Patient?${query}`, { as: 'clinician', body: read.text });
    expect([bare.code, changes()]).toEqual(['precondition-required', []]);
    const answer = await house.ask(`PUT /Patient?${query}`, {
      as: 'clinician',
      body: read.text,
      headers: { 'if-match': read.headers.etag ?? '' },
    });
    expect([answer.status, changes()]).toEqual([200, ['PUT /Patient/patient-ada']]);
    expect(JSON.stringify(await stored('/Patient/patient-ada'))).toContain('965-47-3343');
  });

  it('with If-Match is not a create', async () => {
    const answer = await put('identifier=urn:test|none', observation('patient-ada'), { 'if-match': 'W/"1"' });
    expect([answer.status, changes()]).toEqual([412, []]);
  });

  it('of a FHIR server that ignores the criterion goes nowhere', async () => {
    const { id } = await made();
    const other = await stored(`/Observation/${id}`);
    house.impersonate(
      json({ resourceType: 'Bundle', type: 'searchset', entry: [{ resource: other, search: { mode: 'match' } }] }),
    );
    const answer = await put('identifier=urn:test|quite-another', observation('patient-ada'));
    house.impersonate();
    expect([answer.code, changes()]).toEqual(['upstream-malformed', []]);
  });

  it('that is overtaken by another does not tell what the other made', async () => {
    const theirs = await stored('/Observation/observation-noor-1-bp');
    house.impersonate((request, response) =>
      request.method === 'GET'
        ? json({ resourceType: 'Bundle', type: 'searchset' })(request, response)
        : json(theirs, 200, { location: 'Observation/observation-noor-1-bp' })(request, response),
    );
    const answer = await put('identifier=urn:test|race', observation('patient-ada'));
    house.impersonate();
    expect([answer.status, answer.all.includes('noor')]).toEqual([412, false]);
  });
});

describe('a conditional patch', () => {
  it('of one resource is made on the version that met the criteria', async () => {
    const { id, value } = await made();
    const answer = await patch(`identifier=urn:test|${value}`);
    expect([answer.status, changes()]).toEqual([200, [`PUT /Observation/${id}`]]);
    expect(house.received.find(({ method }) => method === 'PUT')?.headers['if-match']).toBe('W/"1"');
    expect(await stored(`/Observation/${id}`)).toMatchObject({ status: 'amended' });
  });

  it('that nothing meets, or only somebody else’s, is 404 in the same bytes', async () => {
    await madeOfNoor('not-to-patch');
    const denied = await patch('identifier=urn:test|not-to-patch');
    const missing = await patch('identifier=urn:test|not-there');
    expect([denied.status, denied.text, changes()]).toEqual([404, missing.text, []]);
  });

  it('that many meet is refused', async () => {
    expect([(await patch('patient=patient-ada')).status, changes()]).toEqual([412, []]);
  });
});

describe('a conditional delete', () => {
  const remove = (query: string): Promise<Answer> => house.ask(`DELETE /${query}`, { as: 'clinician' });

  it('deletes the one that meets the criteria', async () => {
    const medication = { resourceType: 'Medication', ...identified('stock') };
    const { text } = await house.ask('POST /Medication', { as: 'clinician', body: medication });
    house.forget();
    const answer = await remove('Medication?identifier=urn:test|stock');
    expect([answer.status, changes()]).toEqual([
      204,
      [`DELETE /Medication/${(JSON.parse(text) as { id: string }).id}`],
    ]);
  });

  it('that nothing meets, or only somebody else’s, is done, and nothing is forwarded', async () => {
    const id = await madeOfNoor('not-to-delete');
    const denied = await remove('Observation?identifier=urn:test|not-to-delete');
    const missing = await remove('Observation?identifier=urn:test|not-there');
    expect([denied.status, denied.text, missing.status, changes()]).toEqual([204, missing.text, 204, []]);
    expect(await stored(`/Observation/${id}`)).toMatchObject({ id });
  });

  it('of many deletes none', async () => {
    const answer = await remove('Observation?patient=patient-ada');
    expect([answer.status, changes()]).toEqual([412, []]);
  });

  it('by one who may not delete is refused', async () => {
    const { value } = await made();
    const answer = await house.ask(`DELETE /Observation?identifier=urn:test|${value}`, { as: 'clinician' });
    expect([answer.status, changes()]).toEqual([403, []]);
  });

  it('without criteria is refused', async () => {
    expect((await remove('Observation')).status).toBe(405);
    expect(house.received).toEqual([]);
  });
});

describe('a reference that is a search', () => {
  const refer = (reference: string) =>
    house.ask('POST /Observation', {
      as: 'clinician',
      body: observation('patient-ada', { encounter: { reference } }),
    });

  it('becomes the one resource that it finds among what the caller may see', async () => {
    const answer = await house.ask('POST /Observation', {
      as: 'clinician',
      body: observation('patient-ada', {
        subject: { reference: 'Patient?identifier=https://riverside.example/mrn|MRN-392819' },
        performer: [{ reference: 'Practitioner?_id=practitioner-okafor' }],
      }),
    });
    expect(answer.status).toBe(201);
    expect(JSON.parse(house.received.find(({ method }) => method === 'POST')?.body ?? '')).toMatchObject({
      subject: { reference: 'Patient/patient-ada' },
      performer: [{ reference: 'Practitioner/practitioner-okafor' }],
    });
  });

  it.each([
    ['the record of somebody else', 'Encounter?_id=encounter-noor-1', 'Encounter?_id=encounter-none'],
    [
      'somebody else',
      'Patient?identifier=https://riverside.example/mrn|MRN-680191',
      'Patient?identifier=https://riverside.example/mrn|MRN-0',
    ],
  ])('for %s is as if it found nothing', async (_title, there, not) => {
    const denied = await refer(there);
    const missing = await refer(not);
    expect([denied.status, denied.text, changes()]).toEqual([412, missing.text, []]);
  });

  it('by what is masked is refused, whatever it would find', async () => {
    const hit = await refer('Patient?identifier=965-47-3343');
    const miss = await refer('Patient?identifier=000-00-0000');
    expect([hit.code, hit.text, house.received]).toEqual(['masked-parameter', miss.text, []]);
  });

  it('that many meet is refused', async () => {
    expect([(await refer('Encounter?patient=patient-ada')).status, changes()]).toEqual([412, []]);
  });
});

describe('in a transaction', () => {
  const bundle = (...entry: readonly object[]) => ({ resourceType: 'Bundle', type: 'transaction', entry });
  const mrn = (value: string) => `identifier=https://riverside.example/mrn|${value}`;
  const newcomer = (condition: string) => ({
    fullUrl: 'urn:uuid:4b0d6b2e-2b3a-4d6c-9d0e-111111111111',
    resource: { resourceType: 'Patient', identifier: [{ system: 'urn:test', value: 'p' }] },
    request: { method: 'POST', url: 'Patient', ifNoneExist: condition },
  });
  const theirs = {
    resource: {
      ...observation('x'),
      subject: { reference: 'urn:uuid:4b0d6b2e-2b3a-4d6c-9d0e-111111111111' },
    },
    request: { method: 'POST', url: 'Observation' },
  };
  const send = (...entry: readonly object[]) => house.ask('POST /', { as: 'clinician', body: bundle(...entry) });

  it('a patient who is there already is found, and what refers to the entry is theirs', async () => {
    const answer = await send(newcomer(mrn('MRN-392819')), theirs);
    expect(answer.status).toBe(200);
    const [, made] = (JSON.parse(answer.text) as { entry: { resource: { subject: { reference: string } } }[] }).entry;
    expect(made?.resource.subject.reference).toMatch(/Patient\/patient-ada$/);
  });

  it('a patient whom the caller may not see is not found, and nothing is hung on their record', async () => {
    const answer = await send(newcomer(mrn('MRN-680191')), theirs);
    expect(answer.all).not.toMatch(/noor/);
    const sent = JSON.parse(house.received.find(({ method }) => method === 'POST')?.body ?? '{}') as {
      entry: { request: object }[];
    };
    expect(sent.entry.map(({ request }) => request)).toEqual([
      { method: 'POST', url: 'Patient' },
      { method: 'POST', url: 'Observation' },
    ]);
  });

  it('conditional changes go on by id, guarded by the version that was judged', async () => {
    const [one, two] = [await made(), await made()];
    const answer = await send(
      {
        resource: observation('patient-ada', { ...identified(one.value), status: 'amended' }),
        request: { method: 'PUT', url: `Observation?identifier=urn:test|${one.value}` },
      },
      {
        resource: {
          resourceType: 'Parameters',
          parameter: [
            {
              name: 'operation',
              part: [
                { name: 'type', valueCode: 'replace' },
                { name: 'path', valueString: 'Observation.status' },
                { name: 'value', valueCode: 'corrected' },
              ],
            },
          ],
        },
        request: { method: 'PATCH', url: `Observation?identifier=urn:test|${two.value}` },
      },
    );
    expect(answer.status).toBe(200);
    expect(await stored(`/Observation/${one.id}`)).toMatchObject({ status: 'amended' });
    expect(await stored(`/Observation/${two.id}`)).toMatchObject({ status: 'corrected' });
    const sent = JSON.parse(house.received.find(({ method }) => method === 'POST')?.body ?? '') as {
      entry: { request: object }[];
    };
    expect(sent.entry.map(({ request }) => request)).toEqual([
      { method: 'PUT', url: `Observation/${one.id}`, ifMatch: 'W/"1"' },
      { method: 'PUT', url: `Observation/${two.id}`, ifMatch: 'W/"1"' },
    ]);
  });

  it('a delete that nothing meets has its place in the answer', async () => {
    const answer = await send(
      { request: { method: 'DELETE', url: 'Observation?identifier=urn:test|not-there' } },
      { resource: observation('patient-ada'), request: { method: 'POST', url: 'Observation' } },
    );
    const { entry } = JSON.parse(answer.text) as { entry: { response: { status: string } }[] };
    expect(entry.map(({ response }) => response.status)).toEqual(['204', '201']);
  });

  it('one entry whose criteria cannot be judged refuses the whole', async () => {
    const answer = await send(theirs, {
      resource: { resourceType: 'Patient' },
      request: { method: 'PUT', url: 'Patient?identifier=965-47-3343' },
    });
    expect([answer.code, answer.text.includes('Bundle.entry[1]'), house.received]).toEqual([
      'masked-parameter',
      true,
      [],
    ]);
  });
});
