import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Instant } from '../../src/domain/instant.ts';
import { below, exported, fileOf, finished, kickOff, linesOf } from '../flow/bulk-rig.ts';
import { startSecond } from '../flow/second-gateway.ts';
import { type House, startHouse } from './house.ts';

let house: House;
let service: string;
let status: string;
let file: string;
beforeAll(async () => {
  house = await startHouse();
  service = await house.rig.token('researcher', { scope: 'system/*.rs' });
  const done = await exported(house, '/Patient/$export?_type=Patient,Observation', service);
  status = done.status;
  file = below(house, fileOf(done.manifest, 'Patient'));
}, 90_000);
afterAll(() => house.close());

const links = (): readonly (readonly [string, string])[] => [
  ['GET', status],
  ['GET', file],
  ['DELETE', status],
];

describe('a link of an export', () => {
  it('is nothing without a token', async () => {
    house.forget();
    for (const [method, path] of links()) {
      const answer = await house.ask(`${method} ${path}`);
      expect([answer.status, answer.code]).toEqual([401, 'auth-token-missing']);
    }
    expect(house.received).toEqual([]);
  });

  it.each([
    ['another user', { user: 'somebody-else' }],
    ['the same user at another client', { client: 'other-app' }],
    ['the same user for another purpose', { purpose: 'CLINTRCH' }],
    ['a user with one role more', { roles: ['researcher', 'clinician'] }],
    ['the same user with a patient at hand', { patient: 'patient-ada' }],
  ])('is refused to %s, and asks nothing', async (_title, changes) => {
    const other = await house.rig.token('researcher', { scope: 'system/*.rs', ...changes });
    house.forget();
    for (const [method, path] of links()) {
      const answer = await house.ask(`${method} ${path}`, { token: other });
      expect([answer.status, answer.code]).toEqual([403, 'page-foreign']);
    }
    expect(house.received).toEqual([]);
    expect((await house.ask(`GET ${file}`, { token: service })).status).toBe(200);
  });

  it('is refused to its owner without the scopes of the kick-off', async () => {
    const weaker = await house.rig.token('researcher', { scope: 'system/Patient.rs' });
    house.forget();
    for (const [method, path] of links())
      expect((await house.ask(`${method} ${path}`, { token: weaker })).code).toBe('scope-insufficient');
    expect(house.received).toEqual([]);
  });

  it('says nothing of the FHIR server or the export', () => {
    for (const [, path] of links()) {
      const sealed = Buffer.from(path.split('=')[1] ?? '', 'base64url').toString('latin1');
      expect(path + sealed).not.toMatch(/127\.0\.0\.1|Patient|ndjson|export-/);
    }
  });

  it('that is torn, changed, made up or of a page is refused, and asks nothing', async () => {
    const [head = '', token = ''] = file.split('=');
    const flip = (at: number) => token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
    const page = await house.ask('GET /Observation?patient=patient-ada&_count=3', { as: 'clinician' });
    const paging = /_page=([\w-]+)/.exec(page.text)?.[1] ?? '';
    house.forget();
    for (const forged of [token.slice(0, -2), flip(3), flip(60), flip(token.length - 3), 'A'.repeat(64), paging]) {
      const answer = await house.ask(`GET ${head}=${forged}`, { token: service });
      expect([answer.status, answer.code]).toEqual([403, 'page-foreign']);
    }
    expect(house.received).toEqual([]);
  });

  it('is no paging link, takes no more parameters, no body and no other method', async () => {
    const token = file.split('=')[1] ?? '';
    house.forget();
    for (const line of [
      `GET /Patient?_page=${token}`,
      `GET ${file}&_type=Observation`,
      `POST ${file}`,
      `PUT ${status}`,
      `PATCH ${status}`,
      `HEAD ${file}`,
      `DELETE ${file}`,
    ]) {
      const answer = await house.ask(line, { token: service });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.text).not.toContain('"resourceType":"Patient"');
    }
    expect(house.received).toEqual([]);
  });

  it('is over after its time, with 410', async () => {
    let ahead = 0;
    const second = await startSecond(house.rig, { clock: { now: () => (Date.now() + ahead) as Instant } });
    const at = { ...house, base: second.gateway.fhirBase, ask: askOf(second.gateway.url) };
    const done = await exported(at, '/Patient/$export?_type=Patient', service);
    ahead = 25 * 3600_000;
    // The links are older than the token of the caller may be.
    const later = await house.rig.demo.issuer.mint({ ...researcherClaims(), scope: 'system/*.rs' }, 48 * 3600);
    for (const path of [done.status, below(at, fileOf(done.manifest, 'Patient'))]) {
      const answer = await at.ask(`GET ${path}`, { token: later });
      expect([answer.status, answer.code]).toEqual([410, 'export-gone']);
    }
    await second.close();
  });

  it('outlives a restart of the gateway; one that was given up stays given up', async () => {
    const given = await exported(house, '/Patient/$export?_type=Patient', service);
    expect((await house.ask(`DELETE ${given.status}`, { token: service })).status).toBe(202);
    await house.restart();
    const answer = await house.ask(`GET ${file}`, { token: service });
    expect(answer.status).toBe(200);
    expect(linesOf(answer.text)).toHaveLength(4);
    expect((await house.ask(`GET ${status}`, { token: service })).status).toBe(200);
    expect((await house.ask(`GET ${given.status}`, { token: service })).code).toBe('export-gone');
  });
});

