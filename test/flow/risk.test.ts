import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import type { Assessment, RiskAction } from '../../src/domain/risk/score.ts';
import { codeOf, type Rig, startRig } from './rig.ts';
import { type Second, startSecond } from './second-gateway.ts';

let rig: Rig;
const folders: string[] = [];
beforeAll(async () => {
  rig = await startRig();
}, 60_000);
afterAll(async () => {
  await rig.close();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** The shipped policies with other lines in risk.yaml. */
const policiesWith = (lines: string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'consentry-risk-policies-'));
  folders.push(folder);
  cpSync('policies', folder, { recursive: true });
  const file = join(folder, 'risk.yaml');
  const names = [...lines.matchAll(/^(\w+):/gm)].map((found) => found[1]);
  const kept = readFileSync(file, 'utf8')
    .split(/^(?=\w+:)/m)
    .filter((part) => !names.some((name) => part.startsWith(`${name}:`)));
  writeFileSync(file, `${kept.join('')}\n${lines}\n`);
  return folder;
};

const as = (second: Second, token: string) => ({
  get: (path: string) => supertest(second.gateway.url).get(`/fhir${path}`).set('authorization', `Bearer ${token}`),
  put: (path: string, body: string, etag: string) =>
    supertest(second.gateway.url)
      .put(`/fhir${path}`)
      .set('authorization', `Bearer ${token}`)
      .set('content-type', 'application/fhir+json')
      .set('if-match', etag)
      .send(body),
});

const strong = { acr: 'urn:consentry:acr:second-factor', authTime: Math.floor(Date.now() / 1000) };
const verdict = (action: RiskAction): Assessment => ({
  score: 0.5 as never,
  action,
  reasons: [],
  explained: false,
  model: 'm',
});

describe('an answer that would give a user too much', () => {
  let second: Second;
  beforeAll(async () => {
    const policies = policiesWith(
      'volume: { windowMinutes: 60, patients: 1000, records: 10, stepUpShare: 0.5, automatedFactor: 1 }',
    );
    second = await startSecond(rig, { config: { policies } });
  });
  afterAll(() => second.close());

  it('asks for a fresh, stronger log-in first, naming what would do, and is given with it', async () => {
    const weak = as(second, await rig.token('clinician'));
    await weak.get('/Patient/patient-ada').expect(200);
    const asked = await weak.get('/Observation?patient=patient-ada&_count=6').expect(401);
    expect(codeOf(asked)).toBe('risk-step-up');
    expect(asked.headers['www-authenticate']).toBe(
      'Bearer error="insufficient_user_authentication", error_description="A fresh, stronger log-in is required", acr_values="urn:consentry:acr:second-factor", max_age="300"',
    );
    const able = as(second, await rig.token('clinician', strong));
    await able.get('/Observation?patient=patient-ada&_count=6').expect(200);
  });

  it('is refused beyond the limit with the time to wait, and recorded without a resource', async () => {
    const able = as(second, await rig.token('clinician', { ...strong, user: 'volume-user' }));
    await able.get('/Observation?patient=patient-ada&_count=9').expect(200);
    await able.get('/Observation?patient=patient-ada&_count=9').expect(200);
    const refused = await able.get('/Observation?patient=patient-hana&_count=2').expect(429);
    expect(codeOf(refused)).toBe('rate-limited');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(3000);
    const found = await second.gateway.ledger.find(String(refused.headers['x-request-id']));
    expect(found?.entry).toMatchObject({ kind: 'denied', code: 'rate-limited', resources: [] });
  });

  it('is told all the same when it is that of a write', async () => {
    const able = as(second, await rig.token('clinician', { ...strong, user: 'volume-writer' }));
    const read = await able.get('/Patient/patient-hana').expect(200);
    await able.get('/Observation?patient=patient-hana&_count=9').expect(200);
    await able.get('/Observation?patient=patient-ada&_count=2').expect(429);
    await able.put('/Patient/patient-hana', read.text, String(read.headers.etag)).expect(200);
  });
});

