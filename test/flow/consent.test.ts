import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import { nodeHashing } from '../../src/adapters/store/node-hash.ts';
import { noteVerifierOf } from '../../src/adapters/store/note-keys.ts';
import type { PatientId } from '../../src/domain/fhir/interaction.ts';
import type { Instant } from '../../src/domain/instant.ts';
import { parseVerifierKey } from '../../src/domain/ledger/note.ts';
import { verifyProofFile } from '../../src/domain/ledger/receipt.ts';
import { entryOf } from '../adapters/store/ledger-fixture.ts';
import { codeOf, type Rig, startRig } from './rig.ts';

let rig: Rig;
let noor: string;
beforeAll(async () => {
  rig = await startRig();
  noor = await rig.token('patient', { user: 'noor', fhirUser: 'Patient/patient-noor', patient: 'patient-noor' });
}, 60_000);
afterAll(() => rig.close());

const api = (method: 'get' | 'post', path: string, token: string, body?: object) => {
  const call = supertest(rig.demo.gateway.url)[method](`/api/v1${path}`).set('authorization', `Bearer ${token}`);
  return body === undefined ? call : call.send(body);
};

describe('a patient at the desk', () => {
  let grant = '';

  it('grants, and the doctor reads; the patient paid nothing and signed with the key that the gateway keeps', async () => {
    await rig.get('/Patient/patient-noor', 'clinician').expect(403);
    const granted = await api('post', '/consents', noor, {
      grants: [{ grantee: { kind: 'person', reference: 'Practitioner/practitioner-okafor' }, purposes: ['TREAT'] }],
    });
    expect(granted.status).toBeLessThan(300);
    grant = (granted.body as { granted: { id: string }[] }).granted[0]?.id ?? '';
    let status = 0;
    for (let tries = 0; status !== 200 && tries < 200; tries++)
      status = (await rig.get('/Patient/patient-noor', 'clinician')).status;
    expect(status).toBe(200);
  });

  it('finds it on the FHIR side too, with its proof; an app of another patient does not', async () => {
    const found = await supertest(rig.demo.gateway.url)
      .get('/fhir/Consent')
      .set('authorization', `Bearer ${noor}`)
      .expect(200);
    const ids = (found.body.entry as { resource: { id: string } }[]).map(({ resource }) => `0x${resource.id}`);
    expect(ids).toContain(grant);
    expect(found.text).toContain('urn:consentry:proof');
    expect(found.text).toContain('Practitioner/practitioner-okafor');
    const other = await rig.get('/Consent?patient=patient-noor', 'patient');
    expect(other.text).not.toContain(grant.slice(2));
  });

  it('revokes, and the very next read is refused, before the chain has mined it', async () => {
    const revoked = api('post', `/consents/${grant}/revoke`, noor, {});
    const answer = await revoked;
    expect(answer.status).toBeLessThan(300);
    await rig.get('/Patient/patient-noor', 'clinician').expect(403);
  });

  it('sees the history; another patient sees none of it', async () => {
    const history = await api('get', '/consents/history', noor).expect(200);
    expect(JSON.stringify(history.body)).toContain('granted');
    const ada = await rig.token('patient');
    const other = await api('get', '/consents/history?patient=patient-noor', ada);
    expect((other.body as { entry?: unknown[] }).entry).toBeUndefined();
  });
});

