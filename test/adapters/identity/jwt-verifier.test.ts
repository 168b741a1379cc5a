import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { base64url, type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose';
import {
  createJwtVerifier,
  type JwtVerifierOptions,
  KeysUnavailable,
} from '../../../src/adapters/identity/jwt-verifier.ts';
import type { Principal } from '../../../src/domain/identity/principal.ts';
import type { Instant } from '../../../src/domain/instant.ts';
import type { Problem } from '../../../src/domain/problem.ts';

const issuer = 'https://issuer.example';
const audience = 'https://gateway.example/fhir';
const now = Date.UTC(2026, 5, 1) as Instant;
const seconds = now / 1000;
const signal = new AbortController().signal;

interface Pair {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

const pair = async (alg: string, kid: string): Promise<Pair> => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
};

const claims = { client_id: 'app', roles: ['clinician'], purpose_of_use: 'TREAT', scope: 'user/*.rs' };

const sign = (
  key: CryptoKey | Uint8Array,
  header: { alg: string; kid?: string; typ?: string },
  more: Record<string, unknown> = {},
) =>
  new SignJWT({ iss: issuer, aud: audience, sub: 'dr', iat: seconds, exp: seconds + 600, ...claims, ...more })
    .setProtectedHeader(header)
    .sign(key);

const codeOf = (result: Principal | Problem): string => ('code' in result ? result.code : 'principal');

let es256: Pair;
let rs256: Pair;
let ed25519: Pair;

beforeAll(async () => {
  [es256, rs256, ed25519] = await Promise.all([pair('ES256', 'es'), pair('RS256', 'rs'), pair('EdDSA', 'ed')]);
});

const verifierOf = (options: Partial<JwtVerifierOptions> = {}) =>
  createJwtVerifier({
    issuers: [
      {
        issuer,
        audience,
        algorithms: ['RS256', 'ES256', 'EdDSA'],
        jwks: { keys: [es256.jwk, rs256.jwk, ed25519.jwk] },
      },
    ],
    ...options,
  });

const verdict = async (token: string, at: Instant = now, verifier = verifierOf()): Promise<string> =>
  codeOf(await verifier.verify(token, at, signal));

describe('a token that is wholly valid', () => {
  it.each(['ES256', 'RS256', 'EdDSA'] as const)('is accepted when signed with %s', async (alg) => {
    const { privateKey, jwk } = { ES256: es256, RS256: rs256, EdDSA: ed25519 }[alg];
    expect(await verdict(await sign(privateKey, { alg, kid: String(jwk.kid), typ: 'at+jwt' }))).toBe('principal');
  });

  it('is answered without a promise the second time', async () => {
    const verifier = verifierOf();
    const token = await sign(es256.privateKey, { alg: 'ES256', kid: 'es' });
    const first = await verifier.verify(token, now, signal);
    const second = verifier.verify(token, now, signal);
    expect(second).toBe(first);
  });

  it('is no longer accepted once it has expired, though it was remembered', async () => {
    const verifier = verifierOf({ clockTolerance: 0 });
    const token = await sign(es256.privateKey, { alg: 'ES256', kid: 'es' }, { exp: seconds + 60 });
    expect(await verdict(token, now, verifier)).toBe('principal');
    expect(await verdict(token, (now + 61_000) as Instant, verifier)).toBe('auth-token-expired');
  });

  it('is accepted without a kid when one of several keys fits', async () => {
    const other = await pair('ES256', 'other');
    const verifier = createJwtVerifier({
      issuers: [{ issuer, audience, algorithms: ['ES256'], jwks: { keys: [other.jwk, es256.jwk] } }],
    });
    expect(await verdict(await sign(es256.privateKey, { alg: 'ES256' }), now, verifier)).toBe('principal');
    const stranger = await pair('ES256', 'stranger');
    expect(await verdict(await sign(stranger.privateKey, { alg: 'ES256' }), now, verifier)).toBe('auth-token-invalid');
  });

  it('is judged by the keys of its own issuer only', async () => {
    const verifier = createJwtVerifier({
      issuers: [
        { issuer, audience, algorithms: ['ES256'], jwks: { keys: [es256.jwk] } },
        { issuer: 'https://other.example', audience, algorithms: ['RS256'], jwks: { keys: [rs256.jwk] } },
      ],
    });
    const own = await sign(rs256.privateKey, { alg: 'RS256', kid: 'rs' }, { iss: 'https://other.example' });
    const crossed = await sign(rs256.privateKey, { alg: 'RS256', kid: 'rs' });
    expect(await verdict(own, now, verifier)).toBe('principal');
    expect(await verdict(crossed, now, verifier)).toBe('auth-token-invalid');
  });
});

describe('a token that is not wholly valid', () => {
  it('is refused as missing when it is empty', async () => {
    expect(await verdict('')).toBe('auth-token-missing');
  });

  it.each([
    ['another issuer', { iss: 'https://evil.example' }],
    ['another audience', { aud: 'https://elsewhere.example' }],
    ['no expiry', { exp: undefined }],
    ['no subject', { sub: undefined }],
    ['a start in the future', { nbf: seconds + 120 }],
    ['an expiry that is not a number', { exp: 'never' }],
    ['claims of the wrong type', { roles: 7 }],
    ['a binding to a key that a bearer header cannot prove', { cnf: { jkt: 'x' } }],
  ])('is refused with %s', async (_name, more) => {
    expect(await verdict(await sign(es256.privateKey, { alg: 'ES256', kid: 'es' }, more))).toBe('auth-token-invalid');
  });

  it('is refused as expired after its end and the tolerance', async () => {
    const token = await sign(es256.privateKey, { alg: 'ES256', kid: 'es' }, { exp: seconds - 31 });
    expect(await verdict(token)).toBe('auth-token-expired');
  });

  it('is refused when its payload was changed', async () => {
    const token = await sign(es256.privateKey, { alg: 'ES256', kid: 'es' });
    const [header, payload = '', signature] = token.split('.');
    const changed = JSON.parse(new TextDecoder().decode(base64url.decode(payload))) as Record<string, unknown>;
    changed.roles = ['privacy-officer'];
    expect(await verdict([header, base64url.encode(JSON.stringify(changed)), signature].join('.'))).toBe(
      'auth-token-invalid',
    );
  });

  it('is refused with alg none, in any spelling', async () => {
    for (const alg of ['none', 'None', 'NONE']) {
      const header = base64url.encode(JSON.stringify({ alg, typ: 'JWT' }));
      const payload = base64url.encode(
        JSON.stringify({ iss: issuer, aud: audience, sub: 'dr', exp: seconds + 600, ...claims }),
      );
      expect(await verdict(`${header}.${payload}.`)).toBe('auth-token-invalid');
    }
  });

  it('is refused when a public key serves as a shared secret', async () => {
    const secret = new TextEncoder().encode(await exportSPKI(rs256.publicKey));
    expect(await verdict(await sign(secret, { alg: 'HS256', kid: 'rs' }))).toBe('auth-token-invalid');
  });

  it('is refused with an algorithm that its issuer is not configured for', async () => {
    const verifier = createJwtVerifier({
      issuers: [{ issuer, audience, algorithms: ['ES256'], jwks: { keys: [es256.jwk, rs256.jwk] } }],
    });
    expect(await verdict(await sign(rs256.privateKey, { alg: 'RS256', kid: 'rs' }), now, verifier)).toBe(
      'auth-token-invalid',
    );
  });

  it('is refused when its type says that it is no access token', async () => {
    expect(await verdict(await sign(es256.privateKey, { alg: 'ES256', kid: 'es', typ: 'logout+jwt' }))).toBe(
      'auth-token-invalid',
    );
  });

  it('is refused when it brings its own key', async () => {
    const evil = await pair('ES256', 'es');
    const token = await new SignJWT({ iss: issuer, aud: audience, sub: 'dr', exp: seconds + 600, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'es', jwk: evil.jwk })
      .sign(evil.privateKey);
    expect(await verdict(token)).toBe('auth-token-invalid');
  });

  it.each(['x', 'a.b', 'a.b.c', '..', `${'a'.repeat(20_000)}.b.c`, 'é.è.ê', '{}.{}.{}'])(
    'is refused when it is no token at all (%#)',
    async (text) => {
      expect(await verdict(text)).toBe('auth-token-invalid');
    },
  );
});

describe('the configuration of issuers', () => {
  it.each(['HS256', 'none', 'RS512'])('does not take %s as an algorithm', (algorithm) => {
    const algorithms = [algorithm as 'RS256'];
    expect(() => createJwtVerifier({ issuers: [{ issuer, audience, algorithms, jwks: { keys: [] } }] })).toThrow(
      'not allowed',
    );
  });
});

const everythingButDate = [
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'clearImmediate',
  'setInterval',
  'clearInterval',
  'setTimeout',
  'clearTimeout',
] as const;

describe('keys at a URI', () => {
  let server: Server;
  let served: JWK[] = [];
  let fetches = 0;
  let isDown = false;
  const closing: Server[] = [];

  const start = async (): Promise<string> => {
    server = createServer((_request, response) => {
      fetches += 1;
      response
        .writeHead(isDown ? 500 : 200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ keys: served }));
    });
    closing.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  };

  afterEach(() => {
    fetches = 0;
    isDown = false;
  });
  afterAll(async () => {
    await Promise.all(closing.map((each) => new Promise((resolve) => each.close(resolve))));
  });

  const remote = async () =>
    createJwtVerifier({ issuers: [{ issuer, audience, algorithms: ['ES256', 'RS256'], jwksUri: await start() }] });

  it('are fetched once, before anybody calls', async () => {
    served = [es256.jwk];
    const verifier = await remote();
    await verifier.warm();
    const tokens = await Promise.all(
      [1, 2, 3].map((n) => sign(es256.privateKey, { alg: 'ES256', kid: 'es' }, { jti: String(n) })),
    );
    for (const token of tokens) expect(await verdict(token, now, verifier)).toBe('principal');
    expect(fetches).toBe(1);
  });

  it('are fetched once more, not more often, for key ids nobody knows', async () => {
    served = [es256.jwk];
    const verifier = await remote();
    await verifier.warm();
    for (let n = 0; n < 20; n += 1) {
      const token = await sign(rs256.privateKey, { alg: 'RS256', kid: `made-up-${n}` });
      expect(await verdict(token, now, verifier)).toBe('auth-token-invalid');
    }
    expect(fetches).toBeLessThanOrEqual(2);
  });

  it('are fetched again half-way through their age, and nobody waits for it', async () => {
    served = [es256.jwk];
    const verifier = await remote();
    await verifier.warm();
    jest.useFakeTimers({ now: Date.now() + 6 * 60_000, doNotFake: [...everythingButDate] });
    try {
      served = [es256.jwk, rs256.jwk];
      const fetched = new Promise((resolve) => server.once('request', resolve));
      expect(await verdict(await sign(es256.privateKey, { alg: 'ES256', kid: 'es' }), now, verifier)).toBe('principal');
      await fetched;
      expect(fetches).toBe(2);
    } finally {
      jest.useRealTimers();
    }
  });

  it('that cannot be had are no verdict on the token', async () => {
    isDown = true;
    const verifier = await remote();
    const token = await sign(es256.privateKey, { alg: 'ES256', kid: 'es' });
    await expect(Promise.resolve(verifier.verify(token, now, signal))).rejects.toThrow(KeysUnavailable);
    await expect(verifier.warm()).rejects.toThrow(KeysUnavailable);
  });
});

describe('keys in a file', () => {
  it('are read again when the file has changed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'keys-'));
    const file = join(folder, 'jwks.json');
    try {
      await writeFile(file, JSON.stringify({ keys: [es256.jwk] }));
      const verifier = createJwtVerifier({ issuers: [{ issuer, audience, algorithms: ['ES256', 'RS256'], file }] });
      const token = await sign(rs256.privateKey, { alg: 'RS256', kid: 'rs' });
      expect(await verdict(token, now, verifier)).toBe('auth-token-invalid');
      await writeFile(file, JSON.stringify({ keys: [rs256.jwk] }));
      await utimes(file, 1, 2_000_000_000);
      expect(await verdict(token, now, verifier)).toBe('principal');
      await rm(file);
      const another = await sign(rs256.privateKey, { alg: 'RS256', kid: 'rs' }, { jti: '2' });
      await expect(Promise.resolve(verifier.verify(another, now, signal))).rejects.toThrow(KeysUnavailable);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
