import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportSPKI, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from 'jose';
import { type House, startHouse } from './house.ts';

let house: House;
let own: { readonly key: CryptoKey; readonly jwk: JWK };
beforeAll(async () => {
  house = await startHouse();
  const { keys } = JSON.parse(readFileSync(join(house.rig.state, 'issuer-keys.json'), 'utf8')) as { keys: JWK[] };
  const jwk = keys.find(({ alg }) => alg === 'ES256') as JWK;
  own = { jwk, key: (await importJWK(jwk, 'ES256')) as CryptoKey };
}, 60_000);
afterAll(() => house.close());

const now = () => Math.floor(Date.now() / 1000);
const claims = (more: Readonly<Record<string, unknown>> = {}): JWTPayload => ({
  iss: house.rig.demo.issuer.issuer,
  aud: house.rig.demo.config.issuers[0]?.audience ?? '',
  sub: 'okafor',
  iat: now(),
  nbf: now(),
  exp: now() + 300,
  jti: crypto.randomUUID(),
  client_id: 'ward-app',
  scope: 'user/*.cruds',
  roles: ['clinician'],
  purpose_of_use: 'TREAT',
  fhirUser: 'Practitioner/practitioner-okafor',
  organization: 'Organization/organization-riverside',
  ...more,
});
const without = (...names: readonly string[]): JWTPayload => {
  const all = claims();
  for (const name of names) delete all[name];
  return all;
};
const header = (more: object = {}) => ({ alg: 'ES256', typ: 'at+jwt', kid: own.jwk.kid ?? '', ...more });
const sign = (payload: JWTPayload, more: object = {}): Promise<string> =>
  new SignJWT(payload).setProtectedHeader(header(more)).sign(own.key);
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

const refusedToken = async (token: string): Promise<void> => {
  house.forget();
  const answer = await house.ask('GET /Patient/patient-ada', { token });
  expect({ status: answer.status, received: house.received }).toEqual({ status: 401, received: [] });
  expect(answer.headers['www-authenticate']).toMatch(/^Bearer error="invalid_token"/);
  expect(answer.text).not.toContain('okafor');
};

