import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import { type House, startHouse } from '../security/house.ts';

let house: House;
let officer: string;
beforeAll(async () => {
  house = await startHouse();
  officer = house.bearer('privacy-officer');
}, 90_000);
afterAll(() => house.close());

interface Told {
  readonly decision?: string;
  readonly code?: string;
  readonly requestId: string;
  readonly summary: string;
  readonly stages: readonly { readonly stage: string; readonly rule: string; readonly text: string }[];
  readonly subjects?: { readonly kind: string; readonly ids?: readonly string[] };
  readonly masking?: {
    readonly plan: string;
    readonly rules: readonly { readonly rule: string; readonly method: string }[];
  };
  readonly consent?: { readonly grants: readonly string[] };
  readonly entries?: readonly object[];
  readonly receipt?: object;
}

const ask = async (token: string, body: object, status = 200): Promise<Told> => {
  const answer = await supertest(house.gateway.url)
    .post('/api/v1/decisions')
    .set('authorization', `Bearer ${token}`)
    .send(body);
  expect(answer.status).toBe(status);
  return answer.body as Told;
};
const get = (path: string) => ({ call: { method: 'GET', path } });
const clinician = {
  user: 'okafor',
  client: 'ward-app',
  fhirUser: 'Practitioner/practitioner-okafor',
  organisation: 'Organization/organization-riverside',
  roles: ['clinician'],
  purpose: 'TREAT',
  scope: 'user/*.cruds',
};

describe('a decision that is asked for', () => {
  it('says when the risk of the call would have more of it masked, and spends none of the calls a minute', async () => {
    const { risk } = house.gateway;
    const usual = risk.assess;
    risk.assess = () => ({ score: 0.8 as never, action: 'rate-limit', reasons: [], explained: false, model: 'm' });
    try {
      const authTime = Math.floor(Date.now() / 1000);
      const token = await house.rig.token('clinician', { acr: 'urn:consentry:acr:second-factor', authTime });
      for (let n = 0; n < 12; n += 1) {
        const told = await ask(token, get('/Patient/patient-ada'));
        expect(told).toMatchObject({ decision: 'permit', raised: 'The risk of the call asks for more masking.' });
        expect(told.masking?.plan).toMatch(/^clinician\+raised@/);
      }
    } finally {
      risk.assess = usual;
    }
    expect(await ask(house.bearer('clinician'), get('/Patient/patient-ada'))).not.toHaveProperty('raised');
  });

  it('says that the call would be allowed, for whom, and what the rules of the role would mask', async () => {
    house.forget();
    const told = await ask(house.bearer('clinician'), get('/Patient/patient-ada'));
    expect(told).toMatchObject({
      decision: 'permit',
      subjects: { kind: 'patients', ids: ['patient-ada'] },
      consent: { basis: 'grant' },
    });
    expect(told.masking?.plan).toMatch(/^clinician@/);
    expect(told.masking?.rules.length).toBeGreaterThan(0);
    expect(told.masking?.rules.every(({ method }) => method !== 'keep')).toBe(true);
    expect(house.received).toEqual([]);
  });

  it('says what the call itself is then answered with', async () => {
    for (const path of [
      '/Patient/patient-ada',
      '/Patient/patient-noor',
      '/Patient/nobody',
      '/Observation?patient=patient-noor',
      '/Observation?patient=patient-ada',
      '/Patient?identifier=http://hl7.org/fhir/sid/us-ssn|965-47-3343',
      '/Patient/patient-ada/$nosuch',
      '/Observation?nosuch=1',
      '/$export?_type=Patient',
    ]) {
      const told = await ask(house.bearer('clinician'), get(path));
      const real = await house.ask(`GET ${path}`, { as: 'clinician' });
      expect([path, told.decision, told.code]).toEqual([path, real.status < 400 ? 'permit' : 'deny', real.code]);
    }
  });

  it('is the same, but for its number, where there is no consent, no patient and no record', async () => {
    const same = await Promise.all(
      ['patient-noor', 'patient-ben', 'nobody'].map(async (id) => {
        const told = await ask(house.bearer('clinician'), get(`/Patient/${id}`));
        const { requestId: _id, receipt: _receipt, ...rest } = told as Told & { at?: string };
        return JSON.stringify({ ...rest, at: undefined }).replaceAll(id, '');
      }),
    );
    expect(new Set(same).size).toBe(1);
    expect(same[0]).not.toMatch(/revoke|withdraw|grantee|purpose/i);
  });

  it('sends nothing on for a write, and writes nothing', async () => {
    house.forget();
    const told = await ask(house.bearer('clinician'), {
      call: {
        method: 'POST',
        path: '/Observation',
        body: {
          resourceType: 'Observation',
          status: 'final',
          code: { text: 'weight' },
          subject: { reference: 'Patient/patient-ada' },
        },
      },
    });
    expect(told).toMatchObject({ decision: 'permit', subjects: { ids: ['patient-ada'] } });
    expect(house.received).toEqual([]);
    const before = await house.ask('GET /Patient/patient-ada', { as: 'clinician' });
    const changed = await ask(house.bearer('clinician'), {
      call: { method: 'DELETE', path: '/Patient/patient-ada' },
    });
    expect(changed.decision).toMatch(/permit|deny/);
    expect(house.received.map(({ method }) => method).filter((method) => method !== 'GET')).toEqual([]);
    expect((await house.ask('GET /Patient/patient-ada', { as: 'clinician' })).text).toBe(before.text);
  });

  it('of a batch tells of each entry', async () => {
    const told = await ask(house.bearer('clinician'), {
      call: {
        method: 'POST',
        path: '/',
        body: {
          resourceType: 'Bundle',
          type: 'batch',
          entry: ['patient-ada', 'patient-noor'].map((id) => ({ request: { method: 'GET', url: `Patient/${id}` } })),
        },
      },
    });
    expect(told.entries).toMatchObject([{ decision: 'permit' }, { decision: 'deny', code: 'consent-not-granted' }]);
  });

  it('is an entry of its own in the ledger, of who asked, and no access', async () => {
    const before = house.gateway.ledger.size();
    const told = await ask(officer, { ...get('/Patient/patient-ada'), actor: clinician });
    expect(house.gateway.ledger.size()).toBe(before + 1);
    const found = await house.gateway.ledger.find(told.requestId);
    expect(found?.entry).toMatchObject({
      kind: 'decision',
      decision: 'permit',
      actor: { user: 'adler', roles: ['privacy-officer'] },
      onBehalfOf: { user: 'okafor', issuer: 'described' },
      patients: ['patient-ada'],
      resources: [],
      outcome: { returned: 0 },
    });
  });

  it('breaks no glass, however often it is asked', async () => {
    const token = await house.rig.token('clinician', {
      purpose: 'ETREAT',
      reason: 'Unconscious after a road accident',
    });
    expect((await ask(token, get('/Patient/patient-noor'))).decision).toBe('permit');
    const tasks = await supertest(house.gateway.url)
      .get('/api/v1/break-glass')
      .set('authorization', `Bearer ${officer}`)
      .expect(200);
    expect((tasks.body as { tasks: unknown[] }).tasks).toEqual([]);
  });
});

