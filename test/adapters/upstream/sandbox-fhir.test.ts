import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Bundle, CapabilityStatement, OperationOutcome, Patient } from '@medplum/fhirtypes';
import { hospitalFolder } from '../../../src/adapters/upstream/demo-fixtures.ts';
import { loadFolder } from '../../../src/adapters/upstream/load-folder.ts';
import { type SandboxFhir, startSandboxFhir } from '../../../src/adapters/upstream/sandbox-fhir.ts';

let server: SandboxFhir;

beforeAll(async () => {
  server = await startSandboxFhir({ port: 0 });
  await loadFolder({ folder: hospitalFolder, target: server });
});
afterAll(() => server.close());

const call = async <Body = unknown>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
) => {
  const response = await fetch(path.startsWith('http') ? path : `${server.url}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/fhir+json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: (text === '' ? undefined : JSON.parse(text)) as Body,
  };
};

const search = async (path: string): Promise<readonly string[]> => {
  const { body } = await call<Bundle>('GET', path);
  return (body.entry ?? []).map(({ resource }) => `${resource?.resourceType}/${resource?.id}`);
};

const person = (family: string): Patient => ({ resourceType: 'Patient', name: [{ family }], gender: 'female' });

describe('reads', () => {
  it('give the resource with its version', async () => {
    const { status, headers, body } = await call<Patient>('GET', '/Patient/patient-ada');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toContain('application/fhir+json');
    expect(headers.get('etag')).toBe('W/"1"');
    expect(Date.parse(headers.get('last-modified') ?? '')).toBeGreaterThan(0);
    expect(body).toMatchObject({ id: 'patient-ada', meta: { versionId: '1' } });
  });

  it('answer 304 to the ETag and the date of the version', async () => {
    const { headers } = await call('GET', '/Patient/patient-ada');
    expect(
      (await call('GET', '/Patient/patient-ada', undefined, { 'if-none-match': headers.get('etag') ?? '' })).status,
    ).toBe(304);
    const since = headers.get('last-modified') ?? '';
    expect((await call('GET', '/Patient/patient-ada', undefined, { 'if-modified-since': since })).status).toBe(304);
  });

  it('answer HEAD without a body', async () => {
    const { status, text, headers } = await call('HEAD', '/Patient/patient-ada');
    expect({ status, text, etag: headers.get('etag') }).toEqual({ status: 200, text: '', etag: 'W/"1"' });
  });

  it.each(['/Patient/nobody', '/Nonsense/1', '/Patient/patient-ada/unknown', '/nonsense'])(
    'answer 404 and an OperationOutcome at %s',
    async (path) => {
      const { status, body } = await call<OperationOutcome>('GET', path);
      expect({ status, type: body.resourceType }).toEqual({ status: 404, type: 'OperationOutcome' });
    },
  );
});

describe('writes', () => {
  it('create with an id of the server, a version and a location', async () => {
    const { status, headers, body } = await call<Patient>('POST', '/Patient', { ...person('Created'), id: 'mine' });
    expect(status).toBe(201);
    expect(body.id).not.toBe('mine');
    expect(headers.get('location')).toBe(`${server.url}/Patient/${body.id}/_history/1`);
    expect(headers.get('etag')).toBe('W/"1"');
  });

  it('update, and create at an id that the client chose', async () => {
    const first = await call<Patient>('PUT', '/Patient/chosen', { ...person('First'), id: 'chosen' });
    expect(first.status).toBe(201);
    const second = await call<Patient>('PUT', '/Patient/chosen', { ...person('Second'), id: 'chosen' });
    expect({ status: second.status, version: second.body.meta?.versionId }).toEqual({ status: 200, version: '2' });
    expect((await call<Patient>('GET', '/Patient/chosen/_history/1')).body.name?.[0]?.family).toBe('First');
    const history = (await call<Bundle>('GET', '/Patient/chosen/_history')).body;
    expect(history.entry?.map(({ resource }) => resource?.meta?.versionId)).toEqual(['2', '1']);
    const again = (await call<Bundle>('GET', '/Patient/chosen/_history')).body;
    expect(again).toEqual(history);
  });

  it('refuse an update of another version than the newest with 412', async () => {
    await call('PUT', '/Patient/locked', { ...person('A'), id: 'locked' });
    const body = { ...person('B'), id: 'locked' };
    expect((await call('PUT', '/Patient/locked', body, { 'if-match': 'W/"7"' })).status).toBe(412);
    expect((await call('PUT', '/Patient/locked', body, { 'if-match': 'W/"1"' })).status).toBe(200);
  });

  it('patch', async () => {
    await call('PUT', '/Patient/patched', { ...person('Old'), id: 'patched' });
    const patch = [{ op: 'replace', path: '/name/0/family', value: 'New' }];
    const { status, body } = await call<Patient>('PATCH', '/Patient/patched', patch, {
      'content-type': 'application/json-patch+json',
    });
    expect({ status, family: body.name?.[0]?.family, version: body.meta?.versionId }).toEqual({
      status: 200,
      family: 'New',
      version: '2',
    });
  });

  it('delete: 410 afterwards, the history stays, and a new version brings it back', async () => {
    await call('PUT', '/Patient/gone', { ...person('Gone'), id: 'gone' });
    expect((await call('DELETE', '/Patient/gone')).status).toBe(200);
    expect((await call('GET', '/Patient/gone')).status).toBe(410);
    expect(await search('/Patient?family=gone')).toEqual([]);
    const { body } = await call<Bundle>('GET', '/Patient/gone/_history');
    expect(body.entry?.map(({ request }) => request?.method)).toEqual(['DELETE', 'POST']);
    expect((await call('PUT', '/Patient/gone', { ...person('Back'), id: 'gone' })).headers.get('etag')).toBe('W/"3"');
  });

  it.each([
    ['what is not FHIR', { resourceType: 'Patient', colour: 'red' }],
    ['a wrong type of value', { resourceType: 'Patient', birthDate: 17 }],
    ['a missing required element', { resourceType: 'Observation', code: { text: 'x' } }],
    ['another type than the path names', { resourceType: 'Group', type: 'person', actual: true }],
  ])('refuse %s with 400', async (_name, body) => {
    expect((await call('POST', `/${body.resourceType === 'Group' ? 'Patient' : body.resourceType}`, body)).status).toBe(
      400,
    );
  });

  it('refuse a body that is not JSON, and an id that is not one', async () => {
    expect((await call('POST', '/Patient', '{"resourceType":')).status).toBe(400);
    expect((await call('PUT', '/Patient/a%20b', { ...person('X'), id: 'a b' })).status).toBe(400);
  });

  it('create, update and delete by condition', async () => {
    const body = { ...person('Conditional'), identifier: [{ system: 'urn:test', value: 'c1' }] };
    const create = () => call<Patient>('POST', '/Patient', body, { 'if-none-exist': 'identifier=urn:test|c1' });
    const [first, second] = [await create(), await create()];
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.body.id).toBe(first.body.id);
    const updated = await call<Patient>('PUT', '/Patient?identifier=urn:test|c1', { ...body, gender: 'male' });
    expect({ status: updated.status, id: updated.body.id }).toEqual({ status: 200, id: first.body.id });
    expect((await call('DELETE', '/Patient?identifier=urn:test|c1')).status).toBe(200);
    expect((await call('GET', `/Patient/${first.body.id}`)).status).toBe(410);
  });

  it('keep the precision of decimals, through searches, patches and a restart', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'decimals-'));
    const body = `{"resourceType":"Observation","status":"final","code":{"text":"x"},"id":"d","valueQuantity":{"value":1.00},"component":[{"code":{"text":"y"},"valueQuantity":{"value":0.10}}]}`;
    const whole = async (url: string) => {
      expect((await call('GET', `${url}/Observation/d`)).text).toMatch(/1\.00.*0\.10/);
      expect((await call('GET', `${url}/Observation?_id=d`)).text).toMatch(/1\.00.*0\.10/);
    };
    const first = await startSandboxFhir({ port: 0, dir });
    expect((await call('PUT', `${first.url}/Observation/d`, body)).text).toContain('1.00');
    await whole(first.url);
    const patch = [{ op: 'replace', path: '/status', value: 'amended' }];
    await call('PATCH', `${first.url}/Observation/d`, patch, { 'content-type': 'application/json-patch+json' });
    await whole(first.url);
    await first.close();
    const second = await startSandboxFhir({ port: 0, dir });
    await whole(second.url);
    await second.close();
    await rm(dir, { recursive: true });
  });

  it('answer with as little as the client prefers', async () => {
    const { status, text } = await call('POST', '/Patient', person('Quiet'), { prefer: 'return=minimal' });
    expect({ status, text }).toEqual({ status: 201, text: '' });
  });
});

describe('transactions', () => {
  const transaction = (...entry: Bundle['entry'] & object): Bundle => ({
    resourceType: 'Bundle',
    type: 'transaction',
    entry,
  });

  it('link what they create', async () => {
    const { status, body } = await call<Bundle>(
      'POST',
      '',
      transaction(
        {
          fullUrl: 'urn:uuid:6f1f2c7e-0000-4000-8000-000000000001',
          resource: person('Linked'),
          request: { method: 'POST', url: 'Patient' },
        },
        {
          resource: {
            resourceType: 'Condition',
            subject: { reference: 'urn:uuid:6f1f2c7e-0000-4000-8000-000000000001' },
            code: { text: 'x' },
          },
          request: { method: 'POST', url: 'Condition' },
        },
      ),
    );
    expect(status).toBe(200);
    const [patient, condition] = body.entry ?? [];
    expect(condition?.resource).toMatchObject({ subject: { reference: `Patient/${patient?.resource?.id}` } });
  });

  it('are all or nothing', async () => {
    const before = server.count();
    const { status } = await call(
      'POST',
      '',
      transaction(
        { resource: { ...person('Undone'), id: 'undone' }, request: { method: 'PUT', url: 'Patient/undone' } },
        { resource: { resourceType: 'Patient', birthDate: 'soon' }, request: { method: 'POST', url: 'Patient' } },
      ),
    );
    expect(status).toBe(400);
    expect(server.count()).toBe(before);
    expect((await call('GET', '/Patient/undone')).status).toBe(404);
    expect(await search('/Patient?family=undone')).toEqual([]);
  });

  it('resolve conditional references', async () => {
    const { status, body } = await call<Bundle>(
      'POST',
      '',
      transaction({
        resource: { resourceType: 'Condition', code: { text: 'x' }, subject: { reference: 'Patient?_id=patient-ada' } },
        request: { method: 'POST', url: 'Condition' },
      }),
    );
    expect(status).toBe(200);
    expect(body.entry?.[0]?.resource).toMatchObject({ subject: { reference: 'Patient/patient-ada' } });
  });

  it('of type batch succeed and fail entry by entry', async () => {
    const { status, body } = await call<Bundle>('POST', '', {
      resourceType: 'Bundle',
      type: 'batch',
      entry: [
        { request: { method: 'GET', url: 'Patient/patient-ada' } },
        { request: { method: 'GET', url: 'Patient/nobody' } },
        { request: { method: 'GET', url: 'Observation?patient=patient-ada&_count=1' } },
      ],
    });
    expect(status).toBe(200);
    expect(body.entry?.map(({ response }) => response?.status.slice(0, 3))).toEqual(['200', '404', '200']);
  });
});

describe('searches', () => {
  it.each([
    ['/Patient?family=byr', ['Patient/patient-ada']],
    ['/Patient?name:exact=Byrne', ['Patient/patient-ada']],
    ['/Patient?family=yrne', []],
    ['/Patient?family:contains=yrne', ['Patient/patient-ada']],
    ['/Patient?family=ibanez', ['Patient/patient-pablo']],
    ['/Patient?birthdate=1958-03-14', ['Patient/patient-ada']],
    ['/Patient?birthdate=lt1936', ['Patient/patient-june']],
    ['/Patient?_id=patient-ada,patient-ben&_sort=-birthdate', ['Patient/patient-ben', 'Patient/patient-ada']],
    ['/Patient?gender=other', ['Patient/patient-quinn']],
    ['/Coverage?beneficiary=Patient/patient-ada', ['Coverage/coverage-ada']],
    ['/Coverage?patient=patient-ada', ['Coverage/coverage-ada']],
    ['/Coverage?beneficiary:Patient=patient-ada', ['Coverage/coverage-ada']],
    ['/CareTeam?patient:Patient.family=byrne', ['CareTeam/careteam-ada']],
    ['/CareTeam?patient.family=byrne', ['CareTeam/careteam-ada']],
    ['/Patient?_has:Condition:patient:code=86406008', ['Patient/patient-kofi']],
    ['/Condition?_security=HIV', ['Condition/condition-kofi-hiv']],
    ['/Encounter?patient=patient-ada&status=in-progress', ['Encounter/encounter-ada-3']],
    ['/Organization?partof=organization-lakeside', ['Organization/organization-lakeside-cardiology']],
    ['/ImagingStudy?identifier=urn:dicom:uid|nothing', []],
    ['/Patient/patient-ada/Coverage', ['Coverage/coverage-ada']],
    ['/Patient/patient-ada/Encounter?status=in-progress', ['Encounter/encounter-ada-3']],
    ['/Patient/patient-ada/Patient', ['Patient/patient-ada']],
    ['/Patient/patient-ada/Organization', []],
    ['/?_type=Group,ResearchStudy&_sort=_id', ['Group/group-heart-cohort', 'ResearchStudy/study-heart-outcomes']],
    ['?_type=Group&_id=group-heart-cohort', ['Group/group-heart-cohort']],
    ['/Patient?family:missing=true&_count=0', []],
  ])('find %s', async (path, expected) => {
    expect(await search(path)).toEqual(expected);
  });

  it('compare quantities with the precision that was sent', async () => {
    await call('PUT', '/Observation/q', {
      resourceType: 'Observation',
      id: 'q',
      status: 'final',
      code: { text: 'q' },
      subject: { reference: 'Patient/patient-ada' },
      valueQuantity: { value: 5.41, unit: 'x', system: 'urn:q', code: 'x' },
    });
    for (const [value, found] of [
      ['5.4', 1],
      ['5.40', 0],
      ['gt5.4', 1],
      ['lt5', 0],
      ['5|urn:q|x', 1],
      ['5.4|urn:q|y', 0],
    ] as const) {
      expect({
        value,
        found: (
          await search(`/Observation?patient=patient-ada&code:text=q&_id=q&value-quantity=${encodeURIComponent(value)}`)
        ).length,
      }).toEqual({ value, found });
    }
  });

  it('page with links that lead through everything once', async () => {
    const seen: string[] = [];
    let next: string | undefined = '/Patient?_count=7&_sort=_id&active=true';
    let pages = 0;
    while (next) {
      const { body }: { body: Bundle } = await call<Bundle>('GET', next);
      expect(body.total).toBe(24);
      seen.push(...(body.entry ?? []).map(({ resource }) => String(resource?.id)));
      next = body.link?.find(({ relation }) => relation === 'next')?.url;
      pages += 1;
    }
    expect(pages).toBe(4);
    expect(seen).toHaveLength(24);
    expect(new Set(seen).size).toBe(24);
    expect([...seen].sort()).toEqual(seen);
  });

  it('include what is referred to, and what refers', async () => {
    const { body } = await call<Bundle>(
      'GET',
      '/Encounter?patient=patient-ada&_include=Encounter:patient&_revinclude=Condition:encounter',
    );
    const byMode = (mode: string) =>
      (body.entry ?? []).filter(({ search }) => search?.mode === mode).map(({ resource }) => resource?.resourceType);
    expect(byMode('match')).toEqual(['Encounter', 'Encounter', 'Encounter']);
    expect(new Set(byMode('include'))).toEqual(new Set(['Patient', 'Condition']));
    expect(body.total).toBe(3);
    expect(body.entry?.[0]?.fullUrl).toBe(`${server.url}/Encounter/encounter-ada-1`);
  });

  it('take a form by POST, together with the query', async () => {
    const { body } = await call<Bundle>('POST', '/Patient/_search?gender=female', 'family=byrne', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(body.entry?.map(({ resource }) => resource?.id)).toEqual(['patient-ada']);
  });

  it('take a form in a compartment', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const { body } = await call<Bundle>('POST', '/Patient/patient-ada/Encounter/_search', 'status=in-progress', form);
    expect(body.entry?.map(({ resource }) => resource?.id)).toEqual(['encounter-ada-3']);
  });

  it('leave out an unknown parameter, and refuse it when handling is strict', async () => {
    const lenient = await call<Bundle>('GET', '/Patient?family=byrne&colour=red');
    expect(lenient.body.total).toBe(1);
    expect(lenient.body.link?.[0]?.url).not.toContain('colour');
    const strict = await call('GET', '/Patient?family=byrne&colour=red', undefined, { prefer: 'handling=strict' });
    expect(strict.status).toBe(400);
  });

  it('give counts only, or some elements only, when asked', async () => {
    const count = (await call<Bundle>('GET', '/Patient?_summary=count&active=true')).body;
    expect({ total: count.total, entry: count.entry }).toEqual({ total: 24, entry: undefined });
    const { body } = await call<Bundle>('GET', '/Patient?_id=patient-ada&_elements=gender');
    expect(Object.keys(body.entry?.[0]?.resource ?? {}).sort()).toEqual(['gender', 'id', 'meta', 'resourceType']);
    expect(body.entry?.[0]?.resource?.meta?.tag?.[0]?.code).toBe('SUBSETTED');
  });
});

describe('operations', () => {
  it("give all that a patient is named in, and nobody else's", async () => {
    const { body } = await call<Bundle>('GET', '/Patient/patient-ada/$everything');
    const types = new Set(body.entry?.map(({ resource }) => resource?.resourceType));
    expect(types).toContain('Claim');
    expect(types).toContain('Practitioner');
    const text = JSON.stringify(body);
    expect(text).not.toContain('"Patient/patient-ben"');
    expect((await call('GET', '/Patient/nobody/$everything')).status).toBe(404);
  });

  it('validate without storing', async () => {
    const before = server.count();
    expect((await call('POST', '/Patient/$validate', person('V'))).status).toBe(200);
    expect((await call('POST', '/Patient/$validate', { resourceType: 'Patient', birthDate: 1 })).status).toBe(400);
    expect(server.count()).toBe(before);
  });

  it('give the newest Observation of each code', async () => {
    const { body } = await call<Bundle>('GET', '/Observation/$lastn?patient=Patient/patient-chen&category=vital-signs');
    const codes = (body.entry ?? []).map(
      ({ resource }) => resource?.resourceType === 'Observation' && resource.code.coding?.[0]?.code,
    );
    expect(new Set(codes).size).toBe(codes.length);
    expect(body.entry?.map(({ resource }) => resource?.id)).toContain('observation-chen-3-bp');
  });

  it('match patients, best first', async () => {
    const resource = { resourceType: 'Patient', name: [{ family: 'Byrne', given: ['Ada'] }], birthDate: '1958-03-14' };
    const { body } = await call<Bundle>('POST', '/Patient/$match', {
      resourceType: 'Parameters',
      parameter: [{ name: 'resource', resource }],
    });
    expect(body.entry?.map(({ resource: found, search }) => [found?.id, search?.score])).toEqual([
      ['patient-ada', expect.closeTo(0.9)],
    ]);
  });

  it('put together a document', async () => {
    const reference = 'Patient/patient-ada';
    await call('PUT', '/Composition/doc', {
      resourceType: 'Composition',
      id: 'doc',
      status: 'final',
      type: { text: 'Summary' },
      subject: { reference },
      date: '2026-10-01',
      author: [{ reference: 'Practitioner/practitioner-okafor' }],
      title: 'Summary',
    });
    const { body } = await call<Bundle>('GET', '/Composition/doc/$document');
    expect(body.entry?.map(({ resource }) => resource?.id)).toEqual(['doc', 'patient-ada', 'practitioner-okafor']);
  });

  it.each([
    ['/Patient/$export', 24],
    ['/Group/group-heart-cohort/$export?_type=Patient,Observation', 7],
  ])('export in bulk: kick-off, status, files, delete (%s)', async (path, patients) => {
    expect((await call('GET', path)).status).toBe(400);
    const kickOff = await call('GET', path, undefined, { prefer: 'respond-async' });
    expect(kickOff.status).toBe(202);
    const status = kickOff.headers.get('content-location') ?? '';
    expect((await call('GET', status)).status).toBe(202);
    const { body } = await call<{ output: { type: string; url: string; count: number }[] }>('GET', status);
    const file = body.output.find(({ type }) => type === 'Patient');
    expect(file?.count).toBeGreaterThanOrEqual(patients);
    const lines = (await (await fetch(file?.url ?? '')).text()).trim().split('\n');
    expect(lines).toHaveLength(file?.count ?? 0);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ resourceType: 'Patient' });
    expect((await call('DELETE', status)).status).toBe(202);
    expect((await call('GET', status)).status).toBe(404);
  });
});

describe('the CapabilityStatement', () => {
  it('names the types and only parameters that work', async () => {
    const { body } = await call<CapabilityStatement>('GET', '/metadata');
    const resources = body.rest?.[0]?.resource ?? [];
    expect(body.fhirVersion).toBe('4.0.1');
    expect(resources.length).toBeGreaterThan(140);
    const observation = resources.find(({ type }) => type === 'Observation');
    const codes = observation?.searchParam?.map(({ name }) => name) ?? [];
    expect(codes).toEqual(expect.arrayContaining(['_id', 'code', 'patient', 'date', 'value-quantity']));
    expect(codes).not.toContain('code-value-quantity');
    expect(codes).not.toContain('_project');
    expect(observation?.searchRevInclude).toEqual(
      expect.arrayContaining(['Provenance:target', 'DiagnosticReport:result']),
    );
    expect(observation?.searchRevInclude).not.toContain('Encounter:patient');
  });
});

describe('the journal', () => {
  const inFolder = async (work: (dir: string) => Promise<void>) => {
    const dir = await mkdtemp(join(tmpdir(), 'fhir-'));
    try {
      await work(dir);
    } finally {
      await rm(dir, { recursive: true });
    }
  };

  const running = async <Result>(
    dir: string,
    work: (url: string, server: SandboxFhir) => Promise<Result>,
  ): Promise<Result> => {
    const own = await startSandboxFhir({ port: 0, dir });
    try {
      return await work(own.url, own);
    } finally {
      await own.close();
    }
  };

  it('brings back ids, versions, deletions and history after a restart', () =>
    inFolder(async (dir) => {
      const before = await running(dir, async (url) => {
        const created = (await call<Patient>('POST', `${url}/Patient`, person('Kept'))).body;
        await call('PUT', `${url}/Patient/${created.id}`, { ...created, gender: 'male' });
        await call('PUT', `${url}/Patient/deleted`, { ...person('D'), id: 'deleted' });
        await call('DELETE', `${url}/Patient/deleted`);
        return (await call<Patient>('GET', `${url}/Patient/${created.id}`)).body;
      });
      await running(dir, async (url) => {
        expect((await call('GET', `${url}/Patient/${before.id}`)).body).toEqual(before);
        expect((await call<Bundle>('GET', `${url}/Patient/${before.id}/_history`)).body.total).toBe(2);
        expect((await call('GET', `${url}/Patient/deleted`)).status).toBe(410);
        const next = await call('PUT', `${url}/Patient/${before.id}`, { ...before, gender: 'other' });
        expect(next.headers.get('etag')).toBe('W/"3"');
      });
    }));

  it('keeps nothing of a transaction that failed', () =>
    inFolder(async (dir) => {
      await running(dir, async (url) => {
        await call('POST', url, {
          resourceType: 'Bundle',
          type: 'transaction',
          entry: [
            { resource: { ...person('U'), id: 'u' }, request: { method: 'PUT', url: 'Patient/u' } },
            { resource: { resourceType: 'Patient', gender: 4 }, request: { method: 'POST', url: 'Patient' } },
          ],
        });
      });
      expect(await readFile(join(dir, 'fhir.ndjson'), 'utf8')).toBe('');
    }));

  it('forgets a last line that a crash cut short, and goes on', () =>
    inFolder(async (dir) => {
      await running(dir, async (url) => void (await call('PUT', `${url}/Patient/a`, { ...person('A'), id: 'a' })));
      await appendFile(join(dir, 'fhir.ndjson'), '[{"type":"Patient","id":"b"');
      await running(dir, async (url, own) => {
        expect(own.count()).toBe(1);
        await call('PUT', `${url}/Patient/c`, { ...person('C'), id: 'c' });
      });
      await running(dir, async (_url, own) => expect(own.count()).toBe(2));
    }));

  it('says what to do when the file is corrupt', () =>
    inFolder(async (dir) => {
      await writeFile(join(dir, 'fhir.ndjson'), 'nonsense\n[]\n');
      await expect(startSandboxFhir({ port: 0, dir })).rejects.toThrow(/line 1 .*--fresh/);
    }));
});