describe('a wide search', () => {
  it('counts each patient once over its pages, and ends with 429 where the window is full', async () => {
    const second = await startSecond(rig, {
      config: {
        policies: policiesWith(
          'volume: { windowMinutes: 60, patients: 5, records: 500000, stepUpShare: 1, automatedFactor: 1 }',
        ),
      },
    });
    try {
      const able = as(second, await rig.token('clinician', strong));
      const seen: string[] = [];
      let path: string | undefined = '/Patient?_count=2';
      let refused: supertest.Response | undefined;
      while (path !== undefined && refused === undefined) {
        const page: supertest.Response = await able.get(path);
        if (page.status !== 200) {
          refused = page;
          break;
        }
        const bundle = page.body as {
          entry?: { resource: { id: string } }[];
          link: { relation: string; url: string }[];
        };
        seen.push(...(bundle.entry ?? []).map(({ resource }) => resource.id));
        path = bundle.link.find(({ relation }) => relation === 'next')?.url.slice(second.gateway.fhirBase.length);
      }
      expect([refused?.status, codeOf(refused as supertest.Response)]).toEqual([429, 'rate-limited']);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.length).toBeGreaterThan(2);
      expect(seen.length).toBeLessThanOrEqual(5);
      // The same patients again are no further volume.
      await able.get('/Patient?_count=2').expect(200);
      await able.get(`/Observation?patient=${seen[0]}&_count=2`).expect(200);
    } finally {
      await second.close();
    }
  });
});

describe('a volume guard that is broken', () => {
  it('refuses, and serves only the purposes that policy names', async () => {
    const nonsense = await startSecond(rig, {
      config: { policies: policiesWith('failure: { purposes: { TREAT: serve-flag-notify } }') },
    });
    try {
      nonsense.gateway.risk.volume.admit = () => {
        throw new RangeError();
      };
      await as(nonsense, await rig.token('clinician'))
        .get('/Patient/patient-ada')
        .expect(200);
      const refused = await as(nonsense, await rig.token('researcher')).get('/Patient?_count=2');
      expect([refused.status, codeOf(refused)]).toEqual([503, 'risk-unavailable']);
      nonsense.gateway.risk.volume.admit = () => undefined as never;
      const again = await as(nonsense, await rig.token('researcher')).get('/Patient?_count=2');
      expect([again.status, codeOf(again)]).toEqual([503, 'risk-unavailable']);
    } finally {
      await nonsense.close();
    }
  });
});

describe('an assessment that fails', () => {
  const failures: readonly { readonly title: string; readonly assess: () => Assessment | Promise<Assessment> }[] = [
    {
      title: 'throws',
      assess: () => {
        throw new RangeError();
      },
    },
    { title: 'never comes', assess: () => new Promise(() => {}) },
    { title: 'comes as a rejection', assess: () => Promise.reject(new RangeError()) },
    { title: 'is NaN', assess: () => ({ ...verdict('allow'), score: Number.NaN as never }) },
    { title: 'is NaN and comes late', assess: async () => ({ ...verdict('allow'), score: Number.NaN as never }) },
    { title: 'has no known action', assess: () => verdict('perhaps' as never) },
    { title: 'is absent, as without a model', assess: () => undefined as never },
  ];

  it.each(failures)(
    'and $title: treatment is served and flagged where policy says so, all else refused',
    async ({ assess }) => {
      const second = await startSecond(rig, {
        config: { policies: policiesWith('failure: { purposes: { TREAT: serve-flag-notify } }') },
        risk: { assess, observe: () => {} },
      });
      try {
        const served = await second.get('/Patient/patient-ada', 'clinician').expect(200);
        expect(served.headers['x-access-notice']).toBeDefined();
        const found = await second.gateway.ledger.find(String(served.headers['x-request-id']));
        expect(found?.entry.risk).toEqual({ score: 1, action: 'notice', model: 'none', reasons: ['unassessed'] });
        const refused = await second.get('/Patient?_count=2', 'researcher').expect(503);
        expect(codeOf(refused)).toBe('risk-unavailable');
        // Consent and identity stay closed whatever the failure mode of risk.
        const denied = await second.get('/Patient/patient-noor', 'clinician').expect(403);
        expect(codeOf(denied)).toBe('consent-not-granted');
      } finally {
        await second.close();
      }
    },
  );

  it('is refused for treatment too unless policy says otherwise', async () => {
    const assess = (): Assessment => {
      throw new RangeError();
    };
    const second = await startSecond(rig, { risk: { assess, observe: () => {} } });
    try {
      const refused = await second.get('/Patient/patient-ada', 'clinician').expect(503);
      expect(codeOf(refused)).toBe('risk-unavailable');
    } finally {
      await second.close();
    }
  });
});

