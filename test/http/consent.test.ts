import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TypedDataEncoder } from 'ethers';
import { consentSigning } from '../../src/adapters/chain/consent-signing.ts';
import { createRpc } from '../../src/adapters/chain/rpc.ts';
import type { Grant, GrantId } from '../../src/domain/consent/grant.ts';
import {
  type DelegateTerms,
  delegateTypedData,
  narrowTypedData,
  type RebindTerms,
  rebindTypedData,
  revokeTypedData,
  type TypedData,
} from '../../src/domain/consent/typed-data.ts';
import { until } from '../adapters/chain/fixture.ts';
import { softwarePasskey } from '../adapters/chain/software-passkey.ts';
import { anna, type ConsentRig, startConsentRig } from './consent-rig.ts';

let rig: ConsentRig;
beforeAll(async () => {
  rig = await startConsentRig();
});
afterAll(() => rig.stop());

const toClinic = {
  grantee: { kind: 'organisation', reference: 'Organization/clinic' },
  purposes: ['TREAT'],
  actions: ['read', 'search'],
};
const ask = {
  organisation: 'Organization/clinic',
  purpose: 'TREAT',
  action: 'read',
  resource: { resourceType: 'Immunization' },
};
const explain = async (who = 'anna', more: object = {}) =>
  (await rig.call(who, 'POST', '/api/v1/consents/explain', { ...ask, ...more })).body;
const grant = async (who: string, grants: readonly unknown[]): Promise<readonly GrantId[]> => {
  const { status, body } = await rig.call(who, 'POST', '/api/v1/consents', { grants });
  expect({ status, body }).toMatchObject({ status: 201 });
  const ids = (body.granted as { id: GrantId }[]).map(({ id }) => id);
  await until(() => ids.every((id) => rig.replica.grant(id) !== undefined), 'the replica has the grants');
  return ids;
};

