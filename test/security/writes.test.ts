import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Answer, type House, observation, startHouse } from './house.ts';

let house: House;
beforeAll(async () => {
  house = await startHouse();
}, 60_000);
afterAll(() => house.close());
beforeEach(() => house.forget());

/** Calls that change something. */
const changes = () => house.received.filter(({ method }) => method !== 'GET');
const stored = async (path: string): Promise<{ readonly [name: string]: unknown }> =>
  (await (await fetch(`${house.rig.demo.fhir.url}${path}`)).json()) as { readonly [name: string]: unknown };
const created = async (more: object = {}): Promise<string> => {
  const answer = await house.ask('POST /Observation', { as: 'clinician', body: observation('patient-ada', more) });
  expect(answer.status).toBe(201);
  house.forget();
  return (JSON.parse(answer.text) as { id: string }).id;
};
const fhirPath = (operation: Readonly<Record<string, string | boolean>>) => ({
  resourceType: 'Parameters',
  parameter: [
    {
      name: 'operation',
      part: Object.entries(operation).map(([name, value]) => ({
        name,
        ...(typeof value === 'boolean' ? { valueBoolean: value } : { valueString: value }),
      })),
    },
  ],
});
const patch = (path: string, body: unknown, as = 'clinician'): Promise<Answer> =>
  house.ask(`PATCH ${path}`, { as, body, headers: { 'content-type': 'application/json-patch+json' } });

describe('a write', () => {
  const noor = { reference: 'Patient/patient-noor' };
  const owners: readonly (readonly [string, object])[] = [
    ['the subject', { subject: noor }],
    ['an absolute reference', { subject: { reference: 'BASE/Patient/patient-noor' } }],
    ['a versioned reference', { subject: { reference: 'Patient/patient-noor/_history/1' } }],
    ['a reference at another server', { subject: { reference: 'https://elsewhere.example/fhir/Patient/patient-ada' } }],
    [
      'a logical identifier',
      { subject: { type: 'Patient', identifier: { system: 'https://riverside.example/mrn', value: 'MRN-680191' } } },
    ],
    ['a urn that nothing resolves', { subject: { reference: 'urn:uuid:0b8d0a3e-9a55-4f1a-9d53-3a2d7fd8d0a1' } }],
    [
      'a contained Patient that names another',
      {
        subject: { reference: '#p' },
        contained: [{ resourceType: 'Patient', id: 'p', link: [{ other: noor, type: 'seealso' }] }],
      },
    ],
    ['a performer beside the right subject', { performer: [noor] }],
    ['an extension', { extension: [{ url: 'https://x.example/e', valueReference: noor }] }],
    ['no subject at all', { subject: undefined }],
  ];
  it.each(owners)('for somebody else, named by %s, reaches nobody', async (_title, more) => {
    const body = JSON.stringify(observation('patient-ada', more)).replace('BASE', house.base);
    const answer = await house.ask('POST /Observation', { as: 'clinician', body });
    expect(answer.status).toBe(403);
    expect(changes()).toEqual([]);
  });

  it('to an id that is somebody else’s is refused, and leaves it as it is', async () => {
    const before = await stored('/Observation/observation-noor-1-bp');
    const answer = await house.ask('PUT /Observation/observation-noor-1-bp', {
      as: 'clinician',
      body: observation('patient-ada', { id: 'observation-noor-1-bp' }),
    });
    expect([answer.status, changes()]).toEqual([403, []]);
    expect(await stored('/Observation/observation-noor-1-bp')).toEqual(before);
  });

  it('by a role, scope or grant that does not allow it is refused', async () => {
    const tries: readonly (readonly [string, string, unknown])[] = [
      ['researcher', 'POST /Observation', observation('patient-ada')],
      ['billing', 'POST /Observation', observation('patient-ada')],
      ['front-desk', 'POST /Observation', observation('patient-ada')],
      ['patient', 'PUT /Patient/patient-ada', { resourceType: 'Patient', id: 'patient-ada' }],
      ['specialist', 'PUT /Patient/patient-ada', { resourceType: 'Patient', id: 'patient-ada' }],
      ['clinician', 'DELETE /Observation/observation-ada-1-bp', undefined],
      ['clinician', 'POST /Practitioner', { resourceType: 'Practitioner' }],
      ['patient', 'POST /Observation', observation('patient-noor')],
    ];
    for (const [as, line, body] of tries)
      expect((await house.ask(line, { as, ...(body === undefined ? {} : { body }) })).status).toBe(403);
    expect(changes()).toEqual([]);
  });

  it('with the id or type of another resource in its body is refused', async () => {
    for (const body of [
      observation('patient-ada', { id: 'other' }),
      { resourceType: 'Condition', id: 'x' },
      { ...observation('patient-ada'), id: undefined },
    ])
      expect((await house.ask('PUT /Observation/new-one', { as: 'clinician', body })).status).toBe(400);
    expect(changes()).toEqual([]);
  });

  it('is told to the upstream as it was judged, byte for byte', async () => {
    const body =
      '{ "resourceType":"Observation","status":"final","code":{"text":"w\\u0065ight"},"subject":{"reference":"Patient/patient-ada"},"valueQuantity":{"value":70.50} }';
    expect((await house.ask('POST /Observation', { as: 'clinician', body })).status).toBe(201);
    expect(changes().map((call) => call.body.trim())).toEqual([body.trim()]);
  });
});

