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
      expect(statuses(await batch(patients))).toContain('200');
      const again = await batch(patients);
      expect(statuses(again)).not.toContain('200');
      expect(again.text).toContain('risk-blocked');
    } finally {
      await second.close();
    }
  });
});