describe('the consent API', () => {
  it('takes a grant at the patient’s own login, brings it to the chain and opens the access', async () => {
    expect(await explain()).toMatchObject({ decision: 'no-consent' });
    const before = rig.ledgerSize();
    const [id] = await grant('anna', [toClinic]);
    expect(rig.ledgerSize()).toBe(before + 1);
    await until(async () => (await explain()).decision === 'permit', 'the access is open');
    expect(await explain()).toMatchObject({
      grants: [{ id, grantee: 'Organization/clinic' }],
      proof: { basis: 'grant' },
    });
    const { body } = await rig.call('anna', 'GET', '/api/v1/consents');
    expect(body).toMatchObject({
      patient: 'anna',
      grants: [
        { id, state: 'active', effect: 'permit', purposes: ['TREAT'], grantee: { reference: 'Organization/clinic' } },
      ],
    });
  });

  it('ends access the moment a revocation is asked for', async () => {
    const [id] = await grant('bert', [toClinic]);
    await until(async () => (await explain('bert')).decision === 'permit', 'the access is open');
    const revoked = rig.call('bert', 'POST', `/api/v1/consents/${id}/revoke`, {});
    await until(async () => (await explain('bert')).decision === 'no-consent', 'the access is shut', 1000);
    expect(await revoked).toMatchObject({ status: 200, body: { settled: { state: 'on-chain' } } });
    const { body } = await rig.call('bert', 'GET', '/api/v1/consents/history');
    expect((body.events as { what: string }[]).map(({ what }) => what)).toEqual(['granted', 'revoked']);
  });

  it('narrows a grant', async () => {
    const [id] = await grant('anna', [{ ...toClinic, grantee: { kind: 'role', reference: 'nurse' } }]);
    const narrowed = await rig.call('anna', 'POST', `/api/v1/consents/${id}/narrow`, {
      scope: { actions: ['read'], purposes: ['TREAT'], classes: ['labs'] },
    });
    expect(narrowed).toMatchObject({ status: 200, body: { settled: { state: 'on-chain' } } });
    await until(() => rig.replica.grant(id as GrantId)?.classes !== 0, 'the replica has narrowed');
  });

  it('takes what a wallet signed, and a revocation by the wallet, from any caller', async () => {
    const key = new Uint8Array(randomBytes(32));
    const account = consentSigning.accountOf(key);
    const carla = 'carla';
    // A patient who binds a wallet does so at their own login; here the key is bound as the registrar would.
    const subject = await rig.vault.register(carla as typeof anna);
    const prepared = await rig.call('mother', 'POST', '/api/v1/consents/prepare', {
      patient: carla,
      grants: [toClinic],
    });
    const [toSign] = prepared.body.toSign as {
      terms: object;
      deadline: number;
      typedData: Parameters<typeof consentSigning.sign>[1];
    }[];
    if (toSign === undefined) throw new Error('nothing to sign');
    const signed = {
      terms: toSign.terms,
      deadline: toSign.deadline,
      ...(await consentSigning.sign(key, toSign.typedData)),
    };
    const submit = () =>
      rig.call('doctor', 'POST', '/api/v1/consents', { patient: carla, grants: [toClinic], signed: [signed] });
    expect(await submit()).toMatchObject({ status: 403 });
    const { createRelayer } = await import('../../src/adapters/chain/relayer.ts');
    const { chain } = rig;
    const relayer = createRelayer({
      rpcUrl: chain.anvil.rpcUrl,
      key: chain.key,
      chainId: chain.deployment.chainId,
      contract: chain.deployment.consentRegistry,
      queueFile: `${chain.folder}/queue-2`,
      pollMs: 20,
    });
    await relayer.start();
    await (await relayer.register(subject, account)).settled;
    await relayer.stop();
    await until(() => rig.replica.controllerOf(subject) === account, 'the wallet is bound');
    const granted = await submit();
    expect(granted).toMatchObject({ status: 201 });
    const [{ id }] = granted.body.granted as [{ id: GrantId }];
    await until(() => rig.replica.grant(id) !== undefined, 'the replica has the grant');
    const revoke = (signature: object) =>
      rig.call('doctor', 'POST', `/api/v1/consents/${id}/revoke`, { patient: carla, signed: signature });
    const data = revokeTypedData(chain.domain, subject, id);
    expect(await revoke(await consentSigning.sign(new Uint8Array(randomBytes(32)), data))).toMatchObject({
      status: 403,
    });
    expect(await revoke(await consentSigning.sign(key, data))).toMatchObject({ status: 200 });
  });

  it('lets a patient move from the kept key to a passkey, on to a wallet and back to a new kept key', async () => {
    const flora = 'flora' as typeof anna;
    const subject = await rig.vault.register(flora);
    const { domain, deployment } = rig.chain;
    const grant = async (signed?: (data: TypedData) => Promise<object> | object) => {
      const grants = [{ ...toClinic, grantee: { kind: 'role', reference: 'clinician' } }];
      if (signed === undefined) return rig.call('flora', 'POST', '/api/v1/consents', { grants });
      const { body } = await rig.call('flora', 'POST', '/api/v1/consents/prepare', { grants });
      const [{ terms, deadline, typedData }] = body.toSign as [
        { terms: object; deadline: number; typedData: TypedData },
      ];
      const whole = [{ terms, deadline, ...(await signed(typedData)) }];
      return rig.call('flora', 'POST', '/api/v1/consents', { grants, signed: whole });
    };
    const signing = async () => (await rig.call('flora', 'GET', '/api/v1/consents/signing')).body;
    const move = async (to: object, controller: string, sign?: (data: TypedData) => Promise<object> | object) => {
      const { nonce } = (await rig.call('flora', 'GET', '/api/v1/consents/nonce')).body as { nonce: string };
      const deadline = Math.floor(Date.now() / 1000) + 600;
      const signed = await sign?.(rebindTypedData(domain, { subject, controller, nonce, deadline }));
      const more = signed === undefined ? {} : { nonce, deadline, signed };
      const moved = await rig.call('flora', 'POST', '/api/v1/consents/key/move', { to, ...more });
      if (moved.status === 200)
        await until(() => rig.replica.controllerOf(subject) === controller, 'the registry holds the new key');
      return moved;
    };
    expect(await grant()).toMatchObject({ status: 201 });
    expect(await signing()).toMatchObject({ key: { how: 'kept' }, passkeyVerifier: deployment.passkeyVerifier });

    const passkey = softwarePasskey(deployment.passkeyVerifier);
    const toPasskey = { how: 'passkey', point: passkey.point, credential: 'an-id' };
    expect(await move(toPasskey, passkey.controller)).toMatchObject({
      status: 200,
      body: { controller: passkey.controller, settled: { state: 'on-chain' } },
    });
    expect((await signing()).key).toMatchObject({ how: 'passkey', signer: passkey.signer, credential: 'an-id' });
    // The kept key has no say any more.
    expect(await grant()).toMatchObject({ status: 403 });
    expect(await move({ how: 'kept' }, '')).toMatchObject({ status: 403 });
    const granted = await grant((data) => passkey.sign(data));
    expect(granted).toMatchObject({ status: 201 });
    const [{ id }] = granted.body.granted as [{ id: GrantId }];
    await until(() => rig.replica.grant(id) !== undefined, 'the replica has the grant');
    const narrowed = { ...(rig.replica.grant(id) as Grant), classes: 64 };
    expect(
      await rig.call('flora', 'POST', `/api/v1/consents/${id}/narrow`, {
        scope: { actions: ['read', 'search'], purposes: ['TREAT'], classes: ['labs'] },
        signed: passkey.sign(narrowTypedData(domain, subject, id, narrowed)),
      }),
    ).toMatchObject({ status: 200, body: { settled: { state: 'on-chain' } } });
    const revoke = (signed: object) => rig.call('flora', 'POST', `/api/v1/consents/${id}/revoke`, { signed });
    const data = revokeTypedData(domain, subject, id);
    expect(await revoke(softwarePasskey(deployment.passkeyVerifier).sign(data))).toMatchObject({ status: 403 });
    expect(await revoke(passkey.sign(data, { flags: 1 }))).toMatchObject({ status: 403 });
    expect(rig.replica.grant(id)).toBeDefined();
    const taken = revoke(passkey.sign(data));
    await until(
      () =>
        rig.replica
          .view()
          ?.grantsOf(subject)
          .every((each) => each.id !== id) === true,
      'it is shut',
      1000,
    );
    expect(await taken).toMatchObject({ status: 200, body: { settled: { state: 'on-chain' } } });

    const walletKey = new Uint8Array(randomBytes(32));
    const account = consentSigning.accountOf(walletKey);
    expect(await move({ how: 'wallet', account }, account, (rebind) => passkey.sign(rebind))).toMatchObject({
      status: 200,
    });
    expect((await signing()).key).toEqual({ how: 'wallet', controller: account });
    expect(await grant((typedData) => passkey.sign(typedData))).toMatchObject({ status: 403 });
    expect(await grant((typedData) => consentSigning.sign(walletKey, typedData))).toMatchObject({ status: 201 });

    const first = consentSigning.accountOf(rig.vault.controllerKeyOf(flora) as Uint8Array);
    const next = (await signing()).nextKept as string;
    expect(next).not.toBe(first);
    const back = await move({ how: 'kept' }, next, (rebind) => consentSigning.sign(walletKey, rebind));
    expect(back).toMatchObject({ status: 200, body: { controller: next } });
    expect((await signing()).key).toEqual({ how: 'kept' });
    expect(await grant()).toMatchObject({ status: 201 });
    const { body } = await rig.call('flora', 'GET', '/api/v1/consents/history');
    const moves = (body.events as { what: string; key?: string }[]).filter(({ what }) => what === 'moved');
    expect(moves.map(({ key }) => key)).toEqual(['passkey', 'wallet', 'kept']);
  });

  it('asks a contract wallet (ERC-1271) on chain, whatever it signs', async () => {
    const { domain, anvil } = rig.chain;
    const patient = 'gita';
    const subject = await rig.vault.register(patient as typeof anna);
    const account = `0x${randomBytes(20).toString('hex')}`;
    const rpc = createRpc(anvil.rpcUrl);
    // isValidSignature of this wallet: yes to the digest that its owner put into slot 0.
    await rpc.call('anvil_setCode', [account, '0x6004356000541463' + '1626ba7e' + '60e01b0260005260206000f3']);
    const accepted = async ({ domain: of, types, message }: TypedData): Promise<object> => {
      const named = Object.fromEntries(Object.entries(types).map(([name, fields]) => [name, [...fields]]));
      await rpc.call('anvil_setStorageAt', [account, `0x${'0'.repeat(64)}`, TypedDataEncoder.hash(of, named, message)]);
      return { signer: account, signature: '0x01' };
    };
    const gita = (path: string, body: object) => rig.call('gita', 'POST', `/api/v1/consents${path}`, body);
    const nonce = async () =>
      ((await rig.call('gita', 'GET', '/api/v1/consents/nonce')).body as { nonce: string }).nonce;
    const deadline = Math.floor(Date.now() / 1000) + 600;
    await grant('gita', [toClinic]);
    const kept = rig.vault.controllerKeyOf(patient as typeof anna) as Uint8Array;
    const toWallet: RebindTerms = { subject, controller: account, nonce: await nonce(), deadline };
    const moved = await gita('/key/move', {
      to: { how: 'wallet', account },
      nonce: toWallet.nonce,
      deadline,
      signed: await consentSigning.sign(kept, rebindTypedData(domain, toWallet)),
    });
    expect(moved).toMatchObject({ status: 200 });
    await until(() => rig.replica.controllerOf(subject) === account, 'the wallet is bound');

    const prepared = await gita('/prepare', { grants: [toClinic] });
    const [first] = prepared.body.toSign as { terms: object; deadline: number; typedData: TypedData }[];
    if (first === undefined) throw new Error('nothing to sign');
    const granted = await gita('', {
      grants: [toClinic],
      signed: [{ terms: first.terms, deadline: first.deadline, ...(await accepted(first.typedData)) }],
    });
    expect(granted).toMatchObject({ status: 201 });
    const [{ id }] = granted.body.granted as [{ id: GrantId }];
    await until(() => rig.replica.grant(id) !== undefined, 'the replica has the grant');

    const narrower = { actions: ['read', 'search'], purposes: ['TREAT'], classes: ['labs'] };
    const scope = { ...(rig.replica.grant(id) as Grant), classes: 64 };
    // What the wallet did not agree to is refused before it is sent.
    const other = { ...scope, classes: 32 };
    const narrow = async (agreed: Grant) =>
      gita(`/${id}/narrow`, { scope: narrower, signed: await accepted(narrowTypedData(domain, subject, id, agreed)) });
    expect(await narrow(other)).toMatchObject({ status: 403 });
    expect(await narrow(scope)).toMatchObject({ status: 200, body: { settled: { state: 'on-chain' } } });

    const carer = consentSigning.accountOf(new Uint8Array(randomBytes(32)));
    const terms: DelegateTerms = {
      subject,
      delegate: carer,
      rights: 3,
      until: deadline,
      nonce: await nonce(),
      deadline,
    };
    const delegate = async (agreed: DelegateTerms) =>
      gita('/delegates', {
        delegate: carer,
        rights: ['grant', 'withdraw'],
        until: new Date(deadline * 1000).toISOString(),
        nonce: terms.nonce,
        deadline,
        signed: await accepted(delegateTypedData(domain, agreed)),
      });
    expect(await delegate({ ...terms, rights: 1 })).toMatchObject({ status: 403 });
    expect(await delegate(terms)).toMatchObject({ status: 200 });

    const { nextKept } = (await rig.call('gita', 'GET', '/api/v1/consents/signing')).body as { nextKept: string };
    const back: RebindTerms = { subject, controller: nextKept, nonce: await nonce(), deadline };
    const leave = async (agreed: RebindTerms) =>
      gita('/key/move', {
        to: { how: 'kept' },
        nonce: back.nonce,
        deadline,
        signed: await accepted(rebindTypedData(domain, agreed)),
      });
    expect(await leave({ ...back, deadline: deadline - 1 })).toMatchObject({ status: 403 });
    expect(await leave(back)).toMatchObject({ status: 200, body: { controller: nextKept } });
    await rpc.close();
  });

  it('lets nobody else choose the key: not others, not an app that may only grant, not the operator', async () => {
    const to = { how: 'wallet', account: `0x${'1'.repeat(40)}` };
    for (const who of ['mother', 'doctor', 'officer', 'operator'])
      expect(await rig.call(who, 'POST', '/api/v1/consents/key/move', { patient: 'flora', to })).toMatchObject({
        status: 403,
      });
    expect(await rig.call('app', 'POST', '/api/v1/consents/key/move', { to })).toMatchObject({ status: 403 });
    expect(await rig.call('app', 'POST', '/api/v1/consents/key', {})).toMatchObject({ status: 403 });
    for (const bad of [{ how: 'passkey', point: '0x00', credential: 'x' }, { how: 'other' }, {}])
      expect(await rig.call('flora', 'POST', '/api/v1/consents/key/move', { to: bad })).toMatchObject({ status: 400 });
  });

  it('refuses wallets’ grants whose wording is of another grantee than was signed', async () => {
    const prepared = await rig.call('anna', 'POST', '/api/v1/consents/prepare', { grants: [toClinic] });
    const [toSign] = prepared.body.toSign as {
      terms: object;
      deadline: number;
      typedData: Parameters<typeof consentSigning.sign>[1];
    }[];
    const key = rig.vault.controllerKeyOf(anna);
    if (toSign === undefined || key === undefined) throw new Error('nothing to sign');
    const signed = [
      { terms: toSign.terms, deadline: toSign.deadline, ...(await consentSigning.sign(key, toSign.typedData)) },
    ];
    const other = [{ ...toClinic, grantee: { kind: 'organisation', reference: 'Organization/other' } }];
    expect(await rig.call('anna', 'POST', '/api/v1/consents', { grants: other, signed })).toMatchObject({
      status: 403,
    });
  });

  it('takes a FHIR Consent and gives the chain’s state back as one, with proof', async () => {
    const consent = {
      resourceType: 'Consent',
      status: 'active',
      patient: { reference: 'Patient/anna' },
      provision: {
        type: 'permit',
        actor: [{ reference: { reference: 'Practitioner/li' } }],
        securityLabel: [{ code: 'N' }],
        purpose: [{ code: 'TREAT' }],
        provision: [{ type: 'deny', securityLabel: [{ code: 'HIV' }] }],
      },
    };
    const { status, body } = await rig.call('anna', 'POST', '/api/v1/consents', { consent });
    expect({ status, body }).toMatchObject({ status: 201 });
    const granted = body.granted as { id: GrantId }[];
    expect(granted).toHaveLength(2);
    const [first] = granted;
    await until(() => rig.replica.grant(first?.id as GrantId) !== undefined, 'the replica has the grant');
    await until(
      async () => (await rig.call('anna', 'GET', `/api/v1/consents/${first?.id}/fhir`)).status === 200,
      'it is shown',
    );
    const shown = await rig.call('anna', 'GET', `/api/v1/consents/${first?.id}/fhir`);
    expect(shown.body).toMatchObject({
      resourceType: 'Consent',
      status: 'active',
      patient: { reference: 'Patient/anna' },
      provision: { type: 'permit', actor: [{ reference: { reference: 'Practitioner/li' } }] },
      extension: [{ url: 'urn:consentry:proof' }],
    });
  });

  it('refuses a FHIR Consent that cannot be held, with a reason for each part', async () => {
    const consent = {
      resourceType: 'Consent',
      status: 'active',
      patient: { reference: 'Patient/anna' },
      provision: { type: 'permit', class: [{ code: 'Observation' }] },
    };
    const { status, body } = await rig.call('anna', 'POST', '/api/v1/consents', { consent });
    expect(status).toBe(422);
    expect(body).toMatchObject({ resourceType: 'OperationOutcome' });
    expect((body.issue as unknown[]).length).toBe(2);
    const others = { ...consent, patient: { reference: 'Patient/bert' } };
    expect(await rig.call('anna', 'POST', '/api/v1/consents', { consent: others })).toMatchObject({ status: 422 });
  });

  it.each([
    ['nobody', 'GET', '/api/v1/consents', undefined, 401],
    ['doctor', 'GET', '/api/v1/consents?patient=anna', undefined, 403],
    ['bert', 'GET', '/api/v1/consents?patient=anna', undefined, 403],
    ['officer', 'GET', '/api/v1/consents?patient=anna', undefined, 200],
    ['operator', 'GET', '/api/v1/consents?patient=anna', undefined, 200],
    ['doctor', 'POST', '/api/v1/consents', { patient: 'anna', grants: [toClinic] }, 403],
    ['bert', 'POST', '/api/v1/consents', { patient: 'anna', grants: [toClinic] }, 403],
    ['doctor', 'POST', '/api/v1/consents/prepare', { patient: 'anna', grants: [toClinic] }, 403],
    ['mother', 'POST', '/api/v1/consents/prepare', { patient: 'anna', grants: [toClinic] }, 403],
    ['operator', 'POST', '/api/v1/consents', { patient: 'anna', grants: [toClinic] }, 403],
    ['anna', 'POST', '/api/v1/consents', { grants: [{ ...toClinic, clases: ['labs'] }] }, 400],
    ['anna', 'POST', '/api/v1/consents', { grants: [{ ...toClinic, until: 'tomorrow' }] }, 400],
    ['anna', 'POST', '/api/v1/consents', {}, 400],
    ['anna', 'POST', `/api/v1/consents/0x${'0'.repeat(64)}/revoke`, {}, 404],
  ] as const)('answers %s %s %s with the right status', async (who, method, url, body, status) => {
    expect((await rig.call(who, method, url, body)).status).toBe(status);
  });

  it('forgets the wording of somebody who was erased', async () => {
    const dora = 'dora' as typeof anna;
    await rig.book.note(dora, { what: 'registered', at: 0, by: 'x' });
    expect(rig.book.of(dora)).toHaveLength(1);
    await rig.vault.erase(dora);
    expect(rig.book.of(dora)).toEqual([]);
  });
});

