import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CompactSign, type CryptoKey, exportJWK, generateKeyPair, type JWK } from 'jose';
import { createCredentialVerifier } from '../../../src/adapters/identity/sd-jwt.ts';
import { fileLines } from '../../../src/adapters/store/lines-file.ts';
import type { GrantId } from '../../../src/domain/consent/grant.ts';
import { researcherCredential, researcherOf } from '../../../src/domain/identity/researcher.ts';
import type { Instant } from '../../../src/domain/instant.ts';
import { type CredentialDesk, openCredentialDesk } from '../../../src/http/credentials.ts';

const now = 1_800_000_000;
const iss = 'https://university.example';
const aud = 'https://gateway.example';
const uri = `${iss}/status/1`;
let issuer: { privateKey: CryptoKey; publicKey: CryptoKey };
let holder: { privateKey: CryptoKey; publicKey: CryptoKey };
let holderJwk: JWK;
let statuses = Uint8Array.of(0, 0);
let listAway = false;
let fetched = 0;

beforeAll(async () => {
  issuer = await generateKeyPair('ES256');
  holder = await generateKeyPair('ES256');
  holderJwk = await exportJWK(holder.publicKey);
});

const sign = (payload: object, header: object, key: CryptoKey): Promise<string> =>
  new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
    .setProtectedHeader({ alg: 'ES256', ...header })
    .sign(key);
const sha = (text: string): string => createHash('sha256').update(text).digest('base64url');
const disclosure = (name: string, value: unknown): string =>
  Buffer.from(JSON.stringify(['salt', name, value])).toString('base64url');

const hidden = { institution: 'University', ethics_approval: { id: 'E1', until: '2029-01-01' } };
interface Change {
  readonly claims?: object;
  readonly header?: object;
  readonly show?: readonly string[];
  readonly binding?: object;
  readonly by?: CryptoKey;
  readonly bindingKey?: CryptoKey;
}
const present = async (
  nonce = 'n1',
  { claims = {}, header = {}, show, binding = {}, by, bindingKey }: Change = {},
): Promise<string> => {
  const all = Object.entries(hidden).map(([name, value]) => disclosure(name, value));
  const payload = {
    iss,
    vct: researcherCredential,
    exp: now + 1000,
    study: 'ResearchStudy/s1',
    cnf: { jwk: holderJwk },
    status: { status_list: { idx: 3, uri } },
    _sd_alg: 'sha-256',
    _sd: [...all.map(sha), sha('decoy')],
    ...claims,
  };
  const token = await sign(payload, { typ: 'dc+sd-jwt', kid: 'k1', ...header }, by ?? issuer.privateKey);
  const presented = `${[token, ...(show ?? all)].join('~')}~`;
  return (
    presented +
    (await sign(
      { aud, nonce, iat: now, sd_hash: sha(presented), ...binding },
      { typ: 'kb+jwt' },
      bindingKey ?? holder.privateKey,
    ))
  );
};

const verifier = () =>
  createCredentialVerifier({
    issuers: new Map([
      [
        iss,
        {
          key: async (kid) => (kid === 'k1' ? issuer.publicKey : undefined),
          statusList: async (wanted) => {
            fetched += 1;
            if (listAway) throw new Error('away');
            const lst = deflateSync(statuses).toString('base64url');
            return sign(
              { sub: wanted, iat: now, ttl: 300, status_list: { bits: 1, lst } },
              { typ: 'statuslist+jwt', kid: 'k1' },
              issuer.privateKey,
            );
          },
        },
      ],
    ]),
    types: new Set([researcherCredential]),
    audience: aud,
    bindingSeconds: 60,
    statusSeconds: 300,
    leeway: 5,
  });
const fault = async (presentation: string, at = now) => {
  const result = await verifier().verify(presentation, 'n1', at);
  return result.ok ? 'none' : result.fault;
};

