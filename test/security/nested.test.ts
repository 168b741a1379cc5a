import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type House, json, observation, startHouse } from './house.ts';

let house: House;
beforeAll(async () => {
  house = await startHouse();
}, 60_000);
afterAll(() => house.close());
beforeEach(() => {
  house.forget();
  house.impersonate();
});

/** Puts a resource at the FHIR server, behind the gateway's back. */
const store = async (resource: { readonly resourceType: string; readonly id: string }): Promise<void> => {
  const answer = await fetch(`${house.rig.demo.fhir.url}/${resource.resourceType}/${resource.id}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/fhir+json' },
    body: JSON.stringify(resource),
  });
  expect(answer.status).toBeLessThan(300);
};
const ada = (more: object = {}) => observation('patient-ada', { id: 'of-ada', ...more });
const noor = (more: object = {}) => observation('patient-noor', { id: 'of-noor', ...more });
const of = (type: string, ...resources: readonly object[]) => ({
  resourceType: 'Bundle',
  type,
  entry: resources.map((resource) => ({ resource })),
});
const searchset = (...resources: readonly object[]) => json(of('searchset', ...resources));
const read = (path: string, as = 'clinician') => house.ask(`GET ${path}`, { as });

describe('a Bundle within a Bundle', () => {
  it('goes as far as what it holds: nothing of another patient, at any depth, and no trace of it', async () => {
    house.impersonate(
      searchset(
        of('collection', noor(), of('collection', noor(), ada({ id: 'deep' }))),
        of('collection', noor()),
        of('collection', of('collection', noor())),
        ada(),
      ),
    );
    const answer = await read('/Patient/patient-ada/$everything');
    const body = JSON.parse(answer.text) as { entry: { resource: object }[] };
    expect(body.entry.map(({ resource }) => resource)).toMatchObject([
      { resourceType: 'Bundle', type: 'collection', entry: [{ resource: { entry: [{ resource: { id: 'deep' } }] } }] },
      { id: 'of-ada' },
    ]);
    expect(answer.all).not.toMatch(/noor/);
  });

  it('is masked in its depth as outside', async () => {
    const patient = (await (await fetch(`${house.rig.demo.fhir.url}/Patient/patient-ada`)).json()) as object;
    house.impersonate(searchset(of('collection', of('collection', patient))));
    const answer = await read('/Patient/patient-ada/$everything');
    expect(answer.text).toContain('patient-ada');
    expect(answer.text).not.toContain('965-47-3343');
  });

  it('that is stored is read with what may be seen of it, without total, signature or links', async () => {
    house.impersonate(
      json({
        ...of('collection', ada(), noor()),
        id: 'mixed',
        meta: { versionId: '1' },
        total: 2,
        link: [{ relation: 'self', url: 'http://x.example/Patient/patient-noor' }],
        signature: { who: { display: 'x' }, when: '2026-01-01T00:00:00Z', type: [{ code: 'x' }], data: 'bm9vcg==' },
      }),
    );
    const answer = await read('/Bundle/mixed');
    const body = JSON.parse(answer.text) as { entry: unknown[] };
    expect(body).toMatchObject({ resourceType: 'Bundle', id: 'mixed', type: 'collection' });
    expect(body.entry).toHaveLength(1);
    expect(Object.keys(body)).toEqual(['resourceType', 'type', 'id', 'meta', 'entry']);
    expect(answer.headers.etag).toBeUndefined();
    expect(answer.all).not.toMatch(/noor|bm9vcg/);
  });

  it('of which nothing may be seen is as if there were none', async () => {
    await store({ ...of('collection', noor()), id: 'theirs' });
    const denied = await read('/Bundle/theirs');
    const missing = await read('/Bundle/nothing');
    expect([denied.status, denied.text]).toEqual([403, missing.text]);
    const listed = await read('/Bundle?_id=theirs');
    expect(JSON.parse(listed.text)).toMatchObject({ total: 0 });
  });

  it('needs a scope of its own when it is stored', async () => {
    await store({ ...of('collection', ada()), id: 'scoped' });
    const token = await house.rig.token('clinician', { scope: 'user/Observation.rs' });
    expect((await house.ask('GET /Bundle/scoped', { token })).status).toBe(403);
  });

  it('that carries a label is labelled in all that it holds', async () => {
    const labelled = {
      meta: { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'HIV' }] },
    };
    await store({ ...of('collection', ada()), id: 'labelled', ...labelled } as never);
    await store({ ...of('collection', ada()), id: 'plain' });
    await store({ ...ada(labelled), id: 'of-ada-labelled' } as never);
    // As open, or as closed, as the same resource with the label on itself.
    const single = await read('/Observation/of-ada-labelled', 'specialist');
    expect((await read('/Bundle/labelled', 'specialist')).status).toBe(single.status);
    const asClinician = await read('/Observation/of-ada-labelled');
    expect((await read('/Bundle/labelled')).status).toBe(asClinician.status);
    expect((await read('/Bundle/plain')).status).toBe(200);
  });

  it('with the answers of a transaction in it leaves without their outcomes and locations', async () => {
    house.impersonate(
      searchset({
        resourceType: 'Bundle',
        type: 'batch-response',
        entry: [
          {
            resource: ada(),
            response: {
              status: '200',
              location: 'Patient/patient-noor',
              outcome: { resourceType: 'OperationOutcome', issue: [{ diagnostics: 'noor' }] },
            },
          },
          { response: { status: '404', location: 'Patient/patient-noor' } },
          { resource: { resourceType: 'OperationOutcome', issue: [{ diagnostics: 'noor' }] } },
        ],
      }),
    );
    const answer = await read('/Patient/patient-ada/$everything');
    expect(answer.text).toContain('of-ada');
    expect(answer.all).not.toMatch(/noor/);
  });
});

describe('a document', () => {
  const composition = (patient: string) => ({
    resourceType: 'Composition',
    id: `composition-${patient}`,
    status: 'final',
    type: { text: 'Summary' },
    subject: { reference: `Patient/${patient}` },
    date: '2026-01-01',
    author: [{ reference: 'Practitioner/practitioner-okafor' }],
    title: 'Summary',
  });
  const document = (...resources: readonly object[]) => ({
    ...of('document', ...resources),
    identifier: { system: 'urn:ietf:rfc:3986', value: 'urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0' },
    timestamp: '2026-01-01T00:00:00Z',
  });

  it('keeps its identifier and time, has no total, and leaves out what may not be seen', async () => {
    house.impersonate(json(document(composition('patient-ada'), ada(), noor())));
    const answer = await read('/Composition/composition-patient-ada/$document');
    const body = JSON.parse(answer.text) as { total?: number; entry: { fullUrl: string }[] };
    expect(body).toMatchObject({ type: 'document', timestamp: '2026-01-01T00:00:00Z', identifier: {} });
    expect([body.total, body.entry.length]).toEqual([undefined, 2]);
    expect(body.entry[0]?.fullUrl).toBe(`${house.base}/Composition/composition-patient-ada`);
    expect(answer.all).not.toMatch(/noor/);
  });

  it('without the Composition that heads it is none', async () => {
    house.impersonate(json(document(composition('patient-noor'), ada())));
    const answer = await read('/Composition/composition-patient-noor/$document');
    house.impersonate(json({ resourceType: 'OperationOutcome', issue: [] }, 404));
    const missing = await read('/Composition/composition-patient-none/$document');
    expect([answer.status, answer.text]).toEqual([403, missing.text]);
  });

  it('of the FHIR server works from end to end', async () => {
    await store(composition('patient-ada'));
    const answer = await read('/Composition/composition-patient-ada/$document');
    expect(JSON.parse(answer.text)).toMatchObject({
      type: 'document',
      entry: [{ resource: { resourceType: 'Composition' } }, {}, {}],
    });
  });
});

describe('Parameters', () => {
  const parameters = (...parameter: readonly object[]) => ({ resourceType: 'Parameters', parameter });

  it('let go the resources that may leave, in parts of parts too, and no value that belongs to nobody known', async () => {
    house.impersonate(
      searchset(
        parameters(
          { name: 'a', resource: ada() },
          { name: 'b', resource: noor() },
          {
            name: 'c',
            part: [
              {
                name: 'd',
                part: [
                  { name: 'e', resource: ada({ id: 'deep' }) },
                  { name: 'f', resource: noor() },
                ],
              },
              { name: 'g', valueString: 'Rahman' },
            ],
          },
          { name: 'h', valueReference: { reference: 'Patient/patient-noor' } },
          { name: 'i', part: [{ name: 'j', resource: of('collection', noor(), ada({ id: 'deeper' })) }] },
        ),
      ),
    );
    const answer = await read('/Patient/patient-ada/$everything');
    expect(JSON.parse(answer.text).entry[0].resource).toMatchObject({
      parameter: [
        { name: 'a', resource: { id: 'of-ada' } },
        { name: 'c', part: [{ name: 'd', part: [{ name: 'e', resource: { id: 'deep' } }] }] },
        { name: 'i', part: [{ name: 'j', resource: { entry: [{ resource: { id: 'deeper' } }] } }] },
      ],
    });
    expect(answer.all).not.toMatch(/noor|Rahman/);
  });

  it('and their container say nothing of their own of another patient', async () => {
    const naming = {
      extension: [{ url: 'https://x.example/e', valueReference: { reference: 'Patient/patient-noor' } }],
    };
    house.impersonate(
      searchset(
        { ...of('collection', ada()), meta: naming },
        { ...parameters({ name: 'a', resource: ada() }), meta: naming },
        parameters({ name: 'Noor Rahman', resource: ada() }, { name: 'b', resource: ada({ id: 'kept' }) }),
      ),
    );
    const answer = await read('/Patient/patient-ada/$everything');
    expect(JSON.parse(answer.text)).toMatchObject({
      entry: [{ resource: { parameter: [{ resource: { id: 'kept' } }] } }],
    });
    expect(answer.all).not.toMatch(/noor|Rahman/i);
  });

  it('of which nothing may leave are not there', async () => {
    house.impersonate(searchset(parameters({ name: 'x', valueString: 'Rahman' }), ada()));
    const answer = await read('/Patient/patient-ada/$everything');
    expect(JSON.parse(answer.text).entry).toHaveLength(1);
    expect(answer.all).not.toMatch(/Rahman|Parameters/);
  });

  it('of terminology say what was asked: no patient is touched', async () => {
    house.impersonate(
      json(
        parameters(
          { name: 'name', valueString: 'LOINC' },
          { name: 'display', valueString: 'Heart rate' },
          {
            name: 'property',
            part: [
              { name: 'code', valueCode: 'parent' },
              { name: 'value', valueCode: 'LP1' },
            ],
          },
        ),
      ),
    );
    const answer = await read('/CodeSystem/$lookup?system=http://loinc.org&code=8867-4');
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      200,
      parameters(
        { name: 'name', valueString: 'LOINC' },
        { name: 'display', valueString: 'Heart rate' },
        {
          name: 'property',
          part: [
            { name: 'code', valueCode: 'parent' },
            { name: 'value', valueCode: 'LP1' },
          ],
        },
      ),
    ]);
    house.impersonate(
      json(
        parameters(
          { name: 'who', valueReference: { reference: 'Patient/patient-noor' } },
          { name: 'a', valueCode: 'b' },
        ),
      ),
    );
    const odd = await read('/CodeSystem/$lookup?system=http://loinc.org&code=8867-4');
    expect(odd.text).not.toMatch(/noor/);
  });

  it('of a shape that nobody knows are withheld', async () => {
    for (const odd of [
      { resourceType: 'Parameters', parameter: { name: 'x', resource: noor() } },
      { resourceType: 'Bundle', type: 'collection', entry: { resource: noor() } },
      { resourceType: 'Bundle', type: 'collection', entry: [[{ resource: noor() }]] },
      { resourceType: 'Nosuch', contained: [noor()] },
      { entry: [{ resource: noor() }] },
    ]) {
      house.impersonate(searchset(odd, ada()));
      const answer = await read('/Patient/patient-ada/$everything');
      expect(JSON.parse(answer.text).entry).toHaveLength(1);
      expect(answer.all).not.toMatch(/noor/);
    }
  });
});

describe('a resource whose patient is named by another only', () => {
  const provenance = (id: string, ...targets: readonly string[]) => ({
    resourceType: 'Provenance',
    id,
    target: targets.map((reference) => ({ reference })),
    recorded: '2026-01-01T00:00:00Z',
    agent: [{ who: { reference: 'Practitioner/practitioner-okafor' } }],
  });

  it('is read by whoever may see what it is about', async () => {
    await store(provenance('of-ada-1', 'Observation/observation-ada-1-bp'));
    const answer = await read('/Provenance/of-ada-1');
    expect([answer.status, (JSON.parse(answer.text) as { id: string }).id]).toEqual([200, 'of-ada-1']);
    const searched = await read('/Provenance?target=Observation/observation-ada-1-bp');
    expect(JSON.parse(searched.text)).toMatchObject({ total: 1, entry: [{ resource: { id: 'of-ada-1' } }] });
  });

  it('and about several, by who may see them all', async () => {
    await store(provenance('of-both', 'Observation/observation-ada-1-bp', 'Observation/observation-noor-1-bp'));
    await store(provenance('of-noor-1', 'Observation/observation-noor-1-bp'));
    const missing = await read('/Provenance/none');
    for (const id of ['of-both', 'of-noor-1']) {
      const denied = await read(`/Provenance/${id}`);
      expect([denied.status, denied.text]).toEqual([403, missing.text]);
    }
    const searched = await read('/Provenance?target=Observation/observation-noor-1-bp');
    expect(JSON.parse(searched.text)).toMatchObject({ total: 0 });
  });

  it('and through a further one', async () => {
    await store({
      resourceType: 'List',
      id: 'list-1',
      status: 'current',
      mode: 'working',
      entry: [{ item: { reference: 'Provenance/of-ada-1' } }],
    } as never);
    expect((await read('/List/list-1')).status).toBe(200);
  });

  it('that is not there, or cannot be had, is withheld', async () => {
    await store(provenance('dangling', 'Observation/none'));
    expect((await read('/Provenance/dangling')).status).toBe(403);
    house.impersonate((request, response) =>
      request.url?.includes('_id=') === true
        ? json({}, 500)(request, response)
        : json(provenance('of-ada-1', 'Observation/observation-ada-1-bp'))(request, response),
    );
    expect((await read('/Provenance/of-ada-1')).status).toBe(403);
  });

  it('is looked up among many in few requests', async () => {
    const ids = Array.from({ length: 30 }, (_, at) => `many-${at}`);
    for (const id of ids) await store(provenance(id, 'Observation/observation-ada-1-bp', 'Condition/none'));
    house.forget();
    const answer = await read(`/Provenance?_id=${ids.join(',')}&_count=50`);
    expect(JSON.parse(answer.text)).toMatchObject({ total: 0 });
    expect(house.received.length).toBeLessThanOrEqual(3);
  });
});

describe('what is not there and what may not be seen', () => {
  it.each([
    ['the history of a resource', '/Observation/observation-NAME-1-bp/_history'],
    ['everything of an encounter', '/Encounter/encounter-NAME-1/$everything'],
    ['the compartment of an encounter', '/Encounter/encounter-NAME-1/Observation'],
    ['the compartment of a patient', '/Patient/patient-NAME/Observation'],
    ['a version', '/Observation/observation-NAME-1-bp/_history/1'],
  ])('are one answer: %s', async (_title, path) => {
    const denied = await read(path.replace('NAME', 'noor'));
    const missing = await read(path.replace('NAME', 'none'));
    expect([denied.status, denied.text.replaceAll('noor', 'none')]).toEqual([missing.status, missing.text]);
  });

  it('are one answer of a FHIR server that tells an empty compartment from none', async () => {
    house.impersonate(json({ resourceType: 'OperationOutcome', issue: [] }, 404));
    const missing = await read('/Encounter/encounter-x/Observation');
    house.impersonate(searchset(noor()));
    const denied = await read('/Encounter/encounter-x/Observation');
    expect([denied.status, denied.text]).toEqual([missing.status, missing.text]);
  });
});

describe('a body that is too large to be read between two calls', () => {
  const many = (count: number, from: (more: object) => object) =>
    Array.from({ length: count }, (_, i) => from({ id: `of-${i}`, note: [{ text: 'x'.repeat(400) }] }));
  const ids = (text: string) =>
    (JSON.parse(text) as { entry: { resource: { id: string } }[] }).entry.map(({ resource }) => resource.id);

  it('is judged entry by entry as a small one', async () => {
    house.impersonate(searchset(...many(900, ada), noor(), ada({ id: 'last' })));
    const answer = await read('/Patient/patient-ada/$everything');
    expect(answer.text.length).toBeGreaterThan(400_000);
    expect(ids(answer.text)).toHaveLength(901);
    expect(ids(answer.text).at(-1)).toBe('last');
    expect(answer.all).not.toMatch(/noor/);
  });

  it('is judged within a Bundle that is stored', async () => {
    house.impersonate(json({ ...of('collection', ...many(900, ada), noor()), id: 'mixed' }));
    const answer = await read('/Bundle/mixed');
    expect(ids(answer.text)).toHaveLength(900);
    expect(answer.all).not.toMatch(/noor/);
  });

  it('is refused when it is not lossless JSON at its very end', async () => {
    const text = JSON.stringify(of('searchset', ...many(900, ada)));
    house.impersonate(json(`${text.slice(0, -1)},"type":"searchset"}`));
    const answer = await read('/Patient/patient-ada/$everything');
    expect([answer.status, answer.code]).toEqual([502, 'upstream-malformed']);
  });

  it('that is sent reaches the FHIR server as what was judged of it', async () => {
    const entry = many(900, (more) => ({ ...observation('patient-ada', more), id: undefined })).map((resource) => ({
      resource,
      request: { method: 'POST', url: 'Observation' },
    }));
    const other = { resource: observation('patient-noor'), request: { method: 'POST', url: 'Observation' } };
    const bundle = { resourceType: 'Bundle', type: 'batch', entry: [...entry, other] };
    house.impersonate(json({ resourceType: 'Bundle', type: 'batch-response', entry: [] }));
    await house.ask('POST /', { as: 'clinician', body: bundle });
    const { body = '' } = house.received.find(({ method }) => method === 'POST') ?? {};
    expect((JSON.parse(body) as { entry: unknown[] }).entry).toEqual(
      entry.map((each) => JSON.parse(JSON.stringify(each))),
    );
    house.forget();
    const twice = JSON.stringify(bundle).replace(/\}$/, ',"type":"batch"}');
    const refused = await house.ask('POST /', { as: 'clinician', body: twice });
    expect([refused.status, refused.code, house.received]).toEqual([400, 'body-invalid', []]);
  });

  it('does not keep a small one waiting', async () => {
    const text = JSON.stringify(searchsetOf(6000));
    let sent: () => void = () => undefined;
    const isSent = new Promise<void>((resolve) => {
      sent = resolve;
    });
    house.impersonate((request, response) => {
      if (request.url?.includes('$everything') !== true) {
        json({ resourceType: 'Patient', id: 'patient-ada', meta: { versionId: '1' } })(request, response);
        return;
      }
      response.writeHead(200, { 'content-type': 'application/fhir+json' });
      response.end(text, sent);
    });
    const order: string[] = [];
    const large = read('/Patient/patient-ada/$everything').then(({ status }) => order.push(`large ${status}`));
    await isSent;
    for (let i = 0; i < 5; i += 1) order.push(`small ${(await read('/Patient/patient-ada')).status}`);
    await large;
    expect(order).toEqual([...Array(5).fill('small 200'), 'large 200']);

    function searchsetOf(count: number) {
      return of('searchset', ...many(count, ada));
    }
  });
});