describe('delegates', () => {
  const account = `0x${'7a'.repeat(20)}`;
  const delegates = async (who = 'bert') => (await rig.call(who, 'GET', '/api/v1/consents/delegates')).body.delegates;

  it('are named, listed, and ended by the patient', async () => {
    await grant('bert', [toClinic]);
    const until_ = new Date(Date.now() + 86_400_000).toISOString();
    const named = await rig.call('bert', 'POST', '/api/v1/consents/delegates', {
      delegate: account,
      rights: ['grant', 'withdraw'],
      until: until_,
    });
    expect(named).toMatchObject({ status: 200, body: { settled: { state: 'on-chain' } } });
    await until(async () => ((await delegates()) as unknown[]).length === 1, 'the delegate is listed');
    expect(await delegates()).toMatchObject([{ delegate: account, rights: ['grant', 'withdraw'], state: 'active' }]);
    const ended = await rig.call('bert', 'POST', `/api/v1/consents/delegates/${account}/end`, {});
    expect(ended).toMatchObject({ status: 200, body: { settled: { state: 'on-chain' } } });
    await until(async () => ((await delegates()) as { state: string }[])[0]?.state === 'ended', 'the delegation ended');
  });

  it('are shown to an officer, changed by nobody else, and unknown ones cannot be ended', async () => {
    const officer = await rig.call('officer', 'GET', '/api/v1/consents/delegates?patient=bert');
    expect(officer.body.delegates).toMatchObject([{ delegate: account, state: 'ended' }]);
    expect((await rig.call('carla', 'GET', '/api/v1/consents/delegates?patient=bert')).status).toBe(403);
    const other = `0x${'11'.repeat(20)}`;
    expect((await rig.call('bert', 'POST', `/api/v1/consents/delegates/${other}/end`, {})).status).toBe(404);
    const foreign = await rig.call('anna', 'POST', `/api/v1/consents/delegates/${account}/end`, { patient: 'bert' });
    expect(foreign.status).toBe(403);
  });
});