describe('a kick-off', () => {
  it.each([
    ['the front desk', 'front-desk', {}],
    ['billing', 'billing', {}],
    ['a patient', 'patient', {}],
    ['a patient at the level of patients', 'patient', {}, '/Patient/$export'],
    ['a researcher for one patient only', 'researcher', { scope: 'patient/*.rs', patient: 'patient-ada' }],
    ['scopes to read without search', 'researcher', { scope: 'system/*.r' }],
    ['scopes on one type', 'researcher', { scope: 'system/Patient.rs' }],
    ['scopes on one type for two', 'researcher', { scope: 'system/Patient.rs' }, '/$export?_type=Patient,Condition'],
    ['a role that is not named', 'researcher', { roles: ['gardener'] }],
    ['a purpose that the role has not', 'researcher', { purpose: 'HMARKT' }],
  ])('by %s is refused, and asks nothing', async (_title, persona, changes, path = '/$export') => {
    const token = await house.rig.token(persona, changes);
    house.forget();
    const answer = await kickOff(house, path, token);
    expect(answer.status).toBe(403);
    expect(answer.headers['content-location']).toBeUndefined();
    expect(house.received).toEqual([]);
  });

  it.each([
    ['_typeFilter', '_typeFilter=Patient%3Fname%3Dx'],
    ['_elements', '_elements=id'],
    ['organizeOutputBy', 'organizeOutputBy=Patient'],
    ['includeAssociatedData', 'includeAssociatedData=LatestProvenanceResources'],
    ['patient', 'patient=Patient/patient-ada'],
    ['another format', '_outputFormat=text/csv'],
    ['a type that does not exist', '_type=Nosuch'],
    ['a time that is none', '_since=yesterday'],
    ['a parameter twice', '_type=Patient&_type=Observation'],
    ['an unknown parameter', 'allowPartialManifests=true'],
  ])('with %s is refused, and asks nothing', async (_title, query) => {
    house.forget();
    const answer = await kickOff(house, `/Patient/$export?${query}`, service);
    expect([answer.status, answer.code]).toEqual([400, 'query-ambiguous']);
    expect(house.received).toEqual([]);
  });

  it.each([
    ['a patient of its own', { name: 'patient', valueReference: { reference: 'Patient/patient-ada' } }, 400],
    ['an unknown part', { name: 'nosuch', valueString: 'x' }, 400],
    ['a part with two values', { name: '_type', valueString: 'Patient', valueCode: 'Observation' }, 400],
    ['a part with parts', { name: '_type', valueString: 'Patient', part: [] }, 400],
    ['a part without a name', { valueString: 'Patient' }, 400],
  ])('whose body has %s is refused, and asks nothing', async (_title, parameter, expected) => {
    house.forget();
    const answer = await house.ask('POST /Patient/$export', {
      token: service,
      body: { resourceType: 'Parameters', parameter: [parameter] },
    });
    expect(answer.status).toBe(expected);
    expect(house.received).toEqual([]);
  });

  it('sends on nothing of the caller but what was judged', async () => {
    house.forget();
    await house.ask('GET /Patient/$export?_type=Patient', {
      token: service,
      headers: { prefer: 'respond-async, handling=lenient', 'x-forwarded-for': '1.2.3.4', cookie: 'a=b' },
    });
    const [call] = house.received;
    expect([call?.method, call?.path]).toEqual(['GET', '/fhir/Patient/$export?_type=Patient']);
    expect(call?.headers.prefer).toBe('respond-async, handling=strict');
    expect(JSON.stringify(call?.headers)).not.toMatch(/lenient|cookie|1\.2\.3\.4|Bearer/);
  });

  it('of a group that is missing is answered as that of one whose members refuse', async () => {
    const clinician = house.bearer('clinician');
    const answers = [];
    for (const group of ['group-heart-cohort', 'group-that-is-not']) {
      const begun = await kickOff(house, `/Group/${group}/$export?_type=Patient`, clinician);
      expect(begun.status).toBe(202);
      const path = below(house, begun.headers['content-location'] as string);
      const done = await finished(house, path, clinician);
      answers.push([
        Object.keys(done.headers),
        done.text.replace(/"transactionTime":"[^"]+"/, '').replaceAll(group, ''),
      ]);
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]?.[1]).toContain('"output":[]');
  });
});

const researcherClaims = () => {
  const found = house.rig.demo.tokens.find(({ persona }) => persona.name === 'researcher');
  if (found === undefined) throw new Error('no researcher');
  return found.persona;
};

const askOf =
  (url: string): House['ask'] =>
  async (line, { token, headers = {} } = {}) => {
    const [method = '', path = ''] = line.split(' ');
    const answer = await fetch(`${url}/fhir${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(headers as Record<string, string>) },
    });
    const text = await answer.text();
    const code = /"code":"([a-z-]+)"\}\]/.exec(text)?.[1];
    return { status: answer.status, headers: Object.fromEntries(answer.headers), text, code, all: text };
  };
