import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createJwtVerifier, type JwtVerifier } from '../../../src/adapters/identity/jwt-verifier.ts';
import { type SandboxIssuer, startSandboxIssuer } from '../../../src/adapters/identity/sandbox-issuer.ts';
import { readSigningKeys } from '../../../src/adapters/identity/signing-keys.ts';
import { readPersonas } from '../../../src/adapters/upstream/demo-fixtures.ts';
import type { Instant } from '../../../src/domain/instant.ts';

const audience = 'http://127.0.0.1:8080/fhir';
const redirect = 'http://localhost:5173/callback';
const signal = new AbortController().signal;
const personas = readPersonas();

let folder: string;
let issuer: SandboxIssuer;
let verifier: JwtVerifier;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'issuer-'));
  issuer = await startSandboxIssuer({
    port: 0,
    keyFile: join(folder, 'issuer-keys.json'),
    gatewayAudience: audience,
    personas,
    patients: async () => [
      { id: 'patient-ada', name: 'Ada Byrne' },
      { id: 'patient-ben', name: '<Ben> "Achterberg"' },
    ],
  });
  verifier = createJwtVerifier({
    issuers: [{ issuer: issuer.issuer, audience, algorithms: ['ES256'], jwksUri: issuer.jwksUri }],
  });
});

afterAll(async () => {
  await issuer.close();
  await rm(folder, { recursive: true });
});

const verify = (token: string) => Promise.resolve(verifier.verify(token, Date.now() as Instant, signal));

/** What a browser does between an app's log-in button and its redirect URI. */
class Browser {
  readonly #cookies = new Map<string, string>();

  async open(url: string, form?: URLSearchParams): Promise<Response> {
    const response = await fetch(url, {
      redirect: 'manual',
      method: form ? 'POST' : 'GET',
      headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form ? { body: form } : {}),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      this.#cookies.set(name, value);
    }
    const { location } = Object.fromEntries(response.headers);
    if (!location) return response;
    const next = new URL(location, url).href;
    return next.startsWith(redirect) ? response : this.open(next);
  }
}

const login = async (parameters: Record<string, string>, form: Record<string, string>) => {
  const codeVerifier = randomBytes(32).toString('base64url');
  const browser = new Browser();
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: 'my-app',
    redirect_uri: redirect,
    state: 'abc',
    aud: audience,
    code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...parameters,
  });
  const page = await browser.open(`${issuer.issuer}/authorize?${query}`);
  const html = await page.text();
  const [, action] = /action="([^"]+)"/.exec(html) ?? [];
  if (!action)
    return {
      html,
      page,
      answer: new URLSearchParams(new URL(page.headers.get('location') ?? redirect).search),
      codeVerifier,
    };
  const done = await browser.open(`${issuer.issuer}${action}`, new URLSearchParams({ answer: 'allow', ...form }));
  return { html, page, answer: new URL(done.headers.get('location') ?? redirect).searchParams, codeVerifier };
};

const postToken = async (form: Record<string, string>) => {
  const response = await fetch(`${issuer.issuer}/token`, { method: 'POST', body: new URLSearchParams(form) });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
};

const exchange = (code: string | null, codeVerifier: string) =>
  postToken({
    grant_type: 'authorization_code',
    code: code ?? '',
    redirect_uri: redirect,
    client_id: 'my-app',
    code_verifier: codeVerifier,
  });