describe('an emergency', () => {
  it('opens a record with a stated reason, makes a review task, and is a ledger entry of its own kind', async () => {
    const token = await rig.token('clinician', {
      purpose: 'ETREAT',
      reason: 'Unconscious after a road accident, allergies unknown',
    });
    const read = await supertest(rig.demo.gateway.url)
      .get('/fhir/Patient/patient-noor')
      .set('authorization', `Bearer ${token}`);
    expect(read.status).toBe(200);
    const found = await rig.demo.gateway.ledger.find(read.headers['x-request-id'] ?? '');
    expect(found?.entry.kind).toBe('break-glass');
    const officer = await rig.token('privacy-officer');
    const tasks = await api('get', '/break-glass', officer).expect(200);
    expect((tasks.body as { tasks: { patient: string; state: string }[] }).tasks).toEqual([
      expect.objectContaining({ patient: 'patient-noor', state: 'open' }),
    ]);
  });

  it('does not open without a reason', async () => {
    const token = await rig.token('clinician', { purpose: 'ETREAT' });
    const read = await supertest(rig.demo.gateway.url)
      .get('/fhir/Patient/patient-noor')
      .set('authorization', `Bearer ${token}`);
    expect([read.status, codeOf(read)]).toEqual([403, 'consent-not-granted']);
  });
});

