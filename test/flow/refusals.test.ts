import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import type { Instant } from '../../src/domain/instant.ts';
import { problemCodes, problemRow } from '../../src/domain/problem.ts';
import { type Answer, type Asked, type House, json, observation, startHouse } from '../security/house.ts';
import { below, kickOff } from './bulk-rig.ts';
import { startSecond } from './second-gateway.ts';

let house: House;
beforeAll(async () => {
  house = await startHouse();
}, 90_000);
afterAll(() => house.close());

/** What docs/errors.md says of the sandbox, done. */
const inTheSandbox: Readonly<Record<string, () => Promise<Pick<Answer, 'status' | 'code'>>>> = {
  'interaction-unsupported': () => clinician('GET /Patient/patient-ada/$nosuch'),
  'query-ambiguous': () => clinician('GET /Observation?nosuch=1'),
  'body-invalid': () => clinician('POST /Observation', { body: { resourceType: 'Patient' } }),
  'body-too-large': () => clinician('POST /Observation', { body: `${'['.repeat(120)}${']'.repeat(120)}` }),
  'media-unsupported': () =>
    clinician('POST /Observation', { body: '<x/>', headers: { 'content-type': 'application/fhir+xml' } }),
  'format-unsupported': () => clinician('GET /Patient/patient-ada', { headers: { accept: 'application/fhir+xml' } }),
  'auth-token-missing': () => house.ask('GET /Patient/patient-ada'),
  'auth-token-invalid': () => house.ask('GET /Patient/patient-ada', { token: 'x' }),
  'auth-token-expired': async () => {
    const persona = house.rig.demo.tokens.find((each) => each.persona.name === 'clinician')?.persona;
    if (persona === undefined) throw new Error('no clinician');
    return house.ask('GET /Patient/patient-ada', { token: await house.rig.demo.issuer.mint(persona, -600) });
  },
  'scope-insufficient': () => house.ask('GET /Condition?patient=patient-ada', { as: 'front-desk' }),
  'subject-unknown': () =>
    clinician('POST /Observation', {
      body: { ...observation('x'), subject: { identifier: { system: 'urn:x', value: '1' } } },
    }),
  'consent-not-granted': () => clinician('GET /Patient/patient-noor'),
  'consent-unrepresentable': () =>
    house.ask('POST /Consent', {
      token: writer,
      body: consentOf('patient-ada', { scope: { coding: [{ system: 'urn:x', code: 'nosuch' }] } }),
    }),
  'consent-unsigned': () => clinician('POST /Consent', { body: consentOf('patient-ada', {}) }),
  'policy-no-rule': async () =>
    house.ask('GET /Observation?patient=patient-ada', {
      token: await house.rig.token('clinician', { roles: ['clinician', 'front-desk'] }),
    }),
  'policy-invalid': async () => {
    const files = [{ name: 'clinician.yaml', text: 'policy: [' }];
    return api('/policies/proposals', 'privacy-officer', { changes: files, reason: 'Does not load, by design.' });
  },
  'masked-parameter': () => clinician('GET /Patient?identifier=http://hl7.org/fhir/sid/us-ssn|965-47-3343'),
  'write-masked': async () => {
    const { text, headers } = await clinician('GET /Patient/patient-ada');
    const patient = JSON.parse(text) as { identifier: { system: string; value?: string }[] };
    for (const each of patient.identifier) if (each.system.endsWith('us-ssn')) each.value = '000-00-0000';
    return clinician('PUT /Patient/patient-ada', { body: patient, headers: { 'if-match': String(headers.etag) } });
  },
  'precondition-required': async () => {
    const { text } = await clinician('GET /Patient/patient-ada');
    return clinician('PUT /Patient/patient-ada', { body: text });
  },
  'precondition-failed': async () => {
    const { text, headers } = await clinician('GET /Patient/patient-ada');
    const older = String(headers.etag).replace(/"\d+\./, '"99.');
    return clinician('PUT /Patient/patient-ada', { body: text, headers: { 'if-match': older } });
  },
  'not-found': () => clinician('GET /Organization/nosuch'),
  'page-foreign': async () => {
    const page = await clinician('GET /Observation?patient=patient-ada&_count=3');
    const next = (JSON.parse(page.text) as { link: { relation: string; url: string }[] }).link.find(
      ({ relation }) => relation === 'next',
    );
    return house.ask(`GET ${below(house, next?.url)}`, { as: 'patient' });
  },
  'page-expired': async () => {
    let ahead = 0;
    const clock = { now: () => (Date.now() + ahead) as Instant };
    const limits = { ...house.rig.demo.config.limits, pageSeconds: 2 };
    const second = await startSecond(house.rig, { clock, config: { limits } });
    const page = await second.get('/Observation?patient=patient-ada&_count=3', 'clinician').expect(200);
    const next = (page.body as { link: { relation: string; url: string }[] }).link.find(
      ({ relation }) => relation === 'next',
    );
    ahead = 5000;
    const answer = await second.get(next?.url.slice(second.gateway.fhirBase.length) ?? '', 'clinician');
    await second.close();
    return { status: answer.status, code: codeOf(answer.text) };
  },
  'consent-signature-invalid': async () => {
    const signed = {
      terms: {},
      deadline: 4_000_000_000,
      signer: `0x${'1'.repeat(40)}`,
      signature: `0x${'2'.repeat(130)}`,
    };
    const answer = await supertest(house.rig.demo.gateway.url)
      .post('/api/v1/consents')
      .set('authorization', `Bearer ${house.bearer('patient')}`)
      .send({
        grants: [{ grantee: { kind: 'person', reference: 'Practitioner/x' }, purposes: ['TREAT'] }],
        signed: [signed],
      });
    return { status: answer.status, code: codeOf(answer.text) };
  },
  'export-gone': async () => {
    const token = house.bearer('researcher');
    const begun = await kickOff(house, '/$export?_type=Patient', token);
    const status = below(house, begun.headers['content-location'] as string);
    await house.ask(`DELETE ${status}`, { token });
    return house.ask(`GET ${status}`, { token });
  },
  'upstream-refused': () => clinician('POST /Observation', { body: observation('patient-ada', { nosuch: 1 }) }),
  'upstream-malformed': () => instead(json({ resourceType: 'Patient', id: 'other' })),
  'upstream-error': () => instead(json({}, 500)),
  'content-unmaskable': () => instead((_request, response) => response.end('<p>')),
  'legal-hold': async () => {
    const hold = await api('/legal-holds', 'privacy-officer', { patient: 'patient-zed', reason: 'A case in court.' });
    expect(hold.status).toBe(201);
    return api('/erasures', 'privacy-officer', { patient: 'patient-zed', confirm: 'patient-zed' });
  },
  'auth-unavailable': () =>
    at(
      {
        issuers: house.rig.demo.config.issuers.map(({ jwksUri: _jwksUri, ...each }) => ({
          ...each,
          jwksUri: 'http://127.0.0.1:1/jwks',
        })),
      },
      '/Patient/patient-ada',
    ),
  'upstream-unreachable': () =>
    at({ upstream: { url: 'http://127.0.0.1:1/fhir', timeoutMs: 3000 } }, '/Patient/patient-ada'),
  'rate-limited': async () => {
    const limits = { ...house.rig.demo.config.limits, rate: { requests: 1, seconds: 3600 } };
    return at({ limits }, '/Patient/patient-ada', 2);
  },
  'relay-unavailable': async () => {
    // Gateways beside the demo's own have no relayer key.
    const answer = await supertest(house.gateway.url)
      .post('/api/v1/consents')
      .set('authorization', `Bearer ${house.bearer('patient')}`)
      .send({ grants: [{ grantee: { kind: 'person', reference: 'Practitioner/x' }, purposes: ['TREAT'] }] });
    return { status: answer.status, code: codeOf(answer.text) };
  },
};

/** Those that need a fault, a score or a wait are shown where these are made. */
const elsewhere: Readonly<Record<string, string>> = {
  'cohort-refused': 'test/security/cohorts.test.ts',
  retention: 'test/flow/erasure.test.ts',
  'origin-foreign': 'test/security/admission.test.ts',
  'consent-unverifiable': 'test/flow/closing.test.ts',
  'risk-step-up': 'test/flow/risk.test.ts',
  'risk-blocked': 'test/flow/personas.test.ts',
  'risk-unavailable': 'test/flow/closing.test.ts',
  'policy-overtaken': 'test/http/policies.test.ts',
  'policy-own-approval': 'test/http/policies.test.ts',
  'policy-read-only': 'test/http/policies.test.ts',
  'upstream-timeout': 'test/security/bulk-files.test.ts',
  'promotion-refused': 'test/flow/risk-desk.test.ts',
  'review-refused': 'test/flow/risk-desk.test.ts',
  'record-altered': 'test/flow/record-integrity.test.ts',
  'ledger-unavailable': 'test/flow/closing.test.ts',
  'too-costly': 'test/security/bulk-files.test.ts',
};

/** Guards that nothing in the sandbox leads to. */
const unmet: ReadonlySet<string> = new Set(['policy-unavailable', 'stage-failed']);

describe('a refusal', () => {
  it.each(Object.keys(inTheSandbox))('%s is met in the sandbox as its page says', async (code) => {
    const answer = await inTheSandbox[code]?.();
    house.impersonate();
    expect(answer).toMatchObject({ status: problemRow(code as (typeof problemCodes)[number]).status, code });
  });

  it('of every code is met here, or by the test that makes what it needs', () => {
    const met = new Set([...Object.keys(inTheSandbox), ...Object.keys(elsewhere), ...unmet]);
    expect(problemCodes.filter((code) => !met.has(code))).toEqual([]);
    for (const [code, file] of Object.entries(elsewhere))
      expect([code, readFileSync(file, 'utf8').includes(code)]).toEqual([code, true]);
  });

  it('of every code stands in the error reference with how it is met', () => {
    const page = readFileSync('docs/errors.md', 'utf8');
    for (const code of problemCodes)
      expect(page).toMatch(new RegExp(`## ${code}\\n[\\s\\S]*?- In the sandbox: .{10,}`));
  });
});

let writer = '';
beforeAll(async () => {
  writer = await house.rig.token('patient', { scope: 'patient/*.cruds' });
});

const clinician = (line: string, asked: Asked = {}): Promise<Answer> => house.ask(line, { as: 'clinician', ...asked });

const instead = (answer: Parameters<House['impersonate']>[0]): Promise<Answer> => {
  house.impersonate(answer);
  return clinician('GET /Patient/patient-ada');
};

const codeOf = (text: string): string | undefined =>
  (JSON.parse(text) as { issue?: { details?: { coding?: { code?: string }[] } }[] }).issue?.[0]?.details?.coding?.[0]
    ?.code;

async function api(path: string, persona: string, body: object): Promise<Pick<Answer, 'status' | 'code'>> {
  const answer = await supertest(house.gateway.url)
    .post(`/api/v1${path}`)
    .set('authorization', `Bearer ${house.bearer(persona)}`)
    .send(body);
  return { status: answer.status, code: codeOf(answer.text) };
}

/** A gateway with something about its configuration changed, asked so often by the clinician. */
async function at(
  config: NonNullable<Parameters<typeof startSecond>[1]['config']>,
  path: string,
  times = 1,
): Promise<Pick<Answer, 'status' | 'code'>> {
  const second = await startSecond(house.rig, { config });
  try {
    let answer = await second.get(path, 'clinician');
    for (let more = 1; more < times; more += 1) answer = await second.get(path, 'clinician');
    return { status: answer.status, code: codeOf(answer.text) };
  } finally {
    await second.close();
  }
}

const consentOf = (patient: string, more: object) => ({
  resourceType: 'Consent',
  status: 'active',
  scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
  category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0' }] }],
  patient: { reference: `Patient/${patient}` },
  dateTime: '2026-01-01',
  policyRule: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'OPTIN' }] },
  ...more,
});
