import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startSecond } from '../flow/second-gateway.ts';
import { type Answer, type House, idsIn, json, startHouse } from './house.ts';

let house: House;
beforeAll(async () => {
  house = await startHouse();
}, 60_000);
afterAll(() => house.close());

describe('an operation', () => {
  it.each([
    ['/Patient/patient-noor/$everything'],
    ['/Observation/$lastn?patient=patient-noor'],
    ['/Encounter/encounter-noor-1/$everything'],
    ['/Composition/x/$document'],
  ])('%s of somebody else gives nothing', async (path) => {
    house.forget();
    const answer = await house.ask(`GET ${path}`, { as: 'clinician' });
    expect(answer.status).toBeGreaterThanOrEqual(403);
    expect(answer.all).not.toMatch(/Rahman|MRN-680191/);
  });

  it.each([
    ['GET /Patient/patient-ada/$unknown'],
    ['GET /$unknown'],
    ['POST /Patient/$merge'],
    ['GET /Patient/patient-ada/$meta'],
    ['POST /Patient/patient-ada/$meta-add'],
    ['POST /$process-message'],
    ['POST /Patient/patient-ada/$purge'],
    ['POST /$graphql'],
    ['GET /$graphql?query=%7BPatient(id:%22patient-noor%22)%7Bid%7D%7D'],
    ['GET /Patient/patient-ada/$graphql?query=%7Bid%7D'],
  ])('%s that cannot be judged never reaches the FHIR server', async (line) => {
    house.forget();
    const answer = await house.ask(line, {
      as: 'clinician',
      ...(line.startsWith('POST') ? { body: { resourceType: 'Parameters' } } : {}),
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(house.received).toEqual([]);
  });

  it('$everything of one’s own patient holds nothing of another', async () => {
    const answer = await house.ask('GET /Patient/patient-ada/$everything', { as: 'clinician' });
    expect(idsIn(answer.text)).toContain('patient-ada');
    expect(answer.text).not.toMatch(/patient-noor|965-47-3343/);
  });

  it('$everything whose answer holds records of others lets only one’s own go', async () => {
    house.impersonate(
      json({
        resourceType: 'Bundle',
        type: 'searchset',
        entry: [
          { resource: { resourceType: 'Patient', id: 'patient-ada' } },
          { resource: { resourceType: 'Patient', id: 'patient-noor', name: [{ family: 'Rahman' }] } },
          {
            resource: {
              resourceType: 'Bundle',
              type: 'collection',
              entry: [{ resource: { resourceType: 'Patient', id: 'patient-noor' } }],
            },
          },
          { resource: { resourceType: 'Parameters', parameter: [{ name: 'x', valueString: 'Rahman' }] } },
          { resource: { resourceType: 'Binary', id: 'b', contentType: 'text/plain', data: 'UmFobWFu' } },
        ],
      }),
    );
    const answer = await house.ask('GET /Patient/patient-ada/$everything', { as: 'clinician' });
    house.impersonate();
    expect(idsIn(answer.text)).toEqual(['patient-ada']);
  });

  it('that exports is for those whose scopes and role allow it', async () => {
    for (const as of ['front-desk', 'patient', 'billing']) {
      house.forget();
      const answer = await house.ask('GET /$export', { as, headers: { prefer: 'respond-async' } });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.headers['content-location']).toBeUndefined();
    }
  });
});

describe('history', () => {
  it.each([
    ['/Patient/patient-noor/_history'],
    ['/Patient/patient-noor/_history/1'],
    ['/Observation/observation-noor-1-bp/_history'],
    ['/Observation/observation-noor-1-bp/_history/1'],
    ['/Observation/observation-noor-1-bp/_history/99'],
  ])('%s of somebody else is as if there were none', async (path) => {
    const denied = await house.ask(`GET ${path}`, { as: 'clinician' });
    const missing = await house.ask(`GET ${path.replace('noor', 'none')}`, { as: 'clinician' });
    if (denied.status === 200) expect(JSON.parse(denied.text)).toMatchObject({ total: 0 });
    else expect([denied.status, denied.text]).toEqual([403, missing.text]);
    expect(denied.all.replaceAll(path, '')).not.toMatch(/Rahman/);
  });

  it('of a type or the whole server holds only what may be seen, masked as when read', async () => {
    for (const path of ['/_history?_count=100', '/Patient/_history', '/Observation/_history?_count=50']) {
      const answer = await house.ask(`GET ${path}`, { as: 'clinician' });
      expect(answer.status).toBe(200);
      expect(JSON.stringify(JSON.parse(answer.text).entry ?? [])).not.toMatch(/patient-noor|965-47-3343/);
    }
  });

  it('of a version is masked as the current one is', async () => {
    const answer = await house.ask('GET /Patient/patient-ada/_history/1', { as: 'clinician' });
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain('965-47-3343');
  });
});

describe('a paging link', () => {
  const next = (answer: Answer): string =>
    (JSON.parse(answer.text) as { link: { relation: string; url: string }[] }).link
      .find(({ relation }) => relation === 'next')
      ?.url.slice(house.base.length) ?? '';
  const first = () => house.ask('GET /Observation?patient=patient-ada&_count=3', { as: 'clinician' });

  it('leads to the gateway and says nothing of the query or the FHIR server', async () => {
    const page = await first();
    expect(next(page)).toMatch(/^\/Observation\?_page=[\w-]+$/);
    expect(page.text).not.toContain(house.rig.demo.fhir.url);
    expect(Buffer.from(next(page).split('=')[1] ?? '', 'base64url').toString('latin1')).not.toContain('patient-ada');
    expect((await house.ask(`GET ${next(page)}`, { as: 'clinician' })).status).toBe(200);
  });

  it.each([
    ['another user', 'patient', undefined],
    ['another role', 'researcher', undefined],
    ['the same user at another client', 'clinician', { client: 'other-app' }],
    ['the same user for another purpose', 'clinician', { purpose: 'CAREMGT' }],
    ['a user with one role more', 'clinician', { roles: ['clinician', 'billing'] }],
  ])('of %s is refused', async (_title, persona, changes) => {
    const path = next(await first());
    house.forget();
    const answer = await house.ask(`GET ${path}`, { token: await house.rig.token(persona, changes ?? {}) });
    expect([answer.code, house.received]).toEqual(['page-foreign', []]);
  });

  it('that is torn, changed, spliced or made up is refused, and asks nothing', async () => {
    const path = next(await first());
    const [head = '', token = ''] = path.split('=');
    const flip = (at: number) => token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
    house.forget();
    for (const forged of [
      token.slice(0, -2),
      flip(3),
      flip(40),
      flip(token.length - 3),
      token.split('').reverse().join(''),
      'A'.repeat(64),
    ])
      expect((await house.ask(`GET ${head}=${forged}`, { as: 'clinician' })).status).toBe(403);
    expect(house.received).toEqual([]);
  });

  it('takes no further criteria and is not one of several', async () => {
    const path = next(await first());
    house.forget();
    for (const more of ['&patient=patient-noor', `&${path.split('?')[1]}`, '&_include=Observation:subject'])
      expect((await house.ask(`GET ${path}${more}`, { as: 'clinician' })).status).toBe(400);
    expect(house.received).toEqual([]);
  });

  it('of the FHIR server itself, or of another kind of server, means nothing here', async () => {
    for (const query of [
      '_getpages=abc&_getpagesoffset=20',
      'ct=abc',
      '_offset=20',
      'page=2',
      '_cursor=abc',
      '__cursor=x',
    ]) {
      house.forget();
      expect((await house.ask(`GET /Observation?${query}`, { as: 'clinician' })).status).toBe(400);
      expect(house.received).toEqual([]);
    }
  });

  it('is over after its time', async () => {
    let ahead = 0;
    const second = await startSecond(house.rig, {
      clock: { now: () => (Date.now() + ahead) as never },
      config: { limits: { ...house.rig.demo.config.limits, pageSeconds: 5 } },
    });
    const page = await second.get('/Observation?patient=patient-ada&_count=3', 'clinician').expect(200);
    const link =
      (page.body.link as { relation: string; url: string }[])
        .find(({ relation }) => relation === 'next')
        ?.url.slice(second.gateway.fhirBase.length) ?? '';
    await second.get(link, 'clinician').expect(200);
    ahead = 8000;
    expect((await second.get(link, 'clinician')).status).toBe(410);
    await second.close();
  });

  it('to elsewhere, offered by the FHIR server, is dropped', async () => {
    house.impersonate(
      json({
        resourceType: 'Bundle',
        type: 'searchset',
        link: [
          { relation: 'next', url: 'http://169.254.169.254/latest' },
          { relation: 'next', url: '//evil.example/fhir' },
        ],
        entry: [],
      }),
    );
    const answer = await house.ask('GET /Observation?patient=patient-ada', { as: 'clinician' });
    house.impersonate();
    expect(answer.text).not.toMatch(/next|169|evil/);
  });
});
