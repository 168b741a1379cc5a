import { readdirSync, readFileSync } from 'node:fs';
import type { ConsentActor } from '../src/domain/consent/actor.ts';
import { readDocuments } from '../src/domain/consent/consent-documents.ts';
import { decide } from '../src/domain/consent/decide.ts';
import { answerRequests } from '../src/domain/consent/decide-fhir.ts';
import type { ConsentView, EpochSeconds, Grant, GranteeKey, GrantId, SubjectKey } from '../src/domain/consent/grant.ts';
import { closedPolicy } from '../src/domain/consent/policy.ts';
import type { PurposeOfUse } from '../src/domain/identity/principal.ts';
import { scan } from '../src/domain/json/scan.ts';
import { parseDataClasses } from '../src/domain/policy/data-classes-file.ts';
import type { Row } from './main.ts';

const now = 1_800_000_000 as EpochSeconds;
/** Like a keyed name: two of them differ within the first digits. */
const name = (n: number): string =>
  `0x${(Math.imul(n, 2_654_435_761) >>> 0).toString(16).padStart(8, '0')}${n.toString(16).padStart(56, '0')}`;
const organisations = Array.from({ length: 500 }, (_, n) => name(1_000_000 + n) as GranteeKey);
const perPatient = 5;

/** Five grants a patient, one of them a deny for somebody else. */
const viewOf = (grants: number): ConsentView => {
  const bySubject = new Map<string, readonly Grant[]>();
  for (let patient = 0; patient < grants / perPatient; patient += 1) {
    const own = Array.from(
      { length: perPatient },
      (_, n): Grant => ({
        id: name(patient * perPatient + n) as GrantId,
        subject: name(patient) as SubjectKey,
        granteeKind: 'organisation',
        grantee: organisations[(patient + n) % 500] as GranteeKey,
        effect: n === 4 ? 'deny' : 'permit',
        actions: 3,
        purposes: 1,
        classes: 0,
        labels: 0,
        conditions: 0,
        from: 0 as EpochSeconds,
        until: 0 as EpochSeconds,
        dataFrom: 0 as EpochSeconds,
        dataUntil: 0 as EpochSeconds,
        terms: '',
        block: 1,
      }),
    );
    bySubject.set(name(patient), own);
  }
  return {
    contract: '0x',
    chainId: 1,
    head: { number: 1, hash: '0x', time: now },
    grantsOf: (subject) => bySubject.get(subject) ?? [],
    attested: () => undefined,
  };
};

/** Questions about random patients, prepared: what is timed is the decision alone. */
const decisions = (view: ConsentView, grants: number, count: number): { perSecond: number; p99: number } => {
  const patients = grants / perPatient;
  const questions = Array.from({ length: 4096 }, (_, n) => {
    const patient = (n * 7919) % patients;
    const actor: ConsentActor = {
      organisation: organisations[(patient + (n % 7)) % 500] as GranteeKey,
      roles: [name(2_000_000) as GranteeKey],
      careTeams: [],
    };
    return {
      subject: name(patient) as SubjectKey,
      self: false,
      actor,
      roles: [],
      purpose: 'TREAT' as PurposeOfUse,
      action: 'read' as const,
      now,
    };
  });
  const resource = { classes: 64, labels: 0 };
  const ask = (n: number): boolean => {
    const question = questions[n & 4095];
    return question !== undefined && decide(view, question, resource, closedPolicy).effect === 'permit';
  };
  for (let n = 0; n < count / 4; n += 1) ask(n);
  const begun = performance.now();
  let permits = 0;
  for (let n = 0; n < count; n += 1) if (ask(n)) permits += 1;
  const perSecond = (count / (performance.now() - begun)) * 1000;
  if (permits === 0 || permits === count) throw new Error('The decisions are not mixed.');
  const samples = new Float64Array(Math.min(count, 200_000));
  for (let n = 0; n < samples.length; n += 1) {
    const start = process.hrtime.bigint();
    ask(n);
    samples[n] = Number(process.hrtime.bigint() - start) / 1000;
  }
  samples.sort();
  return { perSecond, p99: samples[Math.floor(samples.length * 0.99)] ?? Number.NaN };
};

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const classifier = () => {
  const folder = new URL('../policies/data-classes/', import.meta.url);
  const sets = parseDataClasses(
    readdirSync(folder).map((file) => ({ file, text: readFileSync(new URL(file, folder), 'utf8') })),
  );
  if (!sets.ok) throw new Error('The value sets do not load.');
  return sets.classifier;
};