describe('a guarded write', () => {
  it('holds only for the version that was read, and not under another mask', async () => {
    const id = await created();
    const body = observation('patient-ada', { id, status: 'amended' });
    const put = (tag: string) =>
      house.ask(`PUT /Observation/${id}`, { as: 'clinician', body, headers: { 'if-match': tag } });
    const tag = (await house.ask(`GET /Observation/${id}`, { as: 'clinician' })).headers.etag ?? '';
    const other = (await house.ask(`GET /Observation/${id}`, { as: 'patient' })).headers.etag ?? '';
    house.forget();
    for (const wrong of ['W/"99"', tag.replace('"1.', '"2.'), other])
      expect((await put(wrong)).code).toBe('precondition-failed');
    expect(changes()).toEqual([]);
    expect((await put(tag)).status).toBe(200);
    expect((await put(tag)).code).toBe('precondition-failed');
    expect((await put('W/"2"')).status).toBe(200);
  });

  it('with If-None-Match: * does not replace what is there', async () => {
    const id = await created();
    const answer = await house.ask(`PUT /Observation/${id}`, {
      as: 'clinician',
      body: observation('patient-ada', { id, status: 'amended' }),
      headers: { 'if-none-match': '*' },
    });
    expect(answer.status).toBe(412);
    expect((await stored(`/Observation/${id}`)).status).toBe('final');
  });

  it('with If-Match: * needs something to be there', async () => {
    const body = observation('patient-ada', { id: 'nothing-there' });
    const answer = await house.ask('PUT /Observation/nothing-there', {
      as: 'clinician',
      body,
      headers: { 'if-match': '*' },
    });
    expect([answer.status, changes()]).toEqual([412, []]);
  });
});

describe('a masked view that is written back', () => {
  it('never loses what was masked, and needs the version that was read', async () => {
    const read = await house.ask('GET /Patient/patient-ada', { as: 'clinician' });
    expect(read.text).not.toContain('965-47-3343');
    house.forget();
    expect((await house.ask('PUT /Patient/patient-ada', { as: 'clinician', body: read.text })).code).toBe(
      'precondition-required',
    );
    expect(changes()).toEqual([]);
    const headers = { 'if-match': read.headers.etag ?? '' };
    expect((await house.ask('PUT /Patient/patient-ada', { as: 'clinician', body: read.text, headers })).status).toBe(
      200,
    );
    expect(JSON.stringify(await stored('/Patient/patient-ada'))).toContain('965-47-3343');
  });

  it('cannot put a value where it was shown a mask', async () => {
    const read = await house.ask('GET /Patient/patient-ada', { as: 'clinician' });
    const body = JSON.parse(read.text) as { identifier: { value?: string; _value?: unknown }[] };
    for (const each of body.identifier) if (each._value !== undefined) each.value = '111-11-1111';
    house.forget();
    const answer = await house.ask('PUT /Patient/patient-ada', {
      as: 'clinician',
      body,
      headers: { 'if-match': read.headers.etag ?? '' },
    });
    expect([answer.code, changes()]).toEqual(['write-masked', []]);
    expect(answer.text).not.toContain('111-11-1111');
  });
});

