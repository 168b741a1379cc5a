import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TypedDataEncoder } from 'ethers';
import { recoverPasskey } from '../../../src/adapters/chain/passkey.ts';
import { createRelayer, type Relayer } from '../../../src/adapters/chain/relayer.ts';
import { grantIdOf } from '../../../src/adapters/chain/sign.ts';
import { decodeAssertion } from '../../../src/domain/consent/passkey.ts';
import {
  delegateTypedData,
  grantTypedData,
  narrowTypedData,
  rebindTypedData,
  revokeTypedData,
} from '../../../src/domain/consent/typed-data.ts';
import { typedDataDigest } from '../../../src/domain/consent/typed-data-digest.ts';
import { type Chain, far, newSubject, startChain, termsFor } from './fixture.ts';
import { type Ceremony, softwarePasskey } from './software-passkey.ts';

let chain: Chain;
let relayer: Relayer;
beforeAll(async () => {
  chain = await startChain();
  relayer = createRelayer({
    rpcUrl: chain.anvil.rpcUrl,
    key: chain.key,
    chainId: chain.deployment.chainId,
    contract: chain.deployment.consentRegistry,
    queueFile: join(chain.folder, 'queue'),
    pollMs: 20,
  });
  await relayer.start();
}, 60_000);
afterAll(async () => {
  await relayer.stop();
  await chain.stop();
});

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const word = (value: bigint) => new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'));

describe('what a passkey signs', () => {
  it('is the digest that ethers makes of the same typed data', () => {
    const { domain } = chain;
    const subject = newSubject();
    const terms = termsFor(subject);
    const rebind = { subject, controller: chain.deployment.authority, nonce: '3', deadline: far };
    const delegate = { ...rebind, delegate: rebind.controller, rights: 3, until: far };
    for (const data of [
      grantTypedData(domain, terms, far),
      narrowTypedData(domain, subject, grantIdOf(terms), terms),
      revokeTypedData(domain, subject, grantIdOf(terms)),
      delegateTypedData(domain, delegate),
      rebindTypedData(domain, rebind),
    ]) {
      const types = Object.fromEntries(Object.entries(data.types).map(([name, fields]) => [name, [...fields]]));
      expect(`0x${Buffer.from(typedDataDigest(data)).toString('hex')}`).toBe(
        TypedDataEncoder.hash(data.domain, types, data.message),
      );
    }
  });

  it('grants and takes back on chain, and the gateway knows it without the chain', async () => {
    const passkey = softwarePasskey(chain.deployment.passkeyVerifier);
    const subject = newSubject();
    await (await relayer.register(subject, passkey.controller)).settled;
    const terms = termsFor(subject);
    const id = grantIdOf(terms);
    const grant = passkey.sign(grantTypedData(chain.domain, terms, far));
    const granted = await relayer.grant({ id, terms, deadline: far, ...grant });
    expect(await granted.settled).toMatchObject({ ok: true });
    const data = revokeTypedData(chain.domain, subject, id);
    const signed = passkey.sign(data);
    expect(recoverPasskey(data, signed, chain.deployment.passkeyVerifier)).toBe(passkey.controller);
    expect(await (await relayer.revoke({ subject, id, ...signed })).settled).toMatchObject({ ok: true });
  });

  it.each<readonly [string, Ceremony]>([
    ['for a user who was not verified', { flags: 1 }],
    ['for a user who was not present', { flags: 4 }],
    ['by a key that is backed up though it must not be', { flags: 0x15 }],
    [
      'of a registration',
      { clientData: (challenge) => `{"type":"webauthn.create","challenge":"${challenge}","origin":"https://g"}` },
    ],
    [
      'for another challenge',
      { clientData: () => '{"type":"webauthn.get","challenge":"AAAA","origin":"https://gateway.example"}' },
    ],
    [
      'for another challenge that repeats this one in its origin',
      {
        clientData: (challenge) =>
          `{"type":"webauthn.get","challenge":"AAAA","origin":"\\"challenge\\":\\"${challenge}\\""}`,
      },
    ],
    [
      'with the higher of two equal signatures',
      {
        change: (assertion) => ({
          ...assertion,
          s: word(order - BigInt(`0x${Buffer.from(assertion.s).toString('hex')}`)),
        }),
      },
    ],
    ['with a signature of zeros', { change: (assertion) => ({ ...assertion, r: word(0n), s: word(0n) }) }],
    [
      'with another counter than was signed',
      {
        change: (assertion) => {
          const authenticatorData = assertion.authenticatorData.slice();
          authenticatorData[36] = 8;
          return { ...assertion, authenticatorData };
        },
      },
    ],
    ['without authenticator data', { change: (assertion) => ({ ...assertion, authenticatorData: new Uint8Array() }) }],
  ])('counts neither here nor on chain when it was made %s', async (_, ceremony) => {
    const passkey = softwarePasskey(chain.deployment.passkeyVerifier);
    const subject = newSubject();
    await (await relayer.register(subject, passkey.controller)).settled;
    const terms = termsFor(subject);
    const data = grantTypedData(chain.domain, terms, far);
    const signed = passkey.sign(data, ceremony);
    expect(recoverPasskey(data, signed, chain.deployment.passkeyVerifier)).toBeUndefined();
    expect(await relayer.wouldRefuse({ id: grantIdOf(terms), terms, deadline: far, ...signed })).toBe('BadSignature');
  });

  it('is nobody’s where the signer names another key, another verifier, or nonsense', () => {
    const { passkeyVerifier } = chain.deployment;
    const data = revokeTypedData(chain.domain, newSubject(), grantIdOf(termsFor(newSubject())));
    const passkey = softwarePasskey(passkeyVerifier);
    const { signature } = passkey.sign(data);
    const other = softwarePasskey(passkeyVerifier).signer;
    const zeros = `${passkeyVerifier}${'0'.repeat(128)}`;
    for (const signer of [other, zeros, passkeyVerifier, '0x', 'nonsense', passkey.signer.slice(0, -2)])
      expect(recoverPasskey(data, { signer, signature }, passkeyVerifier)).toBeUndefined();
    expect(recoverPasskey(data, { signer: passkey.signer, signature }, chain.deployment.authority)).toBeUndefined();
    for (const text of [
      '0x',
      '0x00',
      'nonsense',
      signature.slice(0, -2),
      `${signature}00`,
      `${signature}${'0'.repeat(64)}`,
    ])
      expect(recoverPasskey(data, { signer: passkey.signer, signature: text }, passkeyVerifier)).toBeUndefined();
    for (let round = 0; round < 500; round++)
      expect(decodeAssertion(`0x${randomBytes(round).toString('hex')}`)).toBeUndefined();
  });
});
