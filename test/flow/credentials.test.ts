import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Interface, keccak256, toUtf8Bytes } from 'ethers';
import { CompactSign, type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import supertest from 'supertest';
import { consentRegistryAbi } from '../../src/adapters/chain/generated/consent-registry.ts';
import { issuerRegistryAbi } from '../../src/adapters/chain/generated/issuer-registry.ts';
import { createRpc } from '../../src/adapters/chain/rpc.ts';
import { researcherCredential } from '../../src/domain/identity/researcher.ts';
import { until } from '../adapters/chain/fixture.ts';
import { type Rig, startRig } from './rig.ts';
import { type Second, startSecond } from './second-gateway.ts';

const study = 'ResearchStudy/study-heart-outcomes';

/** A university that issues credentials: keys and status list by HTTP, as the gateway fetches them. */
interface University {
  readonly url: string;
  readonly thumbprint: string;
  credential(holder: CryptoKey, aud: string, nonce: string): Promise<string>;
  close(): Promise<void>;
}

const sha = (text: string): string => createHash('sha256').update(text).digest('base64url');
const signed = (payload: object, header: object, key: CryptoKey): Promise<string> =>
  new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
    .setProtectedHeader({ alg: 'ES256', ...header })
    .sign(key);

/** Without the private part. */
const publicOf = ({ d: _private, ...jwk }: JWK): JWK => jwk;

async function university(): Promise<University> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  const now = Math.floor(Date.now() / 1000);
  let url = '';
  const server: Server = createServer(async (request, response) => {
    if (request.url === '/jwks') return response.end(JSON.stringify({ keys: [{ ...jwk, kid: 'k1', alg: 'ES256' }] }));
    const lst = deflateSync(Uint8Array.of(0, 0)).toString('base64url');
    const list = { sub: `${url}/status/1`, iat: now, ttl: 300, status_list: { bits: 1, lst } };
    return response.end(await signed(list, { typ: 'statuslist+jwt', kid: 'k1' }, privateKey));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    thumbprint: await calculateJwkThumbprint(jwk),
    async credential(holder, aud, nonce) {
      const disclosures = Object.entries({
        institution: 'University',
        ethics_approval: { id: 'E1', until: '2090-01-01' },
      }).map(([name, value]) => Buffer.from(JSON.stringify(['salt', name, value])).toString('base64url'));
      const claims = {
        iss: url,
        vct: researcherCredential,
        exp: now + 86_400,
        study,
        cnf: { jwk: publicOf(await exportJWK(holder)) },
        status: { status_list: { idx: 3, uri: `${url}/status/1` } },
        _sd_alg: 'sha-256',
        _sd: disclosures.map(sha),
      };
      const token = await signed(claims, { typ: 'dc+sd-jwt', kid: 'k1' }, privateKey);
      const presented = `${[token, ...disclosures].join('~')}~`;
      const binding = { aud, nonce, iat: Math.floor(Date.now() / 1000), sd_hash: sha(presented) };
      return presented + (await signed(binding, { typ: 'kb+jwt' }, holder));
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

let rig: Rig;
let school: University;
let gateway: Second;
let rpc: ReturnType<typeof createRpc>;
const admin = async (to: string, data: string): Promise<void> => {
  await rpc.call('eth_sendTransaction', [{ from: rig.demo.chain.accounts[0]?.address, to, data, gas: '0x100000' }]);
};
const issuers = new Interface(issuerRegistryAbi);

beforeAll(async () => {
  school = await university();
  rig = await startRig();
  rpc = createRpc(rig.demo.chain.rpcUrl);
  const [, account] = rig.demo.chain.accounts;
  await admin(
    rig.demo.deployment.consentRegistry,
    new Interface(consentRegistryAbi).encodeFunctionData('setAttester', [account?.address, 15]),
  );
  gateway = await startSecond(rig, {
    environment: { ...rig.demo.environment, SECOND_KEY: account?.key ?? '' },
    config: {
      chain: {
        ...rig.demo.config.chain,
        relayerKey: 'env:SECOND_KEY',
        issuerRegistry: rig.demo.deployment.issuerRegistry,
      },
      credentials: {
        issuers: [{ issuer: school.url, jwksUri: `${school.url}/jwks` }],
        types: [researcherCredential],
      },
    },
  });
}, 120_000);
afterAll(async () => {
  await gateway?.close();
  await school?.close();
  rpc?.close();
  await rig?.close();
});

const call = (token: string, path: string, body: object) =>
  supertest(gateway.gateway.url).post(`/api/v1${path}`).set('authorization', `Bearer ${token}`).send(body);

/** What the researcher's app does; the status of the presentation. */
const present = async (token: string, holder?: CryptoKey): Promise<number> => {
  const key = holder ?? (await generateKeyPair('ES256', { extractable: true })).privateKey;
  const { nonce } = (await call(token, '/credentials/challenge', {})).body as { nonce: string };
  const presentation = await school.credential(key, gateway.gateway.fhirBase, nonce);
  return (await call(token, '/credentials', { nonce, presentation })).status;
};

const reads = async (token: string): Promise<number> =>
  (await supertest(gateway.gateway.url).get('/fhir/Patient/patient-kofi').set('authorization', `Bearer ${token}`))
    .status;

describe('a grant to a study that waits for a credential', () => {
  it('opens for the researcher who shows one of a trusted issuer, and not for a colleague who shows none', async () => {
    const kofi = await rig.token('patient', {
      user: 'kofi',
      fhirUser: 'Patient/patient-kofi',
      patient: 'patient-kofi',
    });
    const granted = await call(kofi, '/consents', {
      grants: [
        {
          grantee: { kind: 'study', reference: study },
          purposes: ['HRESCH'],
          actions: ['read', 'search', 'deidentified'],
          conditions: ['CREDENTIAL'],
        },
      ],
    });
    expect(granted.status).toBeLessThan(300);
    const id = (granted.body as { granted: { id: string }[] }).granted[0]?.id ?? '';
    const held = () => gateway.gateway.replica.grant(id as never) !== undefined;
    await until(held, 'the grant is here');
    const novak = await rig.token('researcher');
    const colleague = await rig.token('researcher', { user: 'colleague', fhirUser: 'Practitioner/practitioner-other' });
    expect(await reads(novak)).toBe(403);

    // The issuer's key is not on the chain's list yet.
    expect(await present(novak)).toBe(403);
    expect(await reads(novak)).toBe(403);

    const key = `0x${Buffer.from(school.thumbprint, 'base64url').toString('hex')}`;
    const trust = [keccak256(toUtf8Bytes(school.url)), key, 4_000_000_000];
    await admin(rig.demo.deployment.issuerRegistry, issuers.encodeFunctionData('trust', trust));
    await until(async () => (await present(novak)) === 200, 'the credential is taken');
    await until(async () => (await reads(novak)) === 200, 'the researcher is let in');
    expect(await reads(colleague)).toBe(403);
    expect(await present(colleague)).toBe(200);
    await until(async () => (await reads(colleague)) === 200, 'the colleague is let in');
  });
});
