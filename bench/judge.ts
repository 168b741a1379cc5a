import { parseSearchRequest } from '@medplum/core';
import { classify, type RawRequest } from '../src/domain/fhir/classify.ts';
import { criteriaTargets } from '../src/domain/fhir/criteria.ts';
import type { FhirInteraction } from '../src/domain/fhir/interaction.ts';
import { toUpstream } from '../src/domain/fhir/request.ts';
import { permits } from '../src/domain/identity/authorise.ts';
import { parseScopes } from '../src/domain/identity/scope.ts';
import type { Row } from './main.ts';
import { releaseOf } from './parts/release.ts';

/**
 * What the gateway's own reading of a call costs: normal form, scopes, every parameter that is touched, and the request
 * rebuilt for the upstream. The rival reads the same search without judging any of it.
 */
const headers = { accept: 'application/fhir+json', 'user-agent': 'bench', 'x-request-id': '1' };
const target =
  '/Observation?patient=p1&category=vital-signs&code=http://loinc.org|8480-6&date=ge2020-01-01&_sort=-date&_count=20';
const holder = { scopes: parseScopes('openid launch/patient user/Patient.rs user/Observation.rs user/Condition.rs') };

const get = (path: string): RawRequest => ({ method: 'GET', target: path, headers, body: undefined });

const entry = (url: string) => ({ request: { method: 'GET', url } });
const batch: RawRequest = {
  method: 'POST',
  target: '/',
  headers: { ...headers, 'content-type': 'application/fhir+json' },
  body: new TextEncoder().encode(
    JSON.stringify({
      resourceType: 'Bundle',
      type: 'batch',
      entry: Array.from({ length: 50 }, (_, i) =>
        entry(i % 2 === 0 ? `Patient/p${i}` : `Observation?patient=p${i}&code=8480-6`),
      ),
    }),
  ),
};

const understood = (raw: RawRequest): FhirInteraction => {
  const outcome = classify(raw);
  if (!outcome.ok) throw new Error(outcome.problem.code);
  return outcome.interaction;
};

const judge = (raw: RawRequest): void => {
  const interaction = understood(raw);
  if (!permits(holder, interaction).ok) throw new Error('not permitted');
  criteriaTargets(interaction);
  toUpstream(interaction);
};

/** Median microseconds of one call, after a warm-up. */
const median = (rounds: number, work: () => void): number => {
  for (let i = 0; i < rounds; i += 1) work();
  const times: number[] = [];
  for (let i = 0; i < rounds; i += 1) {
    const from = process.hrtime.bigint();
    work();
    times.push(Number(process.hrtime.bigint() - from) / 1000);
  }
  return times.sort((a, b) => a - b)[rounds >> 1] ?? Number.NaN;
};

/** Each round has resources of its own: what is remembered by content does not help. */
const released = (role: string, rounds: number): number => {
  const prepare = releaseOf(role);
  const times: number[] = [];
  for (let round = 0; round < 2 * rounds; round += 1) {
    const work = prepare(round);
    const from = process.hrtime.bigint();
    work();
    if (round >= rounds) times.push(Number(process.hrtime.bigint() - from) / 1000);
  }
  return times.sort((a, b) => a - b)[rounds >> 1] ?? Number.NaN;
};

const row = (name: string, figure: number, most?: number): Row => ({
  name,
  figure,
  unit: 'us p50',
  reach: most === undefined ? '' : `${most}`,
  ok: most === undefined ? null : figure <= most,
});

export const run = async ({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> => {
  const rounds = quick ? 5_000 : 40_000;
  const search = get(target);
  const own = median(rounds, () => void understood(search));
  const rival = median(rounds, () => void parseSearchRequest(target.slice(1)));
  return [
    row(
      'classify a read',
      median(rounds, () => void understood(get('/Patient/p1'))),
    ),
    row('classify a search with six parameters', own),
    row('parseSearchRequest of @medplum/core, the same search', rival),
    { name: 'classify : parseSearchRequest', figure: own / rival, unit: 'ratio', reach: '', ok: null },
    row(
      'classify a batch of 50',
      median(rounds / 20, () => void understood(batch)),
    ),
    row(
      'read: classify, scopes, criteria, rebuild',
      median(rounds, () => judge(get('/Patient/p1'))),
      60,
    ),
    row(
      'search: classify, scopes, criteria, rebuild',
      median(rounds, () => judge(search)),
      60,
    ),
    row(
      'batch of 50: classify, scopes, criteria, rebuild',
      median(rounds / 20, () => judge(batch)),
      200,
    ),
    row('read, judge and mask 100 Observations, clinician', released('clinician', rounds / 50), 3000),
    row('read, judge and mask 100 Observations, nothing masked', released('system', rounds / 50), 3000),
  ];
};