describe('the audit', () => {
  it('is read as AuditEvents by the privacy officer, and that reading is an entry of its own', async () => {
    const doctor = await rig.get('/Patient/patient-ada', 'clinician').expect(200);
    expect(doctor.headers['x-ledger-receipt']).toBeDefined();
    const officer = await rig.token('privacy-officer');
    await rig.demo.gateway.records?.settled();
    const before = rig.demo.gateway.ledger.size();
    const answer = await supertest(rig.demo.gateway.url)
      .get('/fhir/AuditEvent?patient=Patient/patient-ada&_count=5')
      .set('authorization', `Bearer ${officer}`);
    expect(answer.status).toBe(200);
    const types = (answer.body as { entry: { resource: { resourceType: string } }[] }).entry.map(
      (entry) => entry.resource.resourceType,
    );
    expect(types.length).toBeGreaterThan(0);
    expect(new Set(types)).toEqual(new Set(['AuditEvent']));
    expect(rig.demo.gateway.ledger.size()).toBe(before + 1);
  });

  it('is told to patients and privacy officers in plain sentences, and to nobody else', async () => {
    await rig.get('/Condition?patient=patient-ada', 'clinician').expect(200);
    const path = '/Patient/patient-ada/$accounting-of-disclosures';
    for (const persona of ['patient', 'privacy-officer']) {
      const told = await rig.get(path, persona).expect(200);
      const { entry } = told.body as { entry: { resource: { resourceType: string; outcomeDesc: string } }[] };
      expect(entry.map(({ resource }) => resource.outcomeDesc)).toContainEqual(
        expect.stringMatching(
          /^Clinician Practitioner\/practitioner-okafor .* looked at your diagnoses to treat you on /,
        ),
      );
      expect(new Set(entry.map(({ resource }) => resource.resourceType))).toEqual(new Set(['AuditEvent']));
    }
    await rig.get(`${path}?_count=1`, 'patient').expect(200);
    for (const persona of ['clinician', 'billing', 'researcher']) await rig.get(path, persona).expect(403);
    await rig.get('/Patient/patient-ben/$accounting-of-disclosures', 'patient').expect(403);
  });

  it('is taken home as one file with a proof of each access, page by page, by the patient alone', async () => {
    const path = '/api/v1/disclosures/proofs';
    const ask = async (query: string, persona = 'patient') =>
      supertest(rig.demo.gateway.url)
        .get(`${path}${query}`)
        .set('authorization', `Bearer ${await rig.token(persona)}`);
    const file = (await ask('')).body as {
      readonly meta: { readonly extension: readonly { readonly valueString: string }[] };
      readonly entry: readonly { readonly resource: { readonly outcomeDesc: string } }[];
    };
    expect(file.entry.length).toBeGreaterThan(1);
    const key = parseVerifierKey(nodeHashing, rig.demo.gateway.ledger.verifierKey);
    const proofs = file.meta.extension.map(({ valueString }) =>
      verifyProofFile(nodeHashing, valueString, key === undefined ? [] : [noteVerifierOf(key)]),
    );
    expect(proofs.map(({ ok }) => ok)).toEqual(file.entry.map(() => true));
    const page = await ask('?_count=1');
    expect(page.headers['link']).toMatch(/before=\d+>; rel="next"$/);
    expect((page.body as { entry: unknown[] }).entry).toHaveLength(1);
    expect((await ask('?start=2999-01-01T00:00:00Z')).body).toMatchObject({ entry: [] });
    for (const query of ['?start=never', '?_count=0', '?before=-1', '?patient=patient-noor'])
      expect((await ask(query)).status).toBe(400);
    expect((await ask('', 'clinician')).status).toBe(403);
    expect((await supertest(rig.demo.gateway.url).get(path)).status).toBe(401);
  });

  it('is told to a guardian of the patient whom they opened, without opening the record', async () => {
    const guardian = `Bearer ${await rig.token('patient', { user: 'guardian', fhirUser: 'RelatedPerson/guardian-1', patient: 'patient-ben' })}`;
    const ask = (path: string) => supertest(rig.demo.gateway.url).get(`/fhir${path}`).set('authorization', guardian);
    await rig.get('/Patient/patient-ben', 'clinician').expect(403);
    const told = await ask('/Patient/patient-ben/$accounting-of-disclosures').expect(200);
    expect(told.text).toContain('was refused access to your personal details');
    await ask('/Patient/patient-ben').expect(403);
    const events = await ask('/AuditEvent?patient=Patient/patient-ben');
    expect((events.body as { entry?: unknown }).entry).toBeUndefined();
    await ask('/Patient/patient-ada/$accounting-of-disclosures').expect(403);
  });

  it('is read by patients where it is about them, and by nobody else', async () => {
    const own = await supertest(rig.demo.gateway.url)
      .get('/fhir/AuditEvent?patient=Patient/patient-ada')
      .set('authorization', `Bearer ${await rig.token('patient')}`);
    expect(own.status).toBe(200);
    expect((own.body as { entry?: unknown[] }).entry?.length ?? 0).toBeGreaterThan(0);
    const other = await supertest(rig.demo.gateway.url)
      .get('/fhir/AuditEvent?patient=Patient/patient-ada')
      .set('authorization', `Bearer ${noor}`);
    expect((other.body as { entry?: unknown[] }).entry).toBeUndefined();
  });

  it('is one row of AuditEvents through two half-years, page by page', async () => {
    const { ledger } = rig.demo.gateway;
    await rig.get('/Patient/patient-ada', 'clinician').expect(200);
    const later = (Date.now() + 200 * 24 * 3600 * 1000) as Instant;
    await ledger.append(entryOf('later', { at: later, patients: ['patient-ada' as PatientId] }));
    await rig.get('/Patient/patient-ada', 'clinician').expect(200);
    await rig.demo.gateway.records?.settled();
    const boundary = ledger.logs()[0]?.size() ?? 0;
    const officer = await rig.token('privacy-officer');
    const all = await ledger.query({ patient: 'patient-ada' as PatientId, limit: 1000 });
    const numbers: number[] = [];
    for (let path: string | undefined = '/fhir/AuditEvent?patient=Patient/patient-ada&_count=3'; path !== undefined; ) {
      const answer = await supertest(rig.demo.gateway.url).get(path).set('authorization', `Bearer ${officer}`);
      expect(answer.status).toBe(200);
      const { entry = [], link } = answer.body as {
        readonly entry?: readonly { readonly resource: { readonly id: string } }[];
        readonly link: readonly { readonly relation: string; readonly url: string }[];
      };
      numbers.push(...entry.map(({ resource }) => Number(resource.id)));
      const next = link.find(({ relation }) => relation === 'next')?.url;
      path = next === undefined ? undefined : `/fhir/${next.slice(next.indexOf('AuditEvent'))}`;
    }
    expect(ledger.logs()).toHaveLength(2);
    expect(numbers.some((number) => number < boundary) && numbers.some((number) => number > boundary)).toBe(true);
    expect(numbers).toEqual(all);
  });
});
