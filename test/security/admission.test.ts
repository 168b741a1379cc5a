import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import type { Instant } from '../../src/domain/instant.ts';
import { codeOf, type Rig, startRig } from '../flow/rig.ts';
import { oddUpstream, type Second, startSecond } from '../flow/second-gateway.ts';

let rig: Rig;
let second: Second;
let ahead = 0;
let upstream: Awaited<ReturnType<typeof oddUpstream>>;
beforeAll(async () => {
  rig = await startRig();
  upstream = await oddUpstream((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/fhir+json' });
    response.end('{"resourceType":"Patient","id":"patient-ada"}');
  });
  const { relayerKey: _relayerKey, ...chain } = rig.demo.config.chain;
  second = await startSecond(rig, {
    clock: { now: () => (frozen + ahead) as Instant },
    config: {
      upstream: { url: upstream.url, timeoutMs: 3000 },
      // The clock stands still but for the steps of the test; the chain goes on.
      chain: { ...chain, maxHeadAgeSeconds: 3600 },
      facts: { everySeconds: 3600, maxPages: 0 },
      limits: { ...rig.demo.config.limits, rate: { requests: 5, seconds: 60 } },
      browserApps: [{ client: 'ward-app', origins: ['https://ward.example'] }],
    },
  });
}, 90_000);
afterAll(async () => {
  await second.close();
  await upstream.close();
  await rig.close();
});
const frozen = Date.now();

const token = (user: string, client = 'any-app') => rig.token('clinician', { user, client });
const call = async (path: string, bearer: string, headers: Readonly<Record<string, string>> = {}) =>
  supertest(second.gateway.url).get(path).set('authorization', `Bearer ${bearer}`).set(headers);

describe('a caller', () => {
  it('is told with every answer how many calls are left, and refused with 429 and Retry-After when none is', async () => {
    const bearer = await token('busy');
    const statuses: number[] = [];
    const left: string[] = [];
    for (const path of [
      'Patient/patient-ada',
      'Patient/patient-noor',
      'Patient/x/$nosuch',
      'Observation?nosuch=1',
      'Patient/nobody',
    ]) {
      const answer = await call(`/fhir/${path}`, bearer);
      statuses.push(answer.status);
      left.push(String(answer.headers['ratelimit-remaining']));
      expect(answer.headers['ratelimit-limit']).toBe(answer.status === 405 || answer.status === 400 ? undefined : '5');
    }
    expect(statuses).toEqual([200, 403, 405, 400, 403]);
    // What has no normal form is refused before it is known who calls.
    expect(left).toEqual(['4', '3', 'undefined', 'undefined', '2']);
    for (let more = 0; more < 2; more += 1) await call('/fhir/Patient/patient-ada', bearer);
    upstream.received.length = 0;
    const answers = [];
    for (const path of ['Patient/patient-ada', 'Patient/patient-noor', 'Patient/nobody', 'Consent?patient=patient-ada'])
      answers.push(await call(`/fhir/${path}`, bearer));
    for (const refused of answers) {
      expect([refused.status, codeOf(refused)]).toEqual([429, 'rate-limited']);
      expect(refused.headers['retry-after']).toBe('12');
      expect(refused.headers['ratelimit-remaining']).toBe('0');
    }
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(upstream.received).toEqual([]);
    ahead += 12_000;
    expect((await call('/fhir/Patient/patient-ada', bearer)).status).toBe(200);
    expect((await call('/fhir/Patient/patient-ada', bearer)).status).toBe(429);
  });

  it('has one allowance for the FHIR API and the gateway’s own', async () => {
    const bearer = await token('both');
    for (let calls = 0; calls < 5; calls += 1) await call('/fhir/Patient/patient-ada', bearer);
    const refused = await call('/api/v1/explain/x', bearer);
    expect([refused.status, codeOf(refused), refused.headers['retry-after']]).toEqual([429, 'rate-limited', '12']);
    expect(refused.headers['ratelimit-remaining']).toBe('0');
  });

  it('does not use up the allowance of another user, nor that of the same user at another client', async () => {
    const bearer = await token('greedy');
    for (let calls = 0; calls < 6; calls += 1) await call('/fhir/Patient/patient-ada', bearer);
    expect((await call('/fhir/Patient/patient-ada', await token('modest'))).status).toBe(200);
    expect((await call('/fhir/Patient/patient-ada', await token('greedy', 'another-app'))).status).toBe(200);
  });

  it('without a valid token has none, and uses up nobody’s', async () => {
    for (let calls = 0; calls < 8; calls += 1)
      expect((await call('/fhir/Patient/patient-ada', 'no-token')).status).toBe(401);
  });
});

describe('a registered app', () => {
  it.each([
    ['its own page', 'ward-app', 'https://ward.example', 200, 'https://ward.example'],
    ['a page of another', 'ward-app', 'https://evil.example', 403, undefined],
    ['a page on this machine', 'ward-app', 'http://localhost:3000', 403, 'http://localhost:3000'],
    ['no page', 'ward-app', '', 200, undefined],
    ['the page of a registered app, as another', 'other-app', 'https://ward.example', 403, 'https://ward.example'],
  ])('called from %s', async (title, client, origin, status, allowed) => {
    upstream.received.length = 0;
    const bearer = await token(`page-${title}`, client);
    const answer = await call('/fhir/Patient/patient-ada', bearer, origin === '' ? {} : { origin });
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([status, allowed]);
    if (allowed !== undefined)
      for (const each of ['www-authenticate', 'x-access-notice', 'x-access-masking'])
        expect(answer.headers['access-control-expose-headers']).toContain(each);
    if (status === 403) {
      expect(codeOf(answer)).toBe('origin-foreign');
      expect(upstream.received).toEqual([]);
    }
    const own = await call('/api/v1/explain/x', bearer, origin === '' ? {} : { origin });
    expect(own.status).toBe(status === 200 ? 404 : 403);
  });

  it('has its preflight answered for its own pages', async () => {
    const preflight = (origin: string) =>
      supertest(second.gateway.url)
        .options('/fhir/Patient/patient-ada')
        .set({ origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' });
    expect((await preflight('https://ward.example')).headers['access-control-allow-origin']).toBe(
      'https://ward.example',
    );
    expect((await preflight('https://evil.example')).headers['access-control-allow-origin']).toBeUndefined();
  });
});