describe('an SD-JWT credential', () => {
  it('is taken when issuer, holder, audience, nonce, time and status are right, with what was disclosed', async () => {
    const result = await verifier().verify(await present(), 'n1', now);
    expect(result).toMatchObject({
      ok: true,
      credential: { issuer: iss, claims: { institution: 'University', study: 'ResearchStudy/s1' } },
    });
    if (result.ok)
      expect(researcherOf(result.credential.claims, result.credential.expires)).toEqual({
        institution: 'University',
        study: 'ResearchStudy/s1',
        until: now + 1000,
      });
  });

  it('keeps back what the holder kept back', async () => {
    const result = await verifier().verify(await present('n1', { show: [] }), 'n1', now);
    expect(result.ok && 'institution' in result.credential.claims).toBe(false);
    expect(result.ok && researcherOf(result.credential.claims, result.credential.expires)).toBeUndefined();
  });

  it.each<[string, Change, string]>([
    ['another issuer', { claims: { iss: 'https://other.example' } }, 'issuer'],
    ['another key of the issuer', { header: { kid: 'k2' } }, 'signature'],
    ['another type', { claims: { vct: 'urn:other' } }, 'type'],
    ['a credential that is over', { claims: { exp: now - 10 } }, 'expired'],
    ['a credential without an end', { claims: { exp: undefined } }, 'expired'],
    ['a credential that has not begun', { claims: { nbf: now + 100 } }, 'not-yet'],
    ['another audience', { binding: { aud: 'https://evil.example' } }, 'audience'],
    ['another nonce', { binding: { nonce: 'n2' } }, 'nonce'],
    ['an old key binding', { binding: { iat: now - 120 } }, 'key-binding'],
    ['a key binding of another presentation', { binding: { sd_hash: 'x' } }, 'key-binding'],
    ['a token of another type', { header: { typ: 'JWT' } }, 'malformed'],
    ['no holder key', { claims: { cnf: {} } }, 'key-binding'],
    ['a disclosure that the issuer did not sign', { show: [disclosure('institution', 'Forged')] }, 'disclosure'],
    [
      'a disclosure that hides a claim every verifier needs',
      { claims: { _sd: [sha(disclosure('status', 0))] }, show: [disclosure('status', 0)] },
      'disclosure',
    ],
    [
      'an index beyond the status list',
      { claims: { status: { status_list: { idx: 99, uri } } } },
      'status-unavailable',
    ],
    ['a status of an unknown kind', { claims: { status: { other: 1 } } }, 'status-unavailable'],
  ])('is refused for %s', async (_, change, expected) => {
    expect(await fault(await present('n1', change))).toBe(expected);
  });

  it('is refused when signed by somebody else, bound by somebody else, or not bound at all', async () => {
    const stranger = await generateKeyPair('ES256');
    expect(await fault(await present('n1', { by: stranger.privateKey }))).toBe('signature');
    expect(await fault(await present('n1', { bindingKey: stranger.privateKey }))).toBe('key-binding');
    const whole = await present();
    expect(await fault(whole.slice(0, whole.lastIndexOf('~') + 1))).toBe('key-binding');
    expect(await fault('x~y~z')).toBe('malformed');
    expect(await fault('')).toBe('malformed');
  });

  it('closes when it is revoked or its list cannot be had, and asks for the list no oftener than it must', async () => {
    const one = verifier();
    fetched = 0;
    const first = await one.verify(await present(), 'n1', now);
    await one.verify(await present(), 'n1', now + 10);
    expect(fetched).toBe(1);
    if (!first.ok) throw new Error('refused');
    statuses = Uint8Array.of(0b1000, 0);
    expect(await one.recheck(first.credential, now + 301)).toEqual({ ok: false, fault: 'revoked' });
    statuses = Uint8Array.of(0, 0);
    listAway = true;
    expect(await one.recheck(first.credential, now + 700)).toEqual({ ok: false, fault: 'status-unavailable' });
    listAway = false;
    expect(await one.recheck(first.credential, now + 700)).toMatchObject({ ok: true });
    expect(await one.recheck(first.credential, now + 1006)).toEqual({ ok: false, fault: 'expired' });
  });
});