describe('a standalone launch', () => {
  it('gives a clinician a token for the patient that was picked', async () => {
    const scope = 'openid fhirUser launch/patient user/*.rs user/Observation.rs?category=laboratory';
    const { html, answer, codeVerifier } = await login({ scope }, { persona: 'clinician', patient: 'patient-ben' });
    expect(html).toContain('&lt;Ben&gt; &quot;Achterberg&quot;');
    expect(answer.get('state')).toBe('abc');
    const { status, body } = await exchange(answer.get('code'), codeVerifier);
    expect({ status, patient: body.patient, scope: body.scope }).toEqual({
      status: 200,
      patient: 'patient-ben',
      scope,
    });
    expect(decodeProtectedHeader(body.access_token ?? '')).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
    expect(await verify(body.access_token ?? '')).toMatchObject({
      user: 'okafor',
      client: 'my-app',
      fhirUser: 'Practitioner/practitioner-okafor',
      organisation: 'Organization/organization-riverside',
      roles: ['clinician'],
      purpose: 'TREAT',
      launchPatient: 'patient-ben',
    });
    expect(decodeJwt(body.id_token ?? '')).toMatchObject({
      sub: 'okafor',
      aud: 'my-app',
      fhirUser: `${audience}/Practitioner/practitioner-okafor`,
    });
  });

  it("opens a patient's own record, whatever the form says", async () => {
    const { answer, codeVerifier } = await login(
      { scope: 'openid launch/patient patient/*.rs' },
      { persona: 'patient', patient: 'patient-ben' },
    );
    const { body } = await exchange(answer.get('code'), codeVerifier);
    expect(body.patient).toBe('patient-ada');
    expect(await verify(body.access_token ?? '')).toMatchObject({
      launchPatient: 'patient-ada',
      roles: ['patient'],
      purpose: 'PATRQT',
    });
  });

  it('refreshes with the same patient when offline access was asked for', async () => {
    const { answer, codeVerifier } = await login(
      { scope: 'openid offline_access launch/patient patient/*.rs' },
      { persona: 'clinician', patient: 'patient-ada' },
    );
    const { body } = await exchange(answer.get('code'), codeVerifier);
    const again = await postToken({
      grant_type: 'refresh_token',
      refresh_token: body.refresh_token ?? '',
      client_id: 'my-app',
    });
    expect(again.body.patient).toBe('patient-ada');
    expect(await verify(again.body.access_token ?? '')).toMatchObject({ launchPatient: 'patient-ada', user: 'okafor' });
  });

  it('says how and when the user logged in when an app asks for a second factor', async () => {
    const { answer, codeVerifier } = await login(
      { scope: 'openid user/*.rs', acr_values: 'urn:consentry:acr:second-factor', max_age: '0' },
      { persona: 'clinician' },
    );
    const { body } = await exchange(answer.get('code'), codeVerifier);
    const principal = await verify(body.access_token ?? '');
    expect(principal).toMatchObject({ acr: 'urn:consentry:acr:second-factor', authTime: expect.any(Number) });
  });

  it('is refused without PKCE, with a wrong verifier, and for another FHIR server', async () => {
    const without = await login(
      { scope: 'openid', code_challenge: '', code_challenge_method: '' },
      { persona: 'clinician' },
    );
    expect(without.answer.get('error')).toBe('invalid_request');
    const { answer } = await login({ scope: 'openid user/*.rs' }, { persona: 'clinician' });
    expect((await exchange(answer.get('code'), randomBytes(32).toString('base64url'))).status).toBe(400);
    const elsewhere = await login(
      { scope: 'openid user/*.rs', aud: 'https://evil.example/fhir' },
      { persona: 'clinician' },
    );
    expect(elsewhere.answer.get('error')).toBe('invalid_request');
  });

  it('sends nobody to an address outside this machine', async () => {
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: 'my-app',
      redirect_uri: 'https://evil.example/callback',
      scope: 'openid',
    });
    const response = await fetch(`${issuer.issuer}/authorize?${query}`, { redirect: 'manual' });
    expect(response.status).toBe(400);
    expect(response.headers.get('location')).toBeNull();
  });

  it('ends with access_denied when the user says no', async () => {
    const { answer } = await login({ scope: 'openid' }, { persona: 'clinician', answer: 'deny' });
    expect(answer.get('error')).toBe('access_denied');
  });
});

describe('Backend Services', () => {
  it.each(['ES384', 'RS384'] as const)('give a client with a registered %s key a system token', async (alg) => {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const registered = await fetch(`${issuer.issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_name: 'Nightly export',
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg, use: 'sig' }] },
      }),
    });
    const { client_id: client } = (await registered.json()) as { client_id: string };
    const assertion = await new SignJWT({ iss: client, sub: client, aud: `${issuer.issuer}/token`, jti: randomUUID() })
      .setProtectedHeader({ alg, kid: 'k1', typ: 'JWT' })
      .setExpirationTime('2m')
      .sign(privateKey);
    const form = {
      grant_type: 'client_credentials',
      scope: 'system/Observation.rs user/*.cruds',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    };
    const { status, body } = await postToken(form);
    expect({ status, scope: body.scope }).toEqual({ status: 200, scope: 'system/Observation.rs' });
    expect(await verify(body.access_token ?? '')).toMatchObject({
      user: client,
      client,
      roles: ['system'],
      purpose: 'HOPERAT',
    });
    expect((await postToken(form)).status).toBe(401);
  });
});

describe('the keys', () => {
  it('stay in a file that only its owner reads, and survive a restart', async () => {
    const keyFile = join(folder, 'issuer-keys.json');
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    const token = await (await readSigningKeys(keyFile)).mint(
      { user: 'x', client: 'cli', roles: ['clinician'], purpose: 'TREAT', scope: 'user/*.rs' },
      60,
    );
    expect(await verify(token)).toMatchObject({ user: 'x', client: 'cli' });
  });

  it('are published without their private parts', async () => {
    const { keys } = (await (await fetch(issuer.jwksUri)).json()) as { keys: Record<string, unknown>[] };
    expect(keys.map(({ alg }) => alg).sort()).toEqual(['ES256', 'RS256']);
    for (const key of [...keys, ...issuer.jwks.keys])
      expect(Object.keys(key)).not.toEqual(expect.arrayContaining(['d']));
  });
});

describe('discovery', () => {
  it('names what an app needs', async () => {
    const document = (await (await fetch(`${issuer.issuer}/.well-known/openid-configuration`)).json()) as Record<
      string,
      unknown
    >;
    expect(document).toMatchObject({
      issuer: issuer.issuer,
      authorization_endpoint: `${issuer.issuer}/authorize`,
      token_endpoint: `${issuer.issuer}/token`,
      jwks_uri: issuer.jwksUri,
      code_challenge_methods_supported: ['S256'],
    });
  });

  it('answers a page on another loopback port (CORS)', async () => {
    const response = await fetch(`${issuer.issuer}/.well-known/openid-configuration`, {
      headers: { origin: 'http://localhost:5173' },
    });
    expect(response.headers.get('access-control-allow-origin')).toBeTruthy();
  });
});