describe('a patch', () => {
  it.each([
    ['replaces the subject', [{ op: 'replace', path: '/subject/reference', value: 'Patient/patient-noor' }]],
    ['adds another patient', [{ op: 'add', path: '/performer', value: [{ reference: 'Patient/patient-noor' }] }]],
    [
      'replaces the subject as a whole',
      [{ op: 'replace', path: '/subject', value: { reference: 'Patient/patient-noor' } }],
    ],
    ['takes the subject away', [{ op: 'remove', path: '/subject' }]],
    [
      'moves another patient in from elsewhere',
      [
        { op: 'add', path: '/focus', value: [{ reference: 'Patient/patient-noor' }] },
        { op: 'move', from: '/focus/0', path: '/subject' },
      ],
    ],
  ])('that %s is refused', async (_title, body) => {
    const id = await created();
    const answer = await patch(`/Observation/${id}`, body);
    expect(answer.status).toBe(403);
    expect(changes()).toEqual([]);
  });

  it.each([
    ['test', [{ op: 'test', path: '/identifier/1/value', value: '965-47-3343' }]],
    ['copy', [{ op: 'copy', from: '/identifier/1/value', path: '/name/0/text' }]],
    ['move', [{ op: 'move', from: '/identifier/1/value', path: '/name/0/text' }]],
    ['copy of the whole', [{ op: 'copy', from: '/identifier/1', path: '/contact/0' }]],
    ['replace', [{ op: 'replace', path: '/identifier/1/value', value: '111-11-1111' }]],
    ['remove', [{ op: 'remove', path: '/identifier/1' }]],
    [
      'change of what the mask looks at',
      [
        { op: 'replace', path: '/identifier/1/system', value: 'https://x.example' },
        { op: 'remove', path: '/identifier/1/type' },
      ],
    ],
  ])('cannot read or change what is masked by %s', async (_title, body) => {
    const answer = await patch('/Patient/patient-ada', body);
    expect([answer.code, changes()]).toEqual(['write-masked', []]);
    expect(answer.text).not.toMatch(/965-47|111-11/);
  });

  it('tells the same of a masked value whether the test would hold or not', async () => {
    const right = await patch('/Patient/patient-ada', [
      { op: 'test', path: '/identifier/1/value', value: '965-47-3343' },
    ]);
    const wrong = await patch('/Patient/patient-ada', [
      { op: 'test', path: '/identifier/1/value', value: '000-00-0000' },
    ]);
    expect(wrong.text).toBe(right.text);
  });

  it.each([
    ['replace', 'Patient.identifier[1].value', '111-11-1111'],
    ['delete', 'Patient.identifier[1]', undefined],
    ['replace', 'Patient.nosuch', 'x'],
  ])('by FHIRPath cannot %s %s where something is masked', async (type, path, value) => {
    const body = fhirPath({ type, path, ...(value === undefined ? {} : { value }) });
    const answer = await house.ask('PATCH /Patient/patient-ada', { as: 'clinician', body });
    expect([answer.code, changes()]).toEqual(['write-masked', []]);
    expect(answer.text).not.toMatch(/965-47|111-11/);
  });

  it('by FHIRPath of what is masked in part changes what the caller sees, and loses nothing', async () => {
    const before = await stored('/Patient/patient-ada');
    const body = fhirPath({ type: 'replace', path: 'Patient.active', value: false });
    const answer = await house.ask('PATCH /Patient/patient-ada', { as: 'clinician', body });
    expect([answer.status, answer.text.includes('965-47')]).toEqual([200, false]);
    const after = await stored('/Patient/patient-ada');
    expect({ ...after, meta: undefined }).toEqual({ ...before, active: false, meta: undefined });
    expect(JSON.stringify(after)).toContain('965-47-3343');
  });

  it('may not rename the resource, and one of somebody else is as if there were none', async () => {
    const id = await created();
    for (const path of ['/id', '/resourceType'])
      expect(
        (await patch(`/Observation/${id}`, [{ op: 'replace', path, value: 'Patient' }])).status,
      ).toBeGreaterThanOrEqual(400);
    const denied = await patch('/Observation/observation-noor-1-bp', [{ op: 'test', path: '/status', value: 'final' }]);
    const missing = await patch('/Observation/none', [{ op: 'test', path: '/status', value: 'final' }]);
    expect([denied.status, denied.text]).toEqual([403, missing.text]);
    expect(changes()).toEqual([]);
  });

  it('of one’s own patient works, as JSON Patch and as FHIRPath Patch', async () => {
    const id = await created();
    expect((await patch(`/Observation/${id}`, [{ op: 'replace', path: '/status', value: 'amended' }])).status).toBe(
      200,
    );
    const body = {
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
    };
    expect((await house.ask(`PATCH /Observation/${id}`, { as: 'clinician', body })).status).toBe(200);
    expect((await stored(`/Observation/${id}`)).status).toBe('corrected');
  });
});