const observation = {
  resourceType: 'Observation',
  id: 'o1',
  category: [
    { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' }] },
  ],
  code: { coding: [{ system: 'http://loinc.org', code: '4548-4' }], text: 'Hemoglobin A1c' },
  subject: { reference: 'Patient/p1' },
  effectiveDateTime: '2024-05-01T10:00:00Z',
  issued: '2024-05-01T11:00:00Z',
  valueQuantity: { value: 6.1, unit: '%', system: 'http://unitsofmeasure.org', code: '%' },
};

const consent = {
  resourceType: 'Consent',
  id: 'c1',
  status: 'active',
  patient: { reference: 'Patient/p1' },
  policyRule: { coding: [{ code: 'OPTIN' }] },
  provision: {
    actor: [{ reference: { reference: 'Organization/o1' } }],
    provision: [{ type: 'deny', securityLabel: [{ code: 'PSY' }] }],
  },
};

/**
 * The decision alone, over grants as plain objects; `npm run bench -- consent` has the replica with a million of them.
 * Rivals in the same run: one size against the other, and parsing alone against parsing and judging.
 */
export async function run({ quick }: { quick: boolean }): Promise<readonly Row[]> {
  const count = quick ? 500_000 : 2_000_000;
  const passes = quick ? 3 : 5;
  const measure = (grants: number) => {
    // Made once: the collection of dropped grants would be timed with the next pass.
    const view = viewOf(grants);
    const results = Array.from({ length: passes }, () => decisions(view, grants, count));
    return { perSecond: median(results.map((one) => one.perSecond)), p99: median(results.map((one) => one.p99)) };
  };
  const small = measure(1000);
  const large = measure(100_000);

  const sets = classifier();
  const bytes = new TextEncoder().encode(JSON.stringify(observation));
  const rounds = quick ? 100_000 : 400_000;
  const each = (work: () => void): number => {
    for (let n = 0; n < rounds / 10; n += 1) work();
    const begun = performance.now();
    for (let n = 0; n < rounds; n += 1) work();
    return ((performance.now() - begun) / rounds) * 1000;
  };
  const scanned = scan(bytes);
  if (!scanned.ok) throw new Error('The resource cannot be read.');
  const parsing = each(() => void JSON.parse(JSON.stringify(observation)));
  const classifying = each(() => void sets.classify(scanned.tape, 0));

  const documents = readDocuments([new TextEncoder().encode(JSON.stringify(consent))]);
  const request = new TextEncoder().encode(
    JSON.stringify({
      patient: 'Patient/p1',
      actor: ['Organization/o1'],
      purpose: 'TREAT',
      action: 'read',
      time: '2024-06-01T00:00:00Z',
      resource: observation,
    }),
  );
  const fhirRounds = quick ? 5000 : 20_000;
  for (let n = 0; n < fhirRounds / 5; n += 1) answerRequests(documents, request, sets, 0);
  const begun = performance.now();
  for (let n = 0; n < fhirRounds; n += 1) answerRequests(documents, request, sets, 0);
  const fhir = (fhirRounds / (performance.now() - begun)) * 1000;

  return [
    {
      name: 'decisions, 1 k grants',
      figure: small.perSecond,
      unit: '/s',
      reach: '500,000',
      ok: small.perSecond >= 500_000,
    },
    {
      name: 'decisions, 100 k grants',
      figure: large.perSecond,
      unit: '/s',
      reach: '500,000',
      ok: large.perSecond >= 500_000,
    },
    { name: 'decision p99, 1 k grants', figure: small.p99, unit: 'us', reach: '50', ok: small.p99 <= 50 },
    { name: 'decision p99, 100 k grants', figure: large.p99, unit: 'us', reach: '50', ok: large.p99 <= 50 },
    {
      name: 'cost of 100 k grants against 1 k',
      figure: small.perSecond / large.perSecond,
      unit: 'x',
      reach: 'flat',
      ok: null,
    },
    {
      name: 'classes, labels and dates of an Observation',
      figure: classifying,
      unit: 'us',
      reach: '5',
      ok: classifying <= 5,
    },
    {
      name: 'the same against JSON.parse and stringify of it',
      figure: classifying / parsing,
      unit: 'x',
      reach: '',
      ok: null,
    },
    { name: 'FHIR Consents judged, request parsed each time', figure: fhir, unit: '/s', reach: '', ok: null },
  ];
}