describe('the ladder', () => {
  const withAction = (action: RiskAction): Promise<Second> =>
    startSecond(rig, { risk: { assess: () => verdict(action), observe: () => {} } });

  it('tells the user of a notice in a header, and of nothing when there is none', async () => {
    const noticed = await withAction('notice');
    const plain = await withAction('allow');
    try {
      const response = await noticed.get('/Patient/patient-ada', 'clinician').expect(200);
      expect(response.headers['x-access-notice']).toBe('This access is unusual; it is recorded and may be reviewed.');
      const other = await plain.get('/Patient/patient-ada', 'clinician').expect(200);
      expect(other.headers['x-access-notice']).toBeUndefined();
    } finally {
      await noticed.close();
      await plain.close();
    }
  });

  it('is satisfied by a second factor at the issuer, and not by an old or a weak one', async () => {
    const second = await withAction('step-up');
    try {
      const weak = await as(second, await rig.token('clinician'))
        .get('/Patient/patient-ada')
        .expect(401);
      const asked = /acr_values="([^"]+)", max_age="(\d+)"/.exec(String(weak.headers['www-authenticate']));
      const acr = asked?.[1] ?? '';
      const old = { acr, authTime: Math.floor(Date.now() / 1000) - Number(asked?.[2]) - 5 };
      await as(second, await rig.token('clinician', old))
        .get('/Patient/patient-ada')
        .expect(401);
      await as(second, await rig.token('clinician', { ...strong, acr: 'urn:consentry:acr:password' }))
        .get('/Patient/patient-ada')
        .expect(401);
      await as(second, await rig.token('clinician', { ...strong, acr }))
        .get('/Patient/patient-ada')
        .expect(200);
    } finally {
      await second.close();
    }
  });
});