describe('a batch or transaction', () => {
  const bundle = (type: string, ...entry: readonly object[]) => ({ resourceType: 'Bundle', type, entry });
  const get = (url: string) => ({ request: { method: 'GET', url } });
  const statuses = (answer: Answer) =>
    (JSON.parse(answer.text) as { entry: { response: { status: string } }[] }).entry.map(
      ({ response }) => response.status,
    );

  it('judges each entry as if it were sent alone', async () => {
    const body = bundle(
      'batch',
      get('Patient/patient-noor'),
      get('Patient/patient-ada'),
      get('Observation?patient=patient-noor'),
      get('Patient?identifier=965-47-3343'),
      get('Practitioner?_has:Observation:performer:patient=patient-noor'),
      get('$unknown'),
      get('../admin'),
    );
    const answer = await house.ask('POST /', { as: 'clinician', body });
    expect(statuses(answer)).toEqual(['403', '200', '403', '403', '403', '405', '400']);
    expect(answer.text).not.toMatch(/Rahman|965-47-3343/);
    expect(JSON.stringify(house.received)).not.toMatch(/noor|965-47|unknown|admin/);
  });

  it('takes a masked view back in an entry as it does alone', async () => {
    const read = await house.ask('GET /Patient/patient-ada', { as: 'clinician' });
    house.forget();
    const body = bundle('batch', {
      resource: JSON.parse(read.text) as object,
      request: { method: 'PUT', url: 'Patient/patient-ada', ifMatch: read.headers.etag },
    });
    const answer = await house.ask('POST /', { as: 'clinician', body });
    expect(statuses(answer)).toEqual(['200']);
    expect(JSON.stringify(await stored('/Patient/patient-ada'))).toContain('965-47-3343');
  });

  it('cannot write a Consent past its signature, or ask the FHIR server for the audit', async () => {
    const consent = { resourceType: 'Consent', status: 'active', patient: { reference: 'Patient/patient-ada' } };
    const entries = [
      { resource: consent, request: { method: 'POST', url: 'Consent' } },
      { resource: { ...consent, id: 'c' }, request: { method: 'PUT', url: 'Consent/c' } },
      { request: { method: 'DELETE', url: 'Consent/c' } },
      get('AuditEvent?patient=patient-ada'),
      { resource: { resourceType: 'AuditEvent' }, request: { method: 'POST', url: 'AuditEvent' } },
    ];
    const answer = await house.ask('POST /', { as: 'clinician', body: bundle('batch', ...entries) });
    expect(statuses(answer)).toEqual(['403', '403', '403', '405', '405']);
    for (const entry of entries)
      expect(
        (await house.ask('POST /', { as: 'clinician', body: bundle('transaction', entry) })).status,
      ).toBeGreaterThan(400);
    expect(house.received).toEqual([]);
  });

  it('with nothing that may go on asks nothing of the FHIR server', async () => {
    const answer = await house.ask('POST /', {
      as: 'clinician',
      body: bundle('batch', get('Patient/patient-noor'), get('$x')),
    });
    expect(answer.status).toBe(200);
    expect(house.received).toEqual([]);
  });

  it.each([
    [
      'a write for somebody else',
      { resource: observation('patient-noor'), request: { method: 'POST', url: 'Observation' } },
    ],
    ['a read of somebody else', get('Patient/patient-noor')],
    ['an operation that nobody knows', get('$unknown')],
    [
      'a Bundle in it',
      { resource: bundle('batch', get('Patient/patient-noor')), request: { method: 'POST', url: '' } },
    ],
    ['a delete', { request: { method: 'DELETE', url: 'Observation/observation-ada-1-bp' } }],
    ['a method that is none', { request: { method: 'BREW', url: 'Patient/patient-ada' } }],
  ])('as a transaction is refused whole for %s', async (_title, entry) => {
    const body = bundle(
      'transaction',
      { resource: observation('patient-ada'), request: { method: 'POST', url: 'Observation' } },
      entry,
    );
    const answer = await house.ask('POST /', { as: 'clinician', body });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(changes()).toEqual([]);
  });

  it('cannot give its entries a subject by a fullUrl that is somebody else’s', async () => {
    const entries = [
      {
        fullUrl: 'Patient/patient-noor',
        resource: { resourceType: 'Patient' },
        request: { method: 'POST', url: 'Patient' },
      },
      { resource: observation('patient-noor'), request: { method: 'POST', url: 'Observation' } },
    ];
    expect(
      (await house.ask('POST /', { as: 'clinician', body: bundle('transaction', ...entries) })).status,
    ).toBeGreaterThanOrEqual(400);
    expect(changes()).toEqual([]);
  });

  it('of a Bundle type that is no request is refused', async () => {
    for (const type of ['document', 'message', 'collection', 'searchset', 'history', 'batch-response', ''])
      expect(
        (await house.ask('POST /', { as: 'clinician', body: bundle(type, get('Patient/patient-ada')) })).status,
      ).toBeGreaterThanOrEqual(400);
    expect(house.received).toEqual([]);
  });
});
