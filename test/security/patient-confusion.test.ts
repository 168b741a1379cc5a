import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Rig, startRig } from '../flow/rig.ts';
import { type OddUpstream, oddUpstream, type Second, startSecond } from '../flow/second-gateway.ts';

/*
 * The upstream answers a search for one patient with a resource that is also, or really, somebody else's, or whose owner
 * cannot be told. The clinician may see patient-ada and may not see patient-noor.
 */
const MARK = 'Zzyzx-Canary';
let answer = '';
let rig: Rig;
let upstream: OddUpstream;
let second: Second;

beforeAll(async () => {
  rig = await startRig();
  upstream = await oddUpstream((request, response) => {
    response.writeHead(200, { 'content-type': 'application/fhir+json' });
    // Facts are answered with nothing, so that only the call under test meets the oddity.
    response.end(request.url?.includes('_count=200') ? '{"resourceType":"Bundle","type":"searchset"}' : answer);
  });
  second = await startSecond(rig, { config: { upstream: { url: upstream.url, timeoutMs: 3000 } } });
}, 60_000);
afterAll(async () => {
  await second.close();
  await upstream.close();
  await rig.close();
});

const ref = (reference: string) => ({ reference });
const ada = ref('Patient/patient-ada');
const noor = ref('Patient/patient-noor');
const observation = (more: object) => ({
  resourceType: 'Observation',
  id: 'odd',
  status: 'final',
  code: { text: MARK },
  valueString: MARK,
  ...more,
});
const control = { ...observation({ subject: ada }), id: 'control', code: { text: 'control' }, valueString: 'control' };
const searchset = (...resources: unknown[]) => ({
  resourceType: 'Bundle',
  type: 'searchset',
  total: resources.length,
  entry: resources.map((resource, i) => ({
    fullUrl: `${upstream.url}/Observation/${i}`,
    resource,
    search: { mode: 'match' },
  })),
});

/** Resources that must stay back; each is also tried as a member of a Bundle in the Bundle and of Parameters. */
const others: readonly { readonly title: string; readonly resource: () => object }[] = [
  { title: 'is somebody else’s', resource: () => observation({ subject: noor }) },
  { title: 'has somebody else as performer', resource: () => observation({ subject: ada, performer: [noor] }) },
  { title: 'has somebody else in focus', resource: () => observation({ subject: ada, focus: [noor] }) },
  {
    title: 'names somebody else in an extension',
    resource: () => observation({ subject: ada, extension: [{ url: 'http://x.example', valueReference: noor }] }),
  },
  {
    title: 'names somebody else in an extension of a primitive',
    resource: () =>
      observation({ subject: ada, _status: { extension: [{ url: 'http://x.example', valueReference: noor }] } }),
  },
  {
    title: 'contains somebody else’s resource',
    resource: () => observation({ subject: ada, contained: [{ resourceType: 'Observation', id: 'c', subject: noor }] }),
  },
  {
    title: 'contains a Patient that nobody knows',
    resource: () => observation({ subject: ada, contained: [{ resourceType: 'Patient', id: 'p' }] }),
  },
  {
    title: 'claims a contained Patient with the id of one who permits',
    resource: () =>
      observation({ subject: ref('#patient-ada'), contained: [{ resourceType: 'Patient', id: 'patient-ada' }] }),
  },
  {
    title: 'has a versioned reference to somebody else',
    resource: () => observation({ subject: ref('Patient/patient-noor/_history/1') }),
  },
  {
    title: 'has the upstream’s URL of somebody else',
    resource: () => observation({ subject: ref(`${upstream.url}/Patient/patient-noor`) }),
  },
  {
    title: 'has the permitting id at another server',
    resource: () => observation({ subject: ref('http://other.example/fhir/Patient/patient-ada') }),
  },
  {
    title: 'has a prefix of the upstream as server',
    resource: () => observation({ subject: ref(`${upstream.url}-evil/Patient/patient-ada`) }),
  },
  {
    title: 'has the permitting id in another case of the type',
    resource: () => observation({ subject: ref('patient/patient-ada') }),
  },
  {
    title: 'climbs to the permitting id',
    resource: () => observation({ subject: ref('Patient/patient-noor/../patient-ada') }),
  },
  {
    title: 'has a query behind the permitting id',
    resource: () => observation({ subject: ref('Patient/patient-ada?x') }),
  },
  { title: 'has the permitting id encoded', resource: () => observation({ subject: ref('Patient/patient%2Dada') }) },
  {
    title: 'has an id that begins like the permitting one',
    resource: () => observation({ subject: ref('Patient/patient-ada2') }),
  },
  { title: 'has a conditional reference', resource: () => observation({ subject: ref('Patient?_id=patient-ada') }) },
  {
    title: 'has a logical identifier for a subject',
    resource: () => observation({ subject: { type: 'Patient', identifier: { value: 'patient-ada' } } }),
  },
  {
    title: 'names somebody else by logical identifier',
    resource: () => observation({ subject: ada, performer: [{ type: 'Patient', identifier: { value: 'x' } }] }),
  },
  { title: 'has only a display for a subject', resource: () => observation({ subject: { display: 'patient-ada' } }) },
  { title: 'has a Group for a subject', resource: () => observation({ subject: ref('Group/g'), performer: [ada] }) },
  {
    title: 'has a urn for a subject',
    resource: () => observation({ subject: ref('urn:uuid:7b2f6a0e-0000-4000-8000-000000000000') }),
  },
  { title: 'has no subject', resource: () => observation({}) },
  {
    title: 'has a list for a reference',
    resource: () => observation({ subject: { reference: ['Patient/patient-ada'] } }),
  },
  {
    title: 'is of a type that nobody knows',
    resource: () => ({ ...observation({ subject: ada }), resourceType: 'Nonsense' }),
  },
  { title: 'is of no type', resource: () => ({ ...observation({ subject: ada }), resourceType: undefined }) },
];

