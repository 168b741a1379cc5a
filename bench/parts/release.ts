import { readdirSync, readFileSync } from 'node:fs';
import { readPolicyFolder } from '../../src/adapters/policies/folder.ts';
import type {
  ConsentView,
  EpochSeconds,
  Grant,
  GranteeKey,
  GrantId,
  SubjectKey,
} from '../../src/domain/consent/grant.ts';
import { closedPolicy } from '../../src/domain/consent/policy.ts';
import { classify } from '../../src/domain/fhir/classify.ts';
import { anchorLinks } from '../../src/domain/fhir/links.ts';
import { defaultOperations } from '../../src/domain/fhir/operations.ts';
import type { Principal } from '../../src/domain/identity/principal.ts';
import { parseScopes } from '../../src/domain/identity/scope.ts';
import { scan } from '../../src/domain/json/scan.ts';
import { maskResource } from '../../src/domain/masking/walk.ts';
import { parseDataClasses } from '../../src/domain/policy/data-classes-file.ts';
import { isOther } from '../../src/domain/policy/draft.ts';
import { compilePolicySet } from '../../src/domain/policy/policy-set.ts';
import { atOnce } from '../../src/domain/steps.ts';
import type { SubjectKeys } from '../../src/ports.ts';
import type { Planned } from '../../src/stages/exchange.ts';
import { emptyTally, releaseBundle } from '../../src/stages/release/bundle.ts';
import { containerRelease } from '../../src/stages/release/container.ts';
import { project } from '../../src/stages/release/project.ts';
import { type ResourceReleaseParts, resourceRelease } from '../../src/stages/release/resource.ts';
import { resourceRight } from '../../src/stages/release/right.ts';

const now = 1_800_000_000 as EpochSeconds;
const subject = `0x${'1'.padStart(64, '0')}` as SubjectKey;
const grantee = `0x${'2'.padStart(64, '0')}` as GranteeKey;
const bases = { upstreamBase: 'http://ehr.example/fhir', gatewayBase: 'https://gateway.example/fhir' };

const grant: Grant = {
  id: `0x${'3'.padStart(64, '0')}` as GrantId,
  subject,
  granteeKind: 'person',
  grantee,
  effect: 'permit',
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
};
const view: ConsentView = {
  contract: '0x',
  chainId: 1,
  head: { number: 1, hash: '0x', time: now },
  grantsOf: () => [grant],
  attested: () => undefined,
};
const keys: SubjectKeys = { subjectOf: () => subject, register: async () => subject, granteeOf: () => grantee };

const observation = (round: number, at: number) => ({
  fullUrl: `${bases.upstreamBase}/Observation/o-${round}-${at}`,
  resource: {
    resourceType: 'Observation',
    id: `o-${round}-${at}`,
    meta: { versionId: '1', lastUpdated: '2026-01-01T00:00:00Z' },
    status: 'final',
    category: [
      { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' }] },
    ],
    code: {
      coding: [{ system: 'http://loinc.org', code: '4548-4', display: 'Hemoglobin A1c' }],
      text: 'Hemoglobin A1c',
    },
    subject: { reference: 'Patient/p1', display: 'Ada Byrne' },
    encounter: { reference: `Encounter/e${at}` },
    effectiveDateTime: '2024-05-01T10:00:00Z',
    issued: '2024-05-01T11:00:00Z',
    performer: [{ reference: 'Practitioner/d1', display: 'Dr Okafor' }],
    valueQuantity: { value: 6.1, unit: '%', system: 'http://unitsofmeasure.org', code: '%' },
    note: [{ text: `Seen on the ward, round ${round}.` }],
  },
  search: { mode: 'match' },
});

/** Reads a searchset of 100 Observations that nobody has seen before, judges each, masks it as for a role, and writes the answer. */
export const releaseOf = (role: string): ((round: number) => () => Uint8Array) => {
  const folder = new URL('../../policies/data-classes/', import.meta.url);
  const sets = parseDataClasses(
    readdirSync(folder).map((file) => ({ file, text: readFileSync(new URL(file, folder), 'utf8') })),
  );
  const load = compilePolicySet(readPolicyFolder('policies').filter((file) => !isOther(file.name)));
  if (!sets.ok || !load.ok) throw new Error('the policies do not load');
  const purpose = 'TREAT' as Principal['purpose'];
  const principal = {
    user: 'u',
    issuer: 'i',
    client: 'c',
    roles: [role],
    purpose,
    scopes: parseScopes('user/*.rs'),
  } as unknown as Principal;
  const plan = load.set.planFor({ ...principal, on: '2026-11-22' });
  const call = classify({ method: 'GET', target: '/Observation?patient=p1&_count=100', headers: {}, body: undefined });
  if (plan === undefined || !call.ok) throw new Error('the call is not understood');
  const part = {
    interaction: call.interaction,
    principal,
    plan,
    consentView: view,
    consentPolicy: closedPolicy,
    classifier: sets.classifier,
    question: { actor: { person: grantee, roles: [], careTeams: [] }, roles: [role], purpose, action: 'search', now },
    reached: [],
    narrowed: () => undefined,
    subjects: { kind: 'discover' },
  } as unknown as Planned;
  const key = new Uint8Array(32).fill(1);
  const parts: ResourceReleaseParts = {
    right: resourceRight(bases, keys),
    mask: maskResource,
    maskingContext: () => ({ asOf: '2026-11-22', key: () => key }),
    anchor: (tape, node) => anchorLinks(tape, node, bases),
  };
  const bundle = {
    ...containerRelease(resourceRelease(parts), { ...parts, bases, operations: defaultOperations }),
    bases,
    links: () => [],
    project,
  };
  return (round) => {
    const entry = Array.from({ length: 100 }, (_, at) => observation(round, at));
    const bytes = Buffer.from(JSON.stringify({ resourceType: 'Bundle', type: 'searchset', total: 100, entry }));
    return () => {
      const scanned = scan(bytes);
      if (!scanned.ok) throw new Error(scanned.fault.code);
      const tally = emptyTally();
      const pages = [{ tape: scanned.tape, node: 0, path: '' }];
      const out = atOnce(releaseBundle({ pages, ended: false }, part, tally, bundle));
      if (tally.returned !== 100) throw new Error(`${tally.returned} of 100 were released`);
      return out;
    };
  };
};
