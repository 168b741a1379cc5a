import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRpc } from '../../src/adapters/chain/rpc.ts';
import type { PatientId } from '../../src/domain/fhir/interaction.ts';
import { until } from '../adapters/chain/fixture.ts';
import { type GatewayProcess, gatewayProcess } from './gateway-process.ts';
import { type Rig, startRig } from './rig.ts';

let rig: Rig;
let gateway: GatewayProcess;
let rpc: ReturnType<typeof createRpc>;
beforeAll(async () => {
  rig = await startRig();
  rpc = createRpc(rig.demo.chain.rpcUrl);
  const [, account] = rig.demo.chain.accounts;
  const chain = { ...rig.demo.config.chain, relayerKey: 'env:PROCESS_KEY', maxHeadAgeSeconds: 600 };
  gateway = await gatewayProcess(rig, { chain }, account?.key ?? '');
  gateway.start();
  await until(async () => (await gateway.read('/Patient/patient-ada', 'clinician')) === 200, 'it serves', 60_000);
}, 120_000);
afterAll(async () => {
  await gateway?.close();
  rpc?.close();
  await rig?.close();
});

/** The patient's permit to the clinician. */
const grantOf = (patient: string): string => {
  const subject = rig.demo.gateway.vault.subjectOf(patient as PatientId);
  const grants = subject === undefined ? [] : (rig.demo.gateway.replica.view()?.grantsOf(subject) ?? []);
  return grants.find(({ granteeKind, effect }) => granteeKind === 'person' && effect === 'permit')?.id ?? '';
};

/** The patient takes it back at one of the gateways; undefined when that died over it. */
const revoke = async (at: string, patient: string, grant: string): Promise<number | undefined> => {
  const token = await rig.token('patient', { user: patient, fhirUser: `Patient/${patient}`, patient });
  const answer = await fetch(`${at}/api/v1/consents/${grant}/revoke`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{}',
  }).catch(() => undefined);
  return answer?.status;
};

const read = (patient: string) => gateway.read(`/Patient/${patient}`, 'clinician');

/** Comes up by itself, lets in who may and never once who may not. */
const comesBackWithout = async (...patients: readonly string[]): Promise<void> => {
  gateway.start();
  await until(
    async () => {
      const states = await Promise.all(patients.map(read));
      for (const state of states) expect([0, 403]).toContain(state);
      return states.every((state) => state === 403) && (await read('patient-ada')) === 200;
    },
    'it serves again',
    60_000,
  );
};

describe('a gateway that is killed', () => {
  it('after a revocation was queued and before it was carried, while the chain stands still', async () => {
    const grant = grantOf('patient-chen');
    expect(await read('patient-chen')).toBe(200);
    await rpc.call('evm_setIntervalMining', [0]);
    const answer = revoke(gateway.url, 'patient-chen', grant);
    const queue = join(gateway.data, 'relay-queue.ndjson');
    await until(() => existsSync(queue) && readFileSync(queue, 'utf8').includes(`revoke:${grant}`), 'it is queued');
    expect(await read('patient-chen')).toBe(403);
    await gateway.kill();
    await answer;
    await comesBackWithout('patient-chen');
    await rpc.call('evm_setIntervalMining', [1]);
    await until(() => rig.demo.gateway.replica.grant(grant as never) === undefined, 'the chain has it', 30_000);
    expect(await read('patient-chen')).toBe(403);
  }, 120_000);

  it('after a revocation was carried', async () => {
    const grant = grantOf('patient-dina');
    expect(await read('patient-dina')).toBe(200);
    expect(await revoke(gateway.url, 'patient-dina', grant)).toBe(200);
    await gateway.kill();
    await comesBackWithout('patient-dina');
  }, 120_000);

  it('while it writes its snapshot, and the patients revoke elsewhere meanwhile', async () => {
    const patients = ['patient-fatima', 'patient-hana', 'patient-june'];
    const snapshot = join(gateway.data, 'replica.snapshot');
    const revoked: string[] = [];
    for (const patient of patients) {
      const before = statSync(snapshot).size;
      const done = revoke(rig.demo.gateway.url, patient, grantOf(patient));
      await until(() => statSync(snapshot).size > before, 'the snapshot grows', 30_000);
      await gateway.kill();
      expect(await done).toBe(200);
      revoked.push(patient);
      await comesBackWithout(...revoked);
    }
  }, 240_000);
});
