import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import { type Rig, startRig } from './rig.ts';

let rig: Rig;
const bearer: Record<string, string> = {};
beforeAll(async () => {
  rig = await startRig();
  bearer.adler = `Bearer ${await rig.token('privacy-officer')}`;
  bearer.berg = `Bearer ${await rig.token('privacy-officer', { user: 'berg' })}`;
});
afterAll(() => rig.close());

const officer = (who: string, path: string, body: object) =>
  supertest(rig.demo.gateway.url)
    .post(`/api/v1/policies${path}`)
    .set('authorization', bearer[who] ?? '')
    .send(body);

describe('a change of the policies', () => {
  it('masks the next read once a second officer approves it, and unmasks it when it is taken back', async () => {
    const first = await rig.get('/Patient/patient-ada', 'clinician');
    expect(first.body).toHaveProperty('maritalStatus');
    const file = 'clinician.yaml';
    const without = (path: string) => [
      {
        name: file,
        text: `${readFileSync(join(rig.state, 'policies', file), 'utf8').trimEnd()}
  - id: clinician-new
    paths: [${path}]
    method: remove
`,
      },
    ];
    const reason = 'not needed for care';
    // A case beside the policies wants the numbers kept.
    const red = await officer('adler', '/proposals', { changes: without('Patient.telecom'), reason });
    expect([red.status, red.text.includes('\\"555-0100\\" is gone')]).toEqual([422, true]);

    const changes = without('Patient.maritalStatus');
    const proposed = await officer('adler', '/proposals', { changes, reason });
    const approved = await officer('berg', `/proposals/${proposed.body.id}/approve`, { reason: 'agreed' });
    expect([approved.status, approved.body.state]).toEqual([200, 'in-force']);

    const second = await rig.get('/Patient/patient-ada', 'clinician');
    expect(second.body).not.toHaveProperty('maritalStatus');
    expect(second.headers.etag).not.toBe(first.headers.etag);

    const back = await officer('berg', '/rollback', { reason: 'it was needed after all' });
    expect(back.status).toBe(200);
    const third = await rig.get('/Patient/patient-ada', 'clinician');
    expect(third.body).toEqual(first.body);
  });

  it('leaves the policies of the product as they are', () => {
    expect(readFileSync('policies/clinician.yaml', 'utf8')).not.toContain('clinician-new');
  });
});
