import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import { createRpc } from '../../src/adapters/chain/rpc.ts';
import type { Instant } from '../../src/domain/instant.ts';
import { until } from '../adapters/chain/fixture.ts';
import { codeOf, type Rig, startRig } from './rig.ts';
import { type Second, startSecond } from './second-gateway.ts';

let rig: Rig;
let skewed: Second;
let skew = 0;
beforeAll(async () => {
  rig = await startRig();
  skewed = await startSecond(rig, { clock: { now: () => (Date.now() + skew) as Instant } });
}, 90_000);
afterAll(async () => {
  await skewed?.close();
  await rig?.close();
});

const read = (patient = 'patient-ada') => skewed.get(`/Patient/${patient}`, 'clinician');

describe('a gateway whose clock is wrong', () => {
  it.each([
    ['ahead', 20_000],
    ['behind', -20_000],
  ])('by more than a head may be old refuses what needs consent: %s', async (_, milliseconds) => {
    skew = milliseconds;
    const refused = await read();
    expect([refused.status, codeOf(refused)]).toEqual([503, 'consent-unverifiable']);
    skew = 0;
    expect((await read()).status).toBe(200);
  });

  it.each([
    ['ahead', 5_000],
    ['behind', -5_000],
  ])('by less goes on: %s', async (_, milliseconds) => {
    skew = milliseconds;
    expect((await read()).status).toBe(200);
    skew = 0;
  });

  it('does not keep open what has expired by the time of the chain', async () => {
    const token = await rig.token('patient', {
      user: 'kofi',
      fhirUser: 'Patient/patient-kofi',
      patient: 'patient-kofi',
    });
    const end = Math.floor(Date.now() / 1000) + 300;
    const granted = await supertest(rig.demo.gateway.url)
      .post('/api/v1/consents')
      .set('authorization', `Bearer ${token}`)
      .send({
        grants: [
          {
            grantee: { kind: 'person', reference: 'Practitioner/practitioner-okafor' },
            purposes: ['TREAT'],
            until: new Date(end * 1000).toISOString(),
          },
        ],
      });
    expect(granted.status).toBeLessThan(300);
    const { relayerKey: _key, ...chain } = rig.demo.config.chain;
    const patient = await startSecond(rig, { config: { chain: { ...chain, maxHeadAgeSeconds: 3600 } } });
    const status = async () => (await patient.get('/Patient/patient-kofi', 'clinician')).status;
    await until(async () => (await status()) === 200, 'the doctor is let in');
    // The last of this file: the chain is ahead of everybody from here on.
    const rpc = createRpc(rig.demo.chain.rpcUrl);
    await rpc.call('evm_increaseTime', [600]);
    rpc.close();
    await until(() => (patient.gateway.replica.view()?.head.time ?? 0) >= end, 'the chain has passed the end');
    expect(Math.floor(Date.now() / 1000)).toBeLessThan(end);
    expect(await status()).toBe(403);
    await patient.close();
  });
});