describe('the desk of credentials', () => {
  const folder = mkdtempSync(join(tmpdir(), 'credentials-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let time = now;
  const calls: string[] = [];
  const open = (name: string): Promise<CredentialDesk> =>
    openCredentialDesk({
      verifier: verifier(),
      grantsOfStudy: (study) => (study === 'ResearchStudy/s1' ? ['0x1' as GrantId] : []),
      relay: {
        attest: async (fact) => calls.push(`attest ${fact.grant} ${fact.until - now}`),
        withdraw: async (id) => calls.push(`withdraw ${id}`),
      },
      commit: () => '0x',
      lines: fileLines(join(folder, name)),
      code: (text) => createHash('sha256').update(`secret ${text}`).digest('base64url').slice(0, 22),
      clock: { now: () => (time * 1000) as Instant },
      random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
      nonceSeconds: 60,
    });
  beforeEach(() => {
    time = now;
    statuses = Uint8Array.of(0, 0);
    calls.length = 0;
  });

  it('opens the study’s grants for a nonce used once, and closes them when the credential no longer stands', async () => {
    const desk = await open('one');
    const nonce = desk.challenge('ruth');
    expect(nonce.length).toBeLessThanOrEqual(64);
    const presentation = await present(nonce);
    expect(await desk.present('sam', nonce, presentation)).toBe('nonce');
    const again = desk.challenge('ruth');
    expect(await desk.present('ruth', again, await present(again))).toMatchObject({
      study: 'ResearchStudy/s1',
      until: now + 1000,
    });
    expect(await desk.present('ruth', again, await present(again))).toBe('nonce');
    expect(desk.standing('ruth', 'ResearchStudy/s1')).toBe(now + 1000);
    expect(desk.standing('sam', 'ResearchStudy/s1')).toBeUndefined();
    await desk.recheck();
    expect(calls).toEqual(['attest 0x1 1000']);
    statuses = Uint8Array.of(0b1000, 0);
    time = now + 400;
    await desk.recheck();
    expect(calls).toEqual(['attest 0x1 1000', 'withdraw 0x1']);
    expect(desk.standing('ruth', 'ResearchStudy/s1')).toBeUndefined();
    await desk.close();
  });

  it('takes a nonce neither late nor made up', async () => {
    const desk = await open('nonces');
    const late = desk.challenge('ruth');
    time = now + 60;
    expect(await desk.present('ruth', late, await present(late))).toBe('nonce');
    const [fresh, , code] = late.split('.');
    for (const made of [`${fresh}.zzzzzz.${code}`, `${fresh}`, '', '..', 'NaN.NaN.NaN'])
      expect(await desk.present('ruth', made, await present(made))).toBe('nonce');
    expect(calls).toEqual([]);
    await desk.close();
  });

  it('counts a credential again after a restart once it was checked again, and ends what ended meanwhile', async () => {
    const before = await open('restart');
    const nonce = before.challenge('ruth');
    await before.present('ruth', nonce, await present(nonce));
    await before.close();
    const after = await open('restart');
    expect(await after.present('ruth', nonce, await present(nonce))).toBe('nonce');
    expect(after.standing('ruth', 'ResearchStudy/s1')).toBeUndefined();
    await after.recheck();
    expect(after.standing('ruth', 'ResearchStudy/s1')).toBe(now + 1000);
    await after.close();
    statuses = Uint8Array.of(0b1000, 0);
    time = now + 400;
    const late = await open('restart');
    await late.recheck();
    expect(late.standing('ruth', 'ResearchStudy/s1')).toBeUndefined();
    expect(calls).toEqual(['attest 0x1 1000', 'withdraw 0x1']);
    await late.close();
  });
});
