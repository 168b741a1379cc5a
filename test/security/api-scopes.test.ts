import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import { codeOf, type Rig, startRig } from '../flow/rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
}, 60_000);
afterAll(() => rig.close());

const api = (method: 'get' | 'post', path: string, token: string, body?: object) => {
  const call = supertest(rig.demo.gateway.url)[method](`/api/v1${path}`).set('authorization', `Bearer ${token}`);
  return body === undefined ? call : call.send(body);
};
const readOnly = () => rig.token('patient', { scope: 'openid fhirUser launch/patient patient/*.rs' });
const grants = async (token: string) =>
  (await api('get', '/consents', token).expect(200)).body.grants as { id: string }[];

describe('an app that a patient lets read and no more', () => {
  it('sees the consents and changes none of them, with the key that the gateway keeps or any other', async () => {
    const token = await readOnly();
    const before = await grants(token);
    const id = before[0]?.id ?? '';
    const doctor = { kind: 'person', reference: 'Practitioner/practitioner-strand' };
    const calls: readonly (readonly [string, object])[] = [
      ['/consents', { grants: [{ grantee: doctor, purposes: ['TREAT'] }] }],
      ['/consents/prepare', { grants: [{ grantee: doctor, purposes: ['TREAT'] }] }],
      [`/consents/${id}/narrow`, { scope: { purposes: ['TREAT'] } }],
      [`/consents/${id}/revoke`, {}],
      ['/consents/key', { controller: `0x${'1'.repeat(40)}` }],
      ['/consents/key/move', { to: { how: 'wallet', account: `0x${'1'.repeat(40)}` } }],
      ['/consents/delegates', { delegate: `0x${'1'.repeat(40)}`, rights: ['grant'], until: '2030-01-01T00:00:00Z' }],
    ];
    for (const [path, body] of calls) {
      const answer = await api('post', path, token, body);
      expect([path, answer.status, codeOf(answer)]).toEqual([path, 403, 'scope-insufficient']);
      expect(answer.headers['www-authenticate']).toMatch(
        /^Bearer error="insufficient_scope", scope="patient\/Consent\.(?:[cud]|cud)"$/,
      );
    }
    expect(await grants(token)).toEqual(before);
  });

  it.each(['patient/Consent.c?category=x', 'system/Consent.c', 'patient/Observation.c'])(
    'is not helped by a scope that is not for all Consents of the patient: %s',
    async (scope) => {
      const token = await rig.token('patient', { scope: `launch/patient patient/*.rs ${scope}` });
      const body = { grants: [{ grantee: { kind: 'person', reference: 'Practitioner/practitioner-strand' } }] };
      expect((await api('post', '/consents', token, body)).status).toBe(403);
    },
  );

  it('makes the change once the patient lets it', async () => {
    const token = await rig.token('patient', { scope: 'launch/patient patient/*.rs patient/Consent.c' });
    const body = {
      grants: [{ grantee: { kind: 'person', reference: 'Practitioner/practitioner-strand' }, purposes: ['TREAT'] }],
    };
    expect((await api('post', '/consents', token, body)).status).toBeLessThan(300);
  });
});

describe('an app that an officer uses for something else', () => {
  it.each([
    ['get', '/policies'],
    ['get', '/policies/proposals'],
    ['post', '/policies/proposals'],
    ['post', '/policies/rollback'],
    ['get', '/break-glass'],
    ['get', '/consents?patient=patient-noor'],
    ['post', '/erasures'],
  ] as const)('has nothing of the office: %s %s', async (method, path) => {
    const token = await rig.token('privacy-officer', { scope: 'openid user/*.cruds' });
    const answer = await api(method, path, token, method === 'post' ? { reason: 'x' } : undefined);
    expect(answer.status).toBe(403);
    expect(answer.text).not.toContain('patient-noor');
  });

  it('is the office again with the scope for it', async () => {
    await api('get', '/policies', await rig.token('privacy-officer')).expect(200);
    await api('get', '/consents?patient=patient-noor', await rig.token('privacy-officer')).expect(200);
  });
});