describe('on behalf of another', () => {
  it('an officer reads the whole story', async () => {
    const refused = await ask(officer, { ...get('/Patient/patient-noor'), actor: clinician });
    expect(refused).toMatchObject({ decision: 'deny', code: 'consent-not-granted' });
    expect(refused.stages.some(({ stage }) => stage === 'locate')).toBe(true);
    expect(refused.stages.some(({ rule }) => rule.startsWith('consent:'))).toBe(true);
    const narrow = await ask(officer, {
      ...get('/Condition?patient=patient-ada'),
      actor: { ...clinician, scope: 'user/Patient.rs' },
    });
    expect(narrow).toMatchObject({ decision: 'deny', code: 'scope-insufficient' });
  });

  it.each([['clinician'], ['researcher'], ['patient'], ['front-desk']])('%s may not ask', async (persona) => {
    const before = house.gateway.ledger.size();
    await ask(house.bearer(persona), { ...get('/Patient/patient-ada'), actor: clinician }, 403);
    expect(house.gateway.ledger.size()).toBe(before);
  });

  it('nobody asks without a token, and the body cannot carry one', async () => {
    await supertest(house.gateway.url).post('/api/v1/decisions').send(get('/Patient/patient-ada')).expect(401);
    const told = await ask(house.bearer('clinician'), {
      call: {
        method: 'GET',
        path: '/Patient/patient-noor',
        headers: { Authorization: `Bearer ${house.bearer('patient')}` },
      },
    });
    expect(told.decision).toBe('deny');
  });

  it.each([
    ['nothing', {}],
    ['no path', { call: { method: 'GET' } }],
    ['another method', { call: { method: 'TRACE', path: '/Patient' } }],
    ['an unknown member', { ...get('/Patient/x'), force: true }],
    ['an actor without a role', { ...get('/Patient/x'), actor: { client: 'a', purpose: 'TREAT', scope: '' } }],
  ])('a body with %s is a 400', async (_title, body) => {
    await ask(officer, body, 400);
  });

  it('follows no paging link of somebody else', async () => {
    const page = await house.ask('GET /Observation?patient=patient-ada&_count=3', { as: 'clinician' });
    const next = (JSON.parse(page.text) as { link: { relation: string; url: string }[] }).link.find(
      ({ relation }) => relation === 'next',
    )?.url;
    const path = next?.slice(house.base.length) ?? '';
    expect((await ask(house.bearer('clinician'), get(path))).decision).toBe('permit');
    expect((await ask(house.bearer('specialist'), get(path))).code).toBe('page-foreign');
  });
});
