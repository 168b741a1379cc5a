import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type House, startHouse } from '../security/house.ts';
import { below, exported, fileOf, finished, kickOff, linesOf, type Manifest } from './bulk-rig.ts';

let house: House;
let researcher: string;
let service: string;
beforeAll(async () => {
  house = await startHouse();
  researcher = house.bearer('researcher');
  service = await house.rig.token('researcher', {
    scope: 'system/*.rs',
    user: 'study-backend',
    client: 'study-backend',
  });
}, 90_000);
afterAll(() => house.close());

const file = (manifest: Manifest, type: string, token: string) =>
  house.ask(`GET ${below(house, fileOf(manifest, type))}`, { token, headers: { accept: 'application/fhir+ndjson' } });

describe('a bulk export', () => {
  it.each([['/$export'], ['/Patient/$export'], ['/Group/group-heart-cohort/$export']])(
    'by %s gives in files what the patients let the study take, masked as the same records are when read',
    async (path) => {
      const { manifest } = await exported(house, path, service);
      expect(manifest.requiresAccessToken).toBe(true);
      expect(manifest.request).toBe(`${house.base}${path}`);
      expect(manifest.error).toEqual([]);
      for (const each of manifest.output) expect(Object.keys(each).sort()).toEqual(['type', 'url']);
      const patients = await file(manifest, 'Patient', service);
      expect(patients.status).toBe(200);
      expect(patients.headers['content-type']).toContain('application/fhir+ndjson');
      // Ada, Emeka, George and Uma; June lets the study look, and not take a copy away.
      expect(linesOf(patients.text)).toHaveLength(4);
      expect(patients.text).not.toMatch(/patient-ada|Byrne|MRN|\d{3}-\d{2}-\d{4}/);
      expect(patients.text).toContain('PSEUDED');
      const conditions = await file(manifest, 'Condition', service);
      expect(linesOf(conditions.text).every(({ resourceType }) => resourceType === 'Condition')).toBe(true);
      expect(conditions.all).not.toContain('patient-');
    },
  );

  it('asks for time, then for patience, and tells until when its links work', async () => {
    const begun = await kickOff(house, '/Patient/$export?_type=Patient', service);
    const status = below(house, begun.headers['content-location'] as string);
    const first = await house.ask(`GET ${status}`, { token: service });
    expect([first.status, first.text]).toEqual([202, '']);
    expect(first.headers['x-progress']).toBe('in progress');
    expect(Number(first.headers['retry-after'])).toBeGreaterThan(0);
    const done = await finished(house, status, service);
    expect(done.headers['content-type']).toContain('application/json');
    expect(Date.parse(String(done.headers.expires))).toBeGreaterThan(Date.now());
  });

  it('takes its parameters by POST as well, and gives only the types that were asked for', async () => {
    house.forget();
    const begun = await house.ask('POST /Patient/$export', {
      token: service,
      headers: { prefer: 'respond-async' },
      body: {
        resourceType: 'Parameters',
        parameter: [
          { name: '_type', valueString: 'Patient,Observation' },
          { name: '_outputFormat', valueString: 'application/fhir+ndjson' },
          { name: '_since', valueInstant: '2000-01-01T00:00:00Z' },
        ],
      },
    });
    // Dates are shifted for the study, so it may not ask by them.
    expect(begun.code).toBe('masked-parameter');
    expect(house.received).toEqual([]);
    const again = await house.ask('POST /Patient/$export', {
      token: service,
      body: { resourceType: 'Parameters', parameter: [{ name: '_type', valueString: 'Patient,Observation' }] },
    });
    expect(again.status).toBe(202);
    expect(house.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /fhir/Patient/$export?_type=Patient,Observation',
    ]);
    const done = await finished(house, below(house, again.headers['content-location'] as string), service);
    expect((JSON.parse(done.text) as Manifest).output.map(({ type }) => type).sort()).toEqual([
      'Observation',
      'Patient',
    ]);
  });

  it('writes an entry for its kick-off and one for each file, naming every subject whose lines leave', async () => {
    const begun = await kickOff(house, '/Patient/$export?_type=Patient', researcher);
    const kicked = await house.gateway.ledger.find(String(begun.headers['x-request-id']));
    expect(kicked?.entry).toMatchObject({ decision: 'permit', interaction: { operation: 'export' }, patients: [] });
    const done = await finished(house, below(house, begun.headers['content-location'] as string), researcher);
    const answer = await file(JSON.parse(done.text) as Manifest, 'Patient', researcher);
    const found = await house.gateway.ledger.find(String(answer.headers['x-request-id']));
    expect([...(found?.entry.patients ?? [])].sort()).toEqual([
      'patient-ada',
      'patient-emeka',
      'patient-george',
      'patient-uma',
    ]);
    expect(found?.entry.outcome).toMatchObject({ status: 200, returned: 4 });
    expect(found?.entry.outcome.withheld).toBeGreaterThan(10);
    expect(found?.entry.consent?.grants).toHaveLength(4);
    expect(found?.entry.resources).toHaveLength(4);
  });

  it('is given up by its owner: status and files are gone from then on', async () => {
    const { status, manifest } = await exported(house, '/Patient/$export?_type=Patient', service);
    expect((await house.ask(`DELETE ${status}`, { token: service })).status).toBe(202);
    for (const path of [status, below(house, fileOf(manifest, 'Patient'))]) {
      const answer = await house.ask(`GET ${path}`, { token: service });
      expect([answer.status, answer.code]).toEqual([410, 'export-gone']);
    }
    expect((await house.ask(`DELETE ${status}`, { token: service })).status).toBe(202);
  });

  it.each([['/Patient/$deidentify'], ['/Group/group-heart-cohort/$deidentify']])(
    'by %s is for who acts for a study, and goes to the FHIR server as an export',
    async (path) => {
      house.forget();
      const { manifest } = await exported(house, `${path}?_type=Patient,Condition`, service);
      expect(manifest.request).toBe(`${house.base}${path}?_type=Patient,Condition`);
      expect(house.received.some(({ path: asked }) => asked.includes('$deidentify'))).toBe(false);
      const patients = await file(manifest, 'Patient', service);
      expect(linesOf(patients.text)).toHaveLength(4);
      expect(patients.text).not.toMatch(/patient-ada|Byrne|MRN|\d{3}-\d{2}-\d{4}/);
      const found = await house.gateway.ledger.find(String(patients.headers['x-request-id']));
      expect(found?.entry).toMatchObject({ interaction: { operation: 'deidentify' } });
      expect(found?.entry.patients).toHaveLength(4);
      const other = await house.rig.token('researcher', { scope: 'system/*.rs', user: 'somebody' });
      expect((await file(manifest, 'Patient', other)).code).toBe('page-foreign');
    },
  );

  it('without who it is about is refused to who acts for no study', async () => {
    const staff = await house.rig.token('clinician', { scope: 'user/*.rs' });
    const refused = await kickOff(house, '/Patient/$deidentify', staff);
    expect([refused.status, refused.code]).toEqual([403, 'scope-insufficient']);
  });
});
