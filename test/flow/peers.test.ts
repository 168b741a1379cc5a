import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import { consentSigning } from '../../src/adapters/chain/consent-signing.ts';
import { createRpc } from '../../src/adapters/chain/rpc.ts';
import type { GrantId, SubjectKey } from '../../src/domain/consent/grant.ts';
import { consentDomain, revokeTypedData } from '../../src/domain/consent/typed-data.ts';
import type { PatientId } from '../../src/domain/fhir/interaction.ts';
import { until } from '../adapters/chain/fixture.ts';
import { type Rig, startRig } from './rig.ts';
import { type Second, startSecond } from './second-gateway.ts';

const path = '/api/v1/peers/revocations';

let rig: Rig;
/** Takes the patients' word, and tells the other. */
let desk: Second;
let other: Second;
let closed = false;
let rpc: ReturnType<typeof createRpc>;
beforeAll(async () => {
  rig = await startRig();
  rpc = createRpc(rig.demo.chain.rpcUrl);
  const { relayerKey: _none, ...chain } = { ...rig.demo.config.chain, maxHeadAgeSeconds: 600 };
  other = await startSecond(rig, { config: { chain, consent: { peers: [rig.demo.gateway.url] } } });
  const [, account] = rig.demo.chain.accounts;
  desk = await startSecond(rig, {
    config: { chain: { ...chain, relayerKey: 'env:DESK_KEY' }, consent: { peers: [other.gateway.url] } },
    environment: { ...rig.demo.environment, DESK_KEY: account?.key ?? '' },
  });
}, 90_000);
afterAll(async () => {
  await desk?.close();
  if (!closed) await other?.close();
  rpc?.close();
  await rig?.close();
});

const as = (patient: string): Promise<string> =>
  rig.token('patient', { user: patient, fhirUser: `Patient/${patient}`, patient });
const post = async (to: string, token: string, body: object) =>
  supertest(desk.gateway.url).post(`/api/v1/consents${to}`).set('authorization', `Bearer ${token}`).send(body);
const status = async (at: Second, patient: string): Promise<number> =>
  (await at.get(`/Patient/${patient}`, 'clinician')).status;

/** The patient's own permit to the doctor, which both gateways act on. */
const granted = async (patient: string): Promise<{ id: GrantId; token: string }> => {
  const token = await as(patient);
  const subject = subjectOf(patient);
  const [grant, ...more] = desk.gateway.replica.view()?.grantsOf(subject) ?? [];
  const own = [grant, ...more].find((each) => each?.granteeKind === 'person');
  if (own === undefined) throw new Error(`no grant of ${patient}`);
  for (const at of [desk, other]) await until(async () => (await status(at, patient)) === 200, 'the grant is in force');
  return { id: own.id, token };
};

const standStill = () => rpc.call('evm_setIntervalMining', [0]);
const goOn = () => rpc.call('evm_setIntervalMining', [1]);

const subjectOf = (patient: string) => other.gateway.vault.subjectOf(patient as PatientId) as SubjectKey;
const domain = () => consentDomain(rig.demo.config.chain.chainId, rig.demo.config.chain.consentRegistry);
const signedBy = async (key: Uint8Array, patient: string, id: GrantId) => ({
  subject: subjectOf(patient),
  id,
  ...(await consentSigning.sign(key, revokeTypedData(domain(), subjectOf(patient), id))),
});
const ownKey = (patient: string) => other.gateway.vault.controllerKeyOf(patient as PatientId) ?? new Uint8Array(32);
const bring = (body: object) => supertest(other.gateway.url).post(path).send(body);

describe('gateways that are peers', () => {
  it('shut a grant that was revoked at another of them, while the chain stands still', async () => {
    const { id, token } = await granted('patient-hana');
    await standStill();
    const revoked = post(`/${id}/revoke`, token, {});
    await until(async () => (await status(other, 'patient-hana')) === 403, 'the other gateway refuses', 5_000);
    await goOn();
    expect((await revoked).status).toBe(200);
  });

  it('believe the patient’s signature and nobody else’s', async () => {
    const { id } = await granted('patient-olga');
    const forged = await signedBy(new Uint8Array(32).fill(7), 'patient-olga', id);
    const stolen = { ...forged, signer: (await signedBy(ownKey('patient-olga'), 'patient-olga', id)).signer };
    const another = await signedBy(ownKey('patient-noor'), 'patient-noor', id);
    const answer = await bring({ revocations: [forged, stolen, another] });
    expect(answer.body).toEqual({ states: ['later', 'later', 'refused'] });
    expect(await status(other, 'patient-olga')).toBe(200);
  });

  it('take the same message twice without harm', async () => {
    const { id } = await granted('patient-mateo');
    const message = await signedBy(ownKey('patient-mateo'), 'patient-mateo', id);
    for (let time = 0; time < 3; time++) {
      expect((await bring({ revocations: [message] })).body).toEqual({ states: ['shut'] });
    }
    expect(await status(other, 'patient-mateo')).toBe(403);
    expect(await status(desk, 'patient-mateo')).toBe(200);
  });

  it('take nothing that opens, and nothing that is malformed', async () => {
    const { id } = await granted('patient-dina');
    const message = await signedBy(ownKey('patient-dina'), 'patient-dina', id);
    for (const body of [
      { grants: [] },
      { revocations: [] },
      { revocations: [{ ...message, scope: {} }] },
      { revocations: [{ ...message, id: '0x12' }] },
      { revocations: Array.from({ length: 101 }, () => message) },
    ]) {
      expect((await bring(body)).status).toBe(400);
    }
    expect(await status(other, 'patient-dina')).toBe(200);
  });

  it('shut a grant that has not arrived yet, a few ahead for each patient', async () => {
    const ahead = (n: number) => `0x${n.toString(16).padStart(64, '0')}` as GrantId;
    const states: string[] = [];
    for (let n = 1; n <= 40; n++) {
      const message = await signedBy(ownKey('patient-noor'), 'patient-noor', ahead(n));
      states.push(...((await bring({ revocations: [message] })).body as { states: string[] }).states);
    }
    expect(states.filter((state) => state === 'shut')).toHaveLength(32);
    expect(states.at(-1)).toBe('later');
  });

  it('still refuse after a restart what they took in, and hear then what they missed', async () => {
    const first = await granted('patient-rosa');
    const second = await granted('patient-chen');
    await standStill();
    const firstAnswer = post(`/${first.id}/revoke`, first.token, {});
    await until(async () => (await status(other, 'patient-rosa')) === 403, 'the other gateway refuses', 5_000);
    const port = Number(new URL(other.gateway.url).port);
    await other.gateway.close();
    const secondAnswer = post(`/${second.id}/revoke`, second.token, {});
    await until(async () => (await status(desk, 'patient-chen')) === 403, 'the desk refuses');
    const again = await startSecond(rig, {
      config: {
        chain: { ...rig.demo.config.chain, maxHeadAgeSeconds: 600, relayerKey: undefined } as never,
        consent: { peers: [rig.demo.gateway.url] },
        data: other.data,
        listen: { host: '127.0.0.1', port },
      },
    });
    expect(await status(again, 'patient-rosa')).toBe(403);
    await until(async () => (await status(again, 'patient-chen')) === 403, 'the revocation was brought again', 10_000);
    await goOn();
    await Promise.all([firstAnswer, secondAnswer]);
    closed = true;
    await again.close();
    await other.close();
  }, 60_000);
});