describe('a call that scores high after a stronger log-in', () => {
  let second: Second;
  beforeAll(async () => {
    second = await startSecond(rig, {
      config: { policies: policiesWith('rateLimit: { callsPerMinute: 3 }') },
      // The score of a call is in its user agent.
      risk: { assess: (event) => verdict((event.agent ?? 'allow') as RiskAction), observe: () => {} },
    });
  });
  afterAll(() => second.close());
  const acting = async (persona: string, changes = {}) => {
    const token = await rig.token(persona, { ...strong, ...changes });
    return (action: RiskAction, line: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) => {
      const [method = '', path = ''] = line.split(' ');
      const call = supertest(second.gateway.url)
        [method.toLowerCase() as 'get' | 'post' | 'put' | 'patch'](`/fhir${path}`)
        .set({ authorization: `Bearer ${token}`, 'user-agent': action, 'content-type': 'application/fhir+json' })
        .set(headers);
      return body === undefined ? call : call.send(typeof body === 'string' ? body : JSON.stringify(body));
    };
  };
  const ada = 'GET /Patient/patient-ada';
  const stored = async (): Promise<unknown> => {
    const { meta: _meta, ...rest } = (await fetch(`${rig.demo.fhir.url}/Patient/patient-ada`).then((response) =>
      response.json(),
    )) as Record<string, unknown>;
    return rest;
  };

  it('comes back with more masked, says so, and is recorded as such; the next calm one does not', async () => {
    const call = await acting('clinician');
    const calm = await call('allow', ada).expect(200);
    const raised = await call('mask-more', ada).expect(200);
    const [full, less] = [JSON.parse(calm.text), JSON.parse(raised.text)];
    expect([full.telecom[0].value, full.address[0].line[0]]).toEqual([expect.any(String), expect.any(String)]);
    for (const value of [full.telecom[0].value, full.address[0].line[0]]) expect(raised.text).not.toContain(value);
    expect(less.name).toEqual(full.name);
    expect(less.meta.security).toContainEqual(expect.objectContaining({ code: 'REDACTED' }));
    expect(raised.headers['x-access-masking']).toBe('raised');
    expect(raised.headers['x-access-notice']).toContain('More than usual is masked');
    expect(calm.headers['x-access-masking']).toBeUndefined();
    const { entry } = (await second.gateway.ledger.find(String(raised.headers['x-request-id']))) ?? {};
    expect(entry).toMatchObject({ decision: 'permit', risk: { action: 'mask-more' } });
    expect(entry?.policy?.rules).toContain('raised-streets');
    expect(entry?.story).toContainEqual(
      expect.objectContaining({ stage: 'plan', text: expect.stringContaining('asks for more masking') }),
    );
    const metrics = await (await fetch(`${second.gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/consentry_request_seconds_count\{[^}]*code="raised"[^}]*\} [1-9]/);
    expect((await call('allow', ada).expect(200)).text).toBe(calm.text);
  });

  it.each([
    'GET /Patient?_id=patient-ada',
    'GET /Patient?_id=patient-ada&_elements=telecom,address',
    'GET /Patient/patient-ada/_history',
    'GET /Patient/patient-ada/$everything',
    'POST /',
  ])('has more masked in the answer to %s', async (line) => {
    const call = await acting('clinician');
    const batch = { resourceType: 'Bundle', type: 'batch', entry: [{ request: { method: 'GET', url: ada.slice(5) } }] };
    const body = line === 'POST /' ? batch : undefined;
    const phone = JSON.parse((await call('allow', ada)).text).telecom[0].value as string;
    expect((await call('allow', line, body).expect(200)).text).toContain(phone);
    const raised = await call('mask-more', line, body).expect(200);
    expect(raised.text).toContain('patient-ada');
    expect(raised.text).not.toContain(phone);
  });

  it('is asked for the stronger log-in first', async () => {
    const call = await acting('clinician', { acr: undefined, authTime: undefined });
    expect(codeOf(await call('mask-more', ada).expect(401))).toBe('risk-step-up');
  });

  it('may not ask by what the raised mask hides, whatever matches', async () => {
    const call = await acting('clinician');
    for (const line of [
      'GET /Patient?phone=555-0100',
      'GET /Patient?_id=patient-ada&telecom=nobody',
      'GET /Patient?address=Elm&_id=patient-ada',
      'GET /Observation?patient=patient-ada&patient.telecom=555-0100',
      'GET /Patient?_id=patient-ada&_sort=phone',
    ]) {
      expect(codeOf(await call('mask-more', line).expect(403))).toBe('masked-parameter');
      const calm = await call('allow', line);
      expect([line, calm.status === 200 || codeOf(calm) !== 'masked-parameter']).toEqual([line, true]);
    }
    const conditional = await call('mask-more', 'PUT /Patient?phone=555-0100', { resourceType: 'Patient' }).expect(403);
    expect(codeOf(conditional)).toBe('masked-parameter');
  });

  it('shares no validator with the calm call', async () => {
    const call = await acting('clinician');
    const { etag } = (await call('allow', ada)).headers;
    await call('allow', ada, undefined, { 'if-none-match': String(etag) }).expect(304);
    const raised = await call('mask-more', ada, undefined, { 'if-none-match': String(etag) }).expect(200);
    await call('allow', ada, undefined, { 'if-none-match': String(raised.headers.etag) }).expect(200);
  });

  it.each(['the validator of that read', 'the version in it'])(
    'may be written back with %s, by a calm or a risky call, and nothing hidden is lost',
    async (how) => {
      const call = await acting('clinician');
      const before = await stored();
      for (const action of ['allow', 'mask-more'] as const)
        for (const seen of ['allow', 'mask-more'] as const) {
          const read = await call(seen, ada).expect(200);
          const tag = how === 'the version in it' ? `W/"${JSON.parse(read.text).meta.versionId}"` : read.headers.etag;
          const put = { 'if-match': String(tag), prefer: 'return=representation' };
          const written = await call(action, 'PUT /Patient/patient-ada', read.text, put).expect(200);
          expect(await stored()).toEqual(before);
          expect(/"telecom":\[\{[^}]*"value"/.test(written.text)).toBe(action === 'allow');
        }
      const raised = await call('mask-more', ada).expect(200);
      expect(codeOf(await call('allow', 'PUT /Patient/patient-ada', raised.text).expect(428))).toBe(
        'precondition-required',
      );
    },
  );

  it('learns nothing by a patch that tests or copies what the raised mask hides', async () => {
    const call = await acting('clinician');
    const calm = JSON.parse((await call('allow', ada)).text) as { telecom: { value: string }[] };
    const phone = calm.telecom[0]?.value;
    const before = await stored();
    for (const value of [phone, 'wrong'])
      for (const operations of [
        [{ op: 'test', path: '/telecom/0/value', value }],
        [{ op: 'copy', from: '/telecom/0/value', path: '/name/0/text' }],
      ]) {
        const refused = await call('mask-more', 'PATCH /Patient/patient-ada', operations, {
          'content-type': 'application/json-patch+json',
        });
        expect([refused.status, codeOf(refused)]).toEqual([422, 'write-masked']);
      }
    expect(await stored()).toEqual(before);
    await call('allow', 'PATCH /Patient/patient-ada', [{ op: 'test', path: '/telecom/0/value', value: phone }], {
      'content-type': 'application/json-patch+json',
    }).expect(200);
  });

  it('shows a patient their own record as ever', async () => {
    const call = await acting('patient');
    const raised = await call('mask-more', ada).expect(200);
    expect(raised.text).toBe((await call('allow', ada).expect(200)).text);
    expect(raised.headers['x-access-masking']).toBeUndefined();
    for (let n = 0; n < 5; n += 1) await call('rate-limit', ada).expect(200);
  });

  it('is refused where the policies have no overlay to raise the mask with', async () => {
    const bare = await startSecond(rig, {
      config: { policies: policiesWith('scoreCap: step-up\nmaskMore: { overlay: none }') },
      risk: { assess: () => verdict('mask-more'), observe: () => {} },
    });
    try {
      const refused = await as(bare, await rig.token('clinician', strong))
        .get('/Patient/patient-ada')
        .expect(403);
      expect(codeOf(refused)).toBe('policy-no-rule');
      const found = await bare.gateway.ledger.find(String(refused.headers['x-request-id']));
      expect(found?.entry.story.at(-1)?.rule).toBe('risk:mask-more');
    } finally {
      await bare.close();
    }
  });

  it('is given few calls a minute from a higher score on, and told how long to wait', async () => {
    const call = await acting('clinician', { user: 'slowed' });
    for (let n = 0; n < 3; n += 1) {
      const given = await call('rate-limit', ada).expect(200);
      expect(given.headers['x-access-masking']).toBe('raised');
    }
    const refused = await call('rate-limit', ada).expect(429);
    expect(codeOf(refused)).toBe('rate-limited');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(refused.headers['retry-after'])).toBeLessThan(21);
    const found = await second.gateway.ledger.find(String(refused.headers['x-request-id']));
    expect(found?.entry.story.map(({ rule }) => rule)).toContain('risk:rate-limit');
    await call('allow', ada).expect(200);
    await (await acting('clinician', { user: 'other' }))('rate-limit', ada).expect(200);
  });
});

describe('a ladder on which every score masks more', () => {
  it('masks more from a clinician of a patient whom nothing links, and nothing of documented care or the own record', async () => {
    const low = 'ladder: { notice: 1.0e-9, stepUp: 2.0e-9, maskMore: 3.0e-9, rateLimit: 1, block: 1 }';
    const second = await startSecond(rig, {
      config: { policies: policiesWith(`cold: { total: 0, user: 0 }\n${low}`) },
    });
    const masking = async (persona: string, path: string): Promise<string | undefined> =>
      (
        await as(second, await rig.token(persona, strong))
          .get(path)
          .expect(200)
      ).headers['x-access-masking'];
    try {
      expect(await masking('clinician', '/Patient/patient-hana')).toBe('raised');
      expect(await masking('clinician', '/Patient/patient-ada')).toBeUndefined();
      expect(await masking('patient', '/Patient/patient-ada')).toBeUndefined();
    } finally {
      await second.close();
    }
  });
});

describe('at work', () => {
  const everybody = async (): Promise<string[]> => {
    const bundle = (await fetch(`${rig.demo.fhir.url}/Patient?_count=100&_elements=id`).then((response) =>
      response.json(),
    )) as { entry: { resource: { id: string } }[] };
    return bundle.entry.map(({ resource }) => resource.id);
  };

  it.each([
    ['clinician', (patient: string) => [`/Patient/${patient}`, `/Condition?patient=${patient}`]],
    ['front-desk', (patient: string) => [`/Patient?name=a`, `/Patient/${patient}`, `/Appointment?patient=${patient}`]],
    ['billing', (patient: string) => [`/Encounter?patient=${patient}`, '/Coverage?_count=50']],
    ['researcher', () => ['/Observation?_count=100']],
    ['patient', () => ['/Patient/patient-ada', '/Observation?patient=patient-ada']],
  ] as const)('the %s is not stopped by the score, however fast they are', async (persona, calls) => {
    for (const patient of await everybody())
      for (const path of calls(patient)) {
        const answer = await rig.get(path, persona);
        if (answer.status !== 200) expect(codeOf(answer)).toBe('consent-not-granted');
      }
  });

  it('records taken by the batch count like records taken one by one', async () => {
    const second = await startSecond(rig, {});
    try {
      const patients = await everybody();
      const token = await rig.token('suspicious');
      const batch = (ids: readonly string[]): supertest.Test =>
        supertest(second.gateway.url)
          .post('/fhir')
          .set('authorization', `Bearer ${token}`)
          .set('content-type', 'application/fhir+json')
          .send({
            resourceType: 'Bundle',
            type: 'batch',
            entry: ids.map((id) => ({ request: { method: 'GET', url: `Observation?patient=${id}` } })),
          });
      const statuses = (response: supertest.Response): string[] =>
        (response.body as { entry: { response: { status: string } }[] }).entry.map(({ response: each }) => each.status);
      expect(statuses(await batch(['patient-lena', 'patient-yusuf']))).toEqual(['200', '200']);
      // The first batch of many is judged within itself: those refused and those given count for the entries after them.
      const many = await batch(patients);
      expect(statuses(many)).not.toContain('200');
      expect(many.text).toContain('consent-not-granted');
      expect(many.text).toContain('risk-blocked');
    } finally {
      await second.close();
    }
  });
});
