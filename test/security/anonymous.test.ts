import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type House, startHouse } from './house.ts';

let house: House;
beforeAll(async () => {
  house = await startHouse();
}, 60_000);
afterAll(() => house.close());

describe('without a token', () => {
  it.each([
    ['GET /Patient/patient-ada'],
    ['HEAD /Patient/patient-ada'],
    ['GET /Patient'],
    ['GET /?_type=Patient'],
    ['POST /Patient/_search'],
    ['GET /Patient/patient-ada/$everything'],
    ['GET /Patient/patient-ada/_history/1'],
    ['GET /$export'],
    ['GET /Binary/x'],
    ['GET /Organization/organization-riverside'],
    ['DELETE /Patient/patient-ada'],
    ['GET /Observation?_page=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
  ])('%s tells nothing and asks nothing of the FHIR server', async (line) => {
    house.forget();
    const answer = await house.ask(line);
    expect([401, 403, 405]).toContain(answer.status);
    expect(house.received).toEqual([]);
    if (answer.status === 401) expect(answer.headers['www-authenticate']).toBe('Bearer');
  });

  it('a batch is refused as a whole, whatever it holds', async () => {
    house.forget();
    const body = { resourceType: 'Bundle', type: 'batch', entry: [{ request: { method: 'GET', url: 'metadata' } }] };
    expect((await house.ask('POST /', { body })).status).toBe(401);
    expect(house.received).toEqual([]);
  });

  it.each([
    ['Basic', 'Basic YWRhOmFkYQ=='],
    ['an empty scheme', 'Bearer '],
    ['two tokens', 'Bearer a.b.c d.e.f'],
    ['a quoted token', 'Bearer "a.b.c"'],
    ['control characters', 'Bearer a.b.c\tx'],
  ])('%s in Authorization is no token', async (_title, authorization) => {
    house.forget();
    const answer = await house.ask('GET /Patient/patient-ada', { headers: { authorization } });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer error="invalid_token"/);
    expect(house.received).toEqual([]);
  });

  it('a token in the query or in a form is not looked at, and refused', async () => {
    house.forget();
    const token = house.bearer('clinician');
    expect((await house.ask(`GET /Patient/patient-ada?access_token=${token}`)).status).toBe(400);
    const form = await house.ask('POST /Patient/_search', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `_id=patient-ada&access_token=${token}`,
    });
    expect([400, 401]).toContain(form.status);
    expect(house.received).toEqual([]);
  });

  it('the statement names neither the FHIR server nor what is refused', async () => {
    const statement = await house.ask('GET /metadata');
    expect(statement.status).toBe(200);
    expect(statement.text).not.toContain(house.rig.demo.fhir.url);
    expect(statement.text).toContain('SMART-on-FHIR');
  });

  it.each(['/metrics', '/healthz', '/readyz'])('%s names no patient, user or address', async (path) => {
    await house.ask('GET /Patient/patient-ada', { as: 'clinician' });
    const text = await (await fetch(house.gateway.url + path)).text();
    for (const secret of ['patient-ada', 'okafor', 'Byrne', house.rig.demo.fhir.url])
      expect(text).not.toContain(secret);
  });
});