describe('a grant that waits for two people', () => {
  const vouch = (who: string, id: GrantId | undefined) =>
    rig.call(who, 'POST', `/api/v1/consents/${id}/vouch`, { patient: 'bert' });

  it('opens when two different people vouch, and not for one who vouches twice', async () => {
    const toWard = { ...toClinic, grantee: { kind: 'organisation', reference: 'Organization/ward' } };
    const [id] = await grant('bert', [{ ...toWard, conditions: ['TWO_PERSON'] }]);
    const asWard = { organisation: 'Organization/ward' };
    expect(await explain('bert', asWard)).toMatchObject({ decision: 'no-consent' });
    expect(await vouch('doctor', id)).toMatchObject({ status: 200, body: { state: 'waiting' } });
    expect(await vouch('doctor', id)).toMatchObject({ status: 200, body: { state: 'waiting' } });
    expect(await vouch('nurse', id)).toMatchObject({ status: 200, body: { state: 'open' } });
    await until(async () => (await explain('bert', asWard)).decision === 'permit', 'the access is open');
    const { body } = await rig.call('bert', 'GET', '/api/v1/consents/history');
    expect((body.events as { what: string }[]).filter(({ what }) => what === 'vouched')).toHaveLength(3);
  });

  it('is not opened by patients, the operator or for grants without the condition', async () => {
    const [id] = await grant('bert', [{ ...toClinic, conditions: ['TWO_PERSON'] }]);
    for (const who of ['anna', 'bert', 'operator']) expect((await vouch(who, id)).status).toBe(403);
    const [plain] = await grant('bert', [toClinic]);
    expect((await vouch('doctor', plain)).status).toBe(404);
  });
});