describe('a token', () => {
  it('of the issuer with every claim opens what it may', async () => {
    expect((await house.ask('GET /Patient/patient-ada', { token: await sign(claims()) })).status).toBe(200);
  });

  const wrong: readonly (readonly [string, () => JWTPayload])[] = [
    ['for another resource server', () => claims({ aud: 'https://elsewhere.example/fhir' })],
    ['for a longer address that begins like ours', () => claims({ aud: `${claims().aud as string}.evil.example` })],
    ['without an audience', () => without('aud')],
    ['of an issuer that is not configured', () => claims({ iss: 'https://issuer.example' })],
    ['whose issuer differs by a slash', () => claims({ iss: `${house.rig.demo.issuer.issuer}/` })],
    ['without an issuer', () => without('iss')],
    ['that has expired', () => claims({ iat: now() - 900, nbf: now() - 900, exp: now() - 600 })],
    ['without an expiry', () => without('exp')],
    ['that is not valid yet', () => claims({ nbf: now() + 600 })],
    ['without a subject', () => without('sub')],
    ['without a client', () => without('client_id')],
    ['whose expiry is a text', () => claims({ exp: `${now() + 300}` as unknown as number })],
  ];
  it.each(wrong)('%s is refused', async (_title, payload) => {
    await refusedToken(await sign(payload()));
  });

  const powerless: readonly (readonly [string, () => JWTPayload])[] = [
    ['without scopes', () => without('scope')],
    ['without roles', () => without('roles')],
    ['without a purpose of use', () => without('purpose_of_use')],
    ['with a role that nobody defined', () => claims({ roles: ['superuser'] })],
    ['with a role that is a wildcard', () => claims({ roles: ['*'] })],
    ['with a purpose that its role may not claim', () => claims({ purpose_of_use: 'HMARKT' })],
    ['with scopes for another type', () => claims({ scope: 'user/Observation.rs' })],
    ['with search and not read', () => claims({ scope: 'user/Patient.s' })],
    ['with a scope that only looks like one', () => claims({ scope: 'user/*.*.* USER/*.rs user/Patient.R' })],
    ['with patient/ scopes and no patient', () => claims({ scope: 'patient/*.rs' })],
    ['with patient/ scopes for another patient', () => claims({ scope: 'patient/*.rs', patient: 'patient-noor' })],
    [
      'with ids in its patient that are none',
      () => claims({ scope: 'patient/*.rs', patient: 'patient-ada,patient-noor' }),
    ],
    ['of a user whom nobody granted anything', () => claims({ sub: 'x', fhirUser: 'Practitioner/practitioner-x' })],
  ];
  it.each(powerless)('%s opens nothing', async (_title, payload) => {
    house.forget();
    const answer = await house.ask('GET /Patient/patient-ada', { token: await sign(payload()) });
    expect([401, 403]).toContain(answer.status);
    expect(house.received).toEqual([]);
    expect(answer.text).not.toContain('Byrne');
  });

  it('that claims to be a patient sees no more than that patient', async () => {
    const token = await sign(
      claims({
        roles: ['patient'],
        purpose_of_use: 'PATRQT',
        fhirUser: 'Patient/patient-noor',
        patient: 'patient-noor',
        scope: 'patient/*.rs',
      }),
    );
    expect((await house.ask('GET /Patient/patient-ada', { token })).status).toBe(403);
    expect((await house.ask('GET /Patient/patient-noor', { token })).status).toBe(200);
  });

  it('without a signature is refused, however alg none is spelled', async () => {
    for (const alg of ['none', 'None', 'NONE', 'nOnE'])
      for (const signature of ['', 'AAAA'])
        await refusedToken(`${part({ alg, typ: 'at+jwt' })}.${part(claims())}.${signature}`);
  });

  it('signed with the public key as an HMAC secret is refused', async () => {
    const spki = await exportSPKI(
      (await importJWK({ ...own.jwk, d: undefined as never }, 'ES256', { extractable: true })) as CryptoKey,
    );
    const { keys } = house.rig.demo.issuer.jwks;
    for (const secret of [spki, JSON.stringify(keys[0]), String(own.jwk.x)]) {
      const signed = `${part(header({ alg: 'HS256' }))}.${part(claims())}`;
      await refusedToken(`${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`);
    }
  });

  it('signed by another key is refused, under our key id and with its own key inside', async () => {
    const other = await generateKeyPair('ES256', { extractable: true });
    const { d: _d, ...jwk } = own.jwk;
    for (const more of [
      {},
      { kid: 'other' },
      { jwk },
      { jku: 'https://evil.example/jwks' },
      { x5u: 'https://evil.example' },
    ])
      await refusedToken(await new SignJWT(claims()).setProtectedHeader(header(more)).sign(other.privateKey));
  });

  it('with a changed claim, signature or header is refused', async () => {
    const [head = '', body = '', signature = ''] = (await sign(claims({ roles: ['patient'] }))).split('.');
    await refusedToken(`${head}.${part(claims())}.${signature}`);
    await refusedToken(`${head}.${body}.${signature.slice(0, -4)}AAAA`);
    await refusedToken(`${part(header({ alg: 'RS256' }))}.${body}.${signature}`);
    await refusedToken(`${head}.${body}.`);
    await refusedToken(`${head}.${body}`);
    await refusedToken(`${head}.${body}.${signature}.${signature}`);
  });

  it('with a critical header that nobody here understands is refused', async () => {
    const signed = `${part(header({ crit: ['b64'], b64: false }))}.${part(claims())}`;
    await refusedToken(`${signed}.${(await sign(claims())).split('.')[2]}`);
  });

  it('of the kind that tells a client who logged in is no access token', async () => {
    await refusedToken(await sign(claims({ aud: 'ward-app' }), { typ: 'JWT' }));
  });

  it('opens with v1, v2 and granular scopes what each allows, and no more', async () => {
    const ask = async (scope: string, line: string): Promise<number> =>
      (await house.ask(line, { token: await sign(claims({ scope })) })).status;
    expect(await ask('user/Patient.read', 'GET /Patient/patient-ada')).toBe(200);
    expect(await ask('user/Patient.write', 'GET /Patient/patient-ada')).toBe(403);
    expect(await ask('user/Patient.rs', 'GET /Patient/patient-ada')).toBe(200);
    expect(await ask('user/Observation.rs?category=laboratory', 'GET /Observation/observation-ada-3-lab-1')).toBe(200);
    expect(await ask('user/Observation.rs?category=laboratory', 'GET /Observation/observation-ada-1-bp')).toBe(403);
  });
});
