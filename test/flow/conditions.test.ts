import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import { until } from '../adapters/chain/fixture.ts';
import { type Rig, startRig } from './rig.ts';

const patient = 'patient-kofi';
const doctor = 'Practitioner/practitioner-okafor';

let rig: Rig;
let kofi: string;
beforeAll(async () => {
  rig = await startRig();
  kofi = await rig.token('patient', { user: 'kofi', fhirUser: `Patient/${patient}`, patient });
}, 60_000);
afterAll(() => rig?.close());

const api = (path: string, token: string, body: object) =>
  supertest(rig.demo.gateway.url).post(`/api/v1/consents${path}`).set('authorization', `Bearer ${token}`).send(body);
const grant = async (conditions: readonly string[]): Promise<string> => {
  const answer = await api('', kofi, {
    grants: [{ grantee: { kind: 'person', reference: doctor }, purposes: ['TREAT'], conditions }],
  });
  expect(answer.status).toBeLessThan(300);
  const id = (answer.body as { granted: { id: string }[] }).granted[0]?.id ?? '';
  await until(() => rig.demo.gateway.replica.grant(id as never) !== undefined, 'the grant is here');
  return id;
};
const status = async (): Promise<number> => (await rig.get(`/Patient/${patient}`, 'clinician')).status;
const own = (path: string) =>
  supertest(rig.demo.gateway.url).get(`/fhir${path}`).set('authorization', `Bearer ${kofi}`).expect(200);

/** Written at the FHIR server itself; the gateway sees it when somebody reads it. */
const put = async (resource: { readonly resourceType: string; readonly id: string }) => {
  const answer = await fetch(`${rig.demo.fhir.url}/${resource.resourceType}/${resource.id}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/fhir+json' },
    body: JSON.stringify(resource),
  });
  expect(answer.status).toBeLessThan(300);
  await own(`/${resource.resourceType}/${resource.id}`);
};

describe('a grant that holds under a condition', () => {
  it('opens while a visit with the doctor is under way, and closes when it ends', async () => {
    const id = await grant(['ENCOUNTER_ACTIVE']);
    expect(await status()).toBe(403);
    const visit = {
      resourceType: 'Encounter',
      id: 'kofi-visit',
      status: 'in-progress',
      class: { code: 'AMB' },
      subject: { reference: `Patient/${patient}` },
      participant: [{ individual: { reference: doctor } }],
    };
    await put(visit);
    await until(async () => (await status()) === 200, 'the doctor is let in');
    await put({ ...visit, status: 'finished' } as typeof visit);
    await until(async () => (await status()) === 403, 'the doctor is shut out');
    await api(`/${id}/revoke`, kofi, {}).expect(200);
  });

  it('opens while an order to the doctor stands, and closes when it is completed', async () => {
    const id = await grant(['REFERRAL']);
    expect(await status()).toBe(403);
    const order = {
      resourceType: 'ServiceRequest',
      id: 'kofi-order',
      status: 'active',
      intent: 'order',
      subject: { reference: `Patient/${patient}` },
      performer: [{ reference: doctor }],
    };
    await put(order);
    await until(async () => (await status()) === 200, 'the doctor is let in');
    await put({ ...order, status: 'completed' } as typeof order);
    await until(async () => (await status()) === 403, 'the doctor is shut out');
    await api(`/${id}/revoke`, kofi, {}).expect(200);
  });

  it('opens when two people of the house vouch, and not for one alone', async () => {
    const id = await grant(['TWO_PERSON']);
    const first = await rig.token('clinician');
    const second = await rig.token('privacy-officer');
    await api(`/${id}/vouch`, first, { patient }).expect(200);
    await api(`/${id}/vouch`, first, { patient }).expect(200);
    expect(await status()).toBe(403);
    const vouched = await api(`/${id}/vouch`, second, { patient });
    expect(vouched.body).toMatchObject({ state: 'open' });
    await until(async () => (await status()) === 200, 'the doctor is let in');
    await api(`/${id}/vouch`, kofi, { patient }).expect(403);
    await api(`/${id}/revoke`, kofi, {}).expect(200);
    expect(await status()).toBe(403);
  });
});
