import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { keyRing } from '../../src/adapters/policies/key-ring.ts';
import { codeOf, pseudonymIn, type Rig, startRig } from './rig.ts';
import { startSecond } from './second-gateway.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
}, 60_000);
afterAll(() => rig.close());

const receipt = /^\d+;leaf="[\w-]{43}";log="consentry\.local\/sandbox"$/;

describe('the clinician', () => {
  it('reads a patient who consented, with the SSN masked and labelled, and gets a receipt', async () => {
    const response = await rig.get('/Patient/patient-ada', 'clinician').expect(200);
    expect(response.headers['x-ledger-receipt']).toMatch(receipt);
    expect(response.headers.etag).toMatch(/^W\/"1\.clinician@/);
    expect(response.text).toContain('"family":"Byrne"');
    expect(response.text).not.toMatch(/\d{3}-\d{2}-(?!\d{3})\d{4}/);
    expect(response.text).toContain('REDACTED');
  });

  it('gets the same refusal, byte for byte, for a patient who granted nothing and one who does not exist', async () => {
    const denied = await rig.get('/Patient/patient-noor', 'clinician').expect(403);
    const missing = await rig.get('/Patient/nobody', 'clinician').expect(403);
    expect(denied.text).toBe(missing.text);
    expect(codeOf(denied)).toBe('consent-not-granted');
    const observation = await rig.get('/Observation/observation-noor-1-bp', 'clinician').expect(403);
    const none = await rig.get('/Observation/none', 'clinician').expect(403);
    expect(observation.text).toBe(none.text);
  });

  it('is refused by a patient who revoked', async () => {
    await rig.get('/Patient/patient-ben', 'clinician').expect(403);
  });

  it('finds in a search over everybody only those who consented', async () => {
    const response = await rig.get('/Patient?_count=100', 'clinician').expect(200);
    const ids = (response.body.entry as { resource: { id: string } }[]).map((entry) => entry.resource.id);
    expect(ids).toContain('patient-ada');
    expect(ids).not.toContain('patient-noor');
    expect(ids).not.toContain('patient-ben');
    expect(response.body.total).toBe(ids.length);
    expect(response.text).not.toContain('patient-noor');
  });

  it('pages through a search with links that are the gateway own and sealed', async () => {
    let url: string | undefined = '/Observation?patient=patient-ada&_count=3';
    let seen = 0;
    while (url !== undefined) {
      const page: { body: { entry?: unknown[]; link: { relation: string; url: string }[] } } = await rig
        .get(url, 'clinician')
        .expect(200);
      seen += page.body.entry?.length ?? 0;
      for (const link of page.body.link) expect(link.url.startsWith(rig.demo.gateway.fhirBase)).toBe(true);
      url = page.body.link.find((link) => link.relation === 'next')?.url.slice(rig.demo.gateway.fhirBase.length);
    }
    const whole = await rig.get('/Observation?patient=patient-ada&_count=200', 'clinician').expect(200);
    expect(seen).toBe(whole.body.total);
  });

  it('cannot follow the paging link of another caller', async () => {
    const page = await rig.get('/Observation?patient=patient-ada&_count=3', 'clinician').expect(200);
    const next =
      (page.body.link as { relation: string; url: string }[])
        .find((link) => link.relation === 'next')
        ?.url.slice(rig.demo.gateway.fhirBase.length) ?? '';
    const response = await rig.get(next, 'patient').expect(403);
    expect(codeOf(response)).toBe('page-foreign');
  });

  it('writes an observation and reads it back; what was sent is stored as it was', async () => {
    const created = await rig
      .send(
        'post',
        '/Observation',
        'clinician',
        '{"resourceType":"Observation","status":"final","code":{"text":"weight"},"subject":{"reference":"Patient/patient-ada"},"valueQuantity":{"value":70.50,"unit":"kg"}}',
      )
      .expect(201);
    expect(created.headers.location).toMatch(new RegExp(`^${rig.demo.gateway.fhirBase}/Observation/`));
    const path = created.headers.location?.slice(rig.demo.gateway.fhirBase.length).replace(/\/_history.*/, '') ?? '';
    const read = await rig.get(path, 'clinician').expect(200);
    expect(read.body.valueQuantity.value).toBe(70.5);
  });

  it('cannot write into the record of a patient who granted nothing', async () => {
    const response = await rig
      .send('post', '/Observation', 'clinician', {
        resourceType: 'Observation',
        status: 'final',
        code: { text: 'weight' },
        subject: { reference: 'Patient/patient-noor' },
      })
      .expect(403);
    expect(codeOf(response)).toBe('consent-not-granted');
  });

  it('cannot move a record from one patient to another', async () => {
    const response = await rig.send('put', '/Observation/observation-noor-1-bp', 'clinician', {
      resourceType: 'Observation',
      id: 'observation-noor-1-bp',
      status: 'final',
      code: { text: 'weight' },
      subject: { reference: 'Patient/patient-ada' },
    });
    expect(response.status).toBe(403);
  });
});

describe('the front desk', () => {
  it('sees whom to greet but neither SSN nor clinical types', async () => {
    const response = await rig.get('/Patient/patient-ada', 'front-desk').expect(200);
    expect(response.text).toContain('Byrne');
    expect(response.body.text).toBeUndefined();
    const clinical = await rig.get('/Observation?patient=patient-ada', 'front-desk').expect(403);
    expect(codeOf(clinical)).toBe('scope-insufficient');
  });
});

describe('the researcher', () => {
  it('sees codes and values but no name, identifier or address of those who joined the study', async () => {
    const patient = await rig.get(`/Patient/${pseudonymIn(rig.state, 'patient-ada')}`, 'researcher').expect(200);
    for (const secret of [
      'Byrne',
      'Ada',
      'patient-ada',
      '555-0167',
      'Chapel Hill',
      '01799',
      'MRN-392819',
      '1958-03-14',
    ])
      expect(patient.text).not.toContain(secret);
    const observations = await rig
      .get(`/Observation?patient=${pseudonymIn(rig.state, 'patient-ada')}&_count=50`, 'researcher')
      .expect(200);
    const entries = JSON.stringify(observations.body.entry);
    expect(entries.includes('patient-ada')).toBe(false);
    expect(entries.includes('loinc.org')).toBe(true);
  });

  it('cannot ask about what is masked', async () => {
    const response = await rig.get('/Patient?family=Byrne', 'researcher').expect(403);
    expect(codeOf(response)).toBe('masked-parameter');
    const none = await rig.get('/Patient?family=Nobody', 'researcher').expect(403);
    expect(none.text).toBe(response.text);
  });
});

describe('the patient', () => {
  it('reads the own record and nobody else', async () => {
    await rig.get('/Patient/patient-ada', 'patient').expect(200);
    await rig.get('/Patient/patient-ben', 'patient').expect(403);
    const own = await rig.get('/Observation?_count=200', 'patient').expect(200);
    for (const entry of own.body.entry as { resource: { subject: { reference: string } } }[])
      expect(entry.resource.subject.reference).toBe('Patient/patient-ada');
  });
});

describe('the specialist', () => {
  it('sees imaging while the referral is attested, and nothing else', async () => {
    const imaging = await rig.get('/ImagingStudy?patient=patient-ada', 'specialist').expect(200);
    expect(imaging.body.total).toBeGreaterThan(0);
    const notes = await rig.get('/DocumentReference?patient=patient-ada', 'specialist');
    expect(notes.status === 403 || notes.body.total === 0).toBe(true);
  });

  it('gets with $everything what the searches would give: a grant to read and search is enough, and no more than it', async () => {
    const everything = await rig.get('/Patient/patient-ada/$everything', 'specialist').expect(200);
    const types = (everything.body.entry as { resource: { resourceType: string } }[]).map(
      (one) => one.resource.resourceType,
    );
    expect(types).toContain('ImagingStudy');
    expect(types).not.toContain('DocumentReference');
    const denied = await rig.get('/Patient/patient-noor/$everything', 'specialist').expect(403);
    expect(codeOf(denied)).toBe('consent-not-granted');
  });
});

describe('nobody', () => {
  it('is told to bring a token, and that is recorded', async () => {
    await rig.demo.gateway.records?.settled();
    const before = rig.demo.gateway.ledger.size();
    const response = await rig.get('/Patient/patient-ada').expect(401);
    expect(response.headers['www-authenticate']).toBe('Bearer');
    expect(rig.demo.gateway.ledger.size()).toBe(before + 1);
  });

  it('reads the statement and the SMART configuration without a token', async () => {
    const statement = await rig.get('/metadata').expect(200);
    expect(statement.body.resourceType).toBe('CapabilityStatement');
    expect(statement.text).not.toContain(rig.demo.fhir.url);
    const smart = await rig.get('/.well-known/smart-configuration').expect(200);
    expect(smart.body.issuer).toBe(rig.demo.issuer.issuer);
  });
});

describe('a transaction', () => {
  it('makes a new patient with a record; the refused entry of one refuses all', async () => {
    const patient = 'urn:uuid:0b8d0a3e-9a55-4f1a-9d53-3a2d7fd8d0a1';
    const bundle = (subject: string) => ({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [
        {
          fullUrl: patient,
          resource: { resourceType: 'Patient', name: [{ family: 'New' }] },
          request: { method: 'POST', url: 'Patient' },
        },
        {
          resource: {
            resourceType: 'Observation',
            status: 'final',
            code: { text: 'weight' },
            subject: { reference: subject },
          },
          request: { method: 'POST', url: 'Observation' },
        },
      ],
    });
    const good = await rig.send('post', '', 'clinician', bundle(patient)).expect(200);
    expect(good.body.type).toBe('transaction-response');
    expect(good.body.entry).toHaveLength(2);
    const count = rig.demo.fhir.count();
    await rig.send('post', '', 'clinician', bundle('Patient/patient-noor')).expect(403);
    expect(rig.demo.fhir.count()).toBe(count);
  });
});

describe('a batch', () => {
  it('answers each entry as if it were sent alone', async () => {
    const response = await rig
      .send('post', '', 'clinician', {
        resourceType: 'Bundle',
        type: 'batch',
        entry: [
          { request: { method: 'GET', url: 'Patient/patient-ada' } },
          { request: { method: 'GET', url: 'Patient/patient-noor' } },
          { request: { method: 'GET', url: 'Observation?patient=patient-ada&_count=2' } },
        ],
      })
      .expect(200);
    const statuses = (response.body.entry as { response: { status: string } }[]).map((entry) => entry.response.status);
    expect(statuses).toEqual(['200', '403', '200']);
    expect(response.text).not.toContain('Noor');
  });
});

describe('writing back a masked view', () => {
  it('keeps what was hidden, takes what was changed, and wants the version that was read', async () => {
    const read = await rig.get('/Patient/patient-hana', 'clinician').expect(200);
    const changed = { ...read.body, maritalStatus: { text: 'changed by the doctor' } };
    const without = await rig.send('put', '/Patient/patient-hana', 'clinician', changed);
    expect([without.status, codeOf(without)]).toEqual([428, 'precondition-required']);
    const etag = read.headers.etag ?? '';
    await rig.send('put', '/Patient/patient-hana', 'clinician', changed, { 'if-match': etag }).expect(200);
    const stored = await fetch(`${rig.demo.fhir.url}/Patient/patient-hana`).then((response) => response.text());
    expect(stored).toContain('changed by the doctor');
    expect(stored).toMatch(/us-ssn","value":"\d{3}-\d{2}-\d{4}"/);
    expect(stored).not.toContain('rendered-value');
    expect(stored).not.toContain('REDACTED');
    const late = await rig.send('put', '/Patient/patient-hana', 'clinician', changed, { 'if-match': etag });
    expect([late.status, codeOf(late)]).toEqual([412, 'precondition-failed']);
  });

  it('turns a patch into the update that it amounts to, and refuses one that asks about what is hidden', async () => {
    await rig
      .send('patch', '/Patient/patient-hana', 'clinician', '[{"op":"replace","path":"/gender","value":"other"}]', {
        'content-type': 'application/json-patch+json',
      })
      .expect(200);
    const asked = await rig.send(
      'patch',
      '/Patient/patient-hana',
      'clinician',
      '[{"op":"test","path":"/identifier/1/value","value":"999-12-3456"}]',
      { 'content-type': 'application/json-patch+json' },
    );
    expect([asked.status, codeOf(asked)]).toEqual([422, 'write-masked']);
    const moved = await rig.send(
      'patch',
      '/Observation/observation-hana-1-bp',
      'clinician',
      '[{"op":"replace","path":"/subject/reference","value":"Patient/patient-noor"}]',
      { 'content-type': 'application/json-patch+json' },
    );
    expect(moved.status).toBe(403);
  });
});

describe('pseudonyms', () => {
  it('are taken back in the path and in criteria, so that research goes on from what it was shown', async () => {
    const pseudonym = pseudonymIn(rig.state, 'patient-ada');
    expect(pseudonym).not.toBe('patient-ada');
    const again = await rig.get(`/Patient/${pseudonym}`, 'researcher').expect(200);
    expect(again.body.id).toBe(pseudonym);
    const observations = await rig.get(`/Observation?patient=${pseudonym}&_count=50`, 'researcher').expect(200);
    expect(observations.body.total).toBeGreaterThan(0);
  });

  it('that were given out under a key before are still understood, until that key is forgotten', async () => {
    const data = mkdtempSync(join(tmpdir(), 'consentry-ring-'));
    const ring = keyRing(data, (length) => new Uint8Array(randomBytes(length)));
    ring.rotate();
    const before = pseudonymIn(data, 'patient-ada');
    ring.rotate();
    const now = pseudonymIn(data, 'patient-ada');
    const rotated = await startSecond(rig, { config: { data } });
    expect((await rotated.get(`/Patient/${before}`, 'researcher').expect(200)).body.id).toBe(now);
    expect((await rotated.get(`/Patient/${now}`, 'researcher').expect(200)).body.id).toBe(now);
    await rotated.gateway.close();
    ring.retire(1);
    const retired = await startSecond(rig, { config: { data } });
    try {
      expect((await retired.get(`/Patient/${before}`, 'researcher')).status).not.toBe(200);
      await retired.get(`/Patient/${now}`, 'researcher').expect(200);
    } finally {
      await retired.close();
    }
  });

  it('are the only names there are where true ids are refused: one known from elsewhere is answered like one of nobody', async () => {
    const strict = await startSecond(rig, { config: { trueIds: 'refused' } });
    const pseudonym = pseudonymIn(strict.data, 'patient-ada');
    const told = async (path: string) => {
      const { status, text } = await strict.get(path, 'researcher');
      return [status, text];
    };
    for (const path of ['/Patient/ID', '/Patient/ID/_history', '/Patient/ID/$everything', '/Patient/ID/Observation']) {
      const [true_, none] = [path.replace('ID', 'patient-ada'), path.replace('ID', 'nobody')];
      expect([path, await told(true_)]).toEqual([path, await told(none)]);
      expect([path, await told(path.replace('ID', pseudonym))]).not.toEqual([path, await told(none)]);
    }
    for (const query of [
      'Patient?_id=ID',
      'Observation?patient=ID',
      'Observation?subject=Patient/ID',
      'Observation?subject:Patient._id=ID',
    ]) {
      const found = async (id: string) => {
        const { status, body } = await strict.get(`/${query.replace('ID', id)}`, 'researcher');
        return [status, ((body as { entry?: unknown[] }).entry ?? []).length];
      };
      expect([query, await found('patient-ada')]).toEqual([query, await found('nobody')]);
    }
    const clinician = await strict.get('/Patient/patient-ada', 'clinician').expect(200);
    expect(clinician.body.id).toBe('patient-ada');
    await strict.close();
  });

  it('are what a record is shown under that was asked for by its true id, unless true ids are refused', async () => {
    const patient = await rig.get('/Patient/patient-ada', 'researcher').expect(200);
    expect(patient.body.id).toBe(pseudonymIn(rig.state, 'patient-ada'));
    const observations = await rig.get('/Observation?patient=patient-ada&_count=50', 'researcher').expect(200);
    expect(observations.body.total).toBeGreaterThan(0);
    expect(JSON.stringify(observations.body.entry)).not.toContain('patient-ada');
  });
});

describe('the suspicious client', () => {
  it('is stopped some calls into reading one patient after another; the refusal tells no score', async () => {
    const everybody = (await fetch(`${rig.demo.fhir.url}/Patient?_count=100&_elements=id`).then((response) =>
      response.json(),
    )) as { entry: { resource: { id: string } }[] };
    const codes: (string | undefined)[] = [];
    for (const { resource } of everybody.entry) {
      const response = await rig.get(`/Observation?patient=${resource.id}`, 'suspicious');
      codes.push(response.status === 200 ? 'released' : codeOf(response));
      if (codes.at(-1) === 'risk-blocked') expect(response.text).not.toMatch(/0\.\d+/);
    }
    expect(codes).toContain('risk-blocked');
    expect(codes.filter((code) => code === 'released').length).toBeLessThanOrEqual(5);
    await rig.get('/Observation?patient=patient-ada', 'clinician').expect(200);
  });
});