/** What leaves the gateway when the upstream answers so: status, headers for the search of the mark, and body. */
const ask = async (body: object | string): Promise<{ status: number; all: string; body: string }> => {
  answer = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await second.get('/Observation?patient=patient-ada', 'clinician');
  const { status, text } = response;
  return { status, all: `${JSON.stringify(response.headers)}${text}`, body: text };
};
const alone = async (resource: string) =>
  ask(
    `{"resourceType":"Bundle","type":"searchset","entry":[{"resource":${JSON.stringify(control)}},{"resource":${resource}}]}`,
  );

describe('a resource of an answer', () => {
  it('leaves when it is the patient’s alone', async () => {
    const { status, body } = await ask(searchset(control));
    expect(status).toBe(200);
    expect(body).toContain('"control"');
    expect(body).toContain('"total":1');
  });

  it.each(others)('stays back, without a trace, when it $title', async ({ resource }) => {
    const without = await ask(searchset(control));
    const { status, all, body } = await ask(searchset(control, resource()));
    expect(status).toBe(200);
    expect(body).toContain('"control"');
    expect(all).not.toContain(MARK);
    // Not even the length tells.
    expect(body).toBe(without.body);
  });

  it.each(others)('stays back in a Bundle in the Bundle and in Parameters when it $title', async ({ resource }) => {
    const inner = { resourceType: 'Bundle', type: 'collection', entry: [{ resource: resource() }] };
    const parameters = {
      resourceType: 'Parameters',
      parameter: [{ name: 'p', part: [{ name: 'q', resource: resource() }] }],
    };
    for (const wrapped of [
      inner,
      parameters,
      { resourceType: 'Bundle', type: 'collection', entry: [{ resource: inner }] },
    ]) {
      const beside = await ask(searchset(control, wrapped));
      expect(beside.status).toBe(200);
      expect(beside.body).toContain('"control"');
      expect(beside.all).not.toContain(MARK);
      expect((await ask(wrapped)).all).not.toContain(MARK);
    }
  });

  it('stays back when a stored transaction would have made its patient', async () => {
    const stored = {
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [
        { fullUrl: 'urn:uuid:1', resource: { resourceType: 'Patient' }, request: { method: 'POST', url: 'Patient' } },
        { resource: observation({ subject: ref('urn:uuid:1') }), request: { method: 'POST', url: 'Observation' } },
      ],
    };
    expect((await ask(stored)).all).not.toContain(MARK);
    const beside = await ask(searchset(control, stored));
    expect(beside.body).toContain('"control"');
    expect(beside.all).not.toContain(MARK);
  });

  it('counts as somebody else’s when two entries of the Bundle answer to the subject’s name', async () => {
    const patient = (id: string) => ({ fullUrl: 'urn:uuid:1', resource: { resourceType: 'Patient', id } });
    const bundle = searchset(control, observation({ subject: ref('urn:uuid:1') }));
    const { body, all } = await ask({
      ...bundle,
      entry: [patient('patient-ada'), patient('patient-noor'), ...bundle.entry],
    });
    expect(body).toContain('"control"');
    expect(all).not.toContain(MARK);
  });
});

describe('an answer', () => {
  const entry = JSON.stringify(observation({ subject: noor }));
  it.each([
    ['a key that repeats', entry.replace('"status"', '"subject":{"reference":"Patient/patient-ada"},"status"')],
    [
      'a key that repeats under an escape',
      entry.replace('"status"', '"subj\\u0065ct":{"reference":"Patient/patient-ada"},"status"'),
    ],
    ['a lone surrogate', entry.replace('final', '\\ud800')],
    ['a number that is not JSON', entry.replace('"final"', '01')],
    ['bytes after its end', `${entry}}`],
    ['a depth without bound', entry.replace('"final"', `${'['.repeat(5000)}${']'.repeat(5000)}`)],
  ])('with %s is refused as a whole', async (_, resource) => {
    const { status, all } = await alone(resource);
    expect(status).toBe(502);
    expect(all).not.toContain(MARK);
    expect(all).not.toContain('"control"');
  });

  it('that hides somebody else behind escapes is seen through', async () => {
    const hidden = JSON.stringify(observation({ subject: ada, performer: [noor] }))
      .replace('"performer":[{"reference":"Patient', '"performer":[{"ref\\u0065rence":"P\\u0061tient')
      .replace('/patient-noor', '\\/patient-noor');
    expect(hidden).toContain('\\u0065');
    const { body, all } = await alone(hidden);
    expect(body).toContain('"control"');
    expect(all).not.toContain(MARK);
  });

  it('that begins a key with a byte order mark is not taken for one without', async () => {
    const marked = JSON.stringify(observation({ subject: noor })).replace(
      '"status"',
      '"\ufeffsubject":{"reference":"Patient/patient-ada"},"status"',
    );
    const { body, all } = await alone(marked);
    expect(body).toContain('"control"');
    expect(all).not.toContain(MARK);
  });

  it('keeps its links on the gateway and its notes as they are', async () => {
    const note = `see ${upstream.url}/Patient/patient-ada`;
    const { body } = await ask(
      searchset({ ...control, encounter: ref(`${upstream.url}/Encounter/e`), note: [{ text: note }] }),
    );
    expect(body).toContain(`${second.gateway.url}/fhir/Encounter/e`);
    expect(body.split(upstream.url).length - 1).toBeLessThanOrEqual(1);
  });
});
