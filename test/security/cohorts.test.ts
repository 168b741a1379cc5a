import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import { codeOf, type Rig, startRig } from '../flow/rig.ts';
import { type OddUpstream, oddUpstream, type Second, startSecond } from '../flow/second-gateway.ts';

interface Person {
  readonly gender: string;
  readonly birthDate: string;
  readonly race?: string;
}

/** What the FHIR server holds; every criterion of the questions below is answered by `meets`. */
let held: readonly Person[] = [];
let pageSize = 40;

const person = ({ gender, birthDate, race }: Person, at: number) => ({
  resourceType: 'Patient',
  id: `cohort-${at}`,
  gender,
  birthDate,
  ...(race === undefined
    ? {}
    : {
        extension: [
          {
            url: 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-race',
            extension: [{ url: 'ombCategory', valueCoding: { code: race } }],
          },
        ],
      }),
});
const mixed = (count: number, gender: string, birthDate = '1960-02-03'): Person[] =>
  Array.from({ length: count }, (_, at) => ({ gender, birthDate, race: at % 2 === 0 ? '2106-3' : '2054-5' }));

let rig: Rig;
let upstream: OddUpstream;
let policies: string;
let second: Second;
let colleague: string;

beforeAll(async () => {
  rig = await startRig();
  upstream = await oddUpstream((request, response) => {
    const url = new URL(request.url ?? '', upstream.url);
    const all = held.map(person).filter(({ gender }) => [null, gender].includes(url.searchParams.get('gender')));
    const from = Number(url.searchParams.get('from') ?? 0);
    const found = url.pathname.endsWith('/Patient') ? all.slice(from, from + pageSize) : [];
    url.searchParams.set('from', String(from + pageSize));
    response.setHeader('content-type', 'application/fhir+json');
    response.end(
      JSON.stringify({
        resourceType: 'Bundle',
        type: 'searchset',
        entry: found.map((resource) => ({ resource })),
        ...(from + pageSize < all.length ? { link: [{ relation: 'next', url: url.href }] } : {}),
      }),
    );
  });
  policies = mkdtempSync(join(tmpdir(), 'consentry-cohorts-'));
  cpSync('policies', policies, { recursive: true });
  const consent = join(policies, 'consent.yaml');
  writeFileSync(consent, readFileSync(consent, 'utf8').replace('HRESCH: opt-in', 'HRESCH: not-required'));
  colleague = await rig.token('researcher', { user: 'colleague', client: 'other-app' });
}, 90_000);
beforeEach(async () => {
  await second?.close();
  second = await start();
});
afterAll(async () => {
  await second?.close();
  await upstream.close();
  rmSync(policies, { recursive: true, force: true });
  await rig.close();
});

const start = (data?: string): Promise<Second> =>
  startSecond(rig, {
    config: { policies, upstream: { url: upstream.url, timeoutMs: 3000 }, ...(data === undefined ? {} : { data }) },
  });

const ask = (query = '', token?: string): supertest.Test =>
  token === undefined
    ? second.get(`/Patient/$cohort-counts${query}`, 'researcher')
    : supertest(second.gateway.url).get(`/fhir/Patient/$cohort-counts${query}`).set('authorization', `Bearer ${token}`);

const counts = (response: supertest.Response): unknown[] => {
  const { parameter } = JSON.parse(response.text) as {
    parameter: { name: string; part?: { name: string; valueString?: string; valueInteger?: number }[] }[];
  };
  return parameter
    .filter(({ name }) => name === 'cell')
    .map(({ part = [] }) => part.map(({ valueString, valueInteger }) => valueString ?? valueInteger));
};

describe('counts of a cohort', () => {
  it('are told by attributes, over every page, and recorded with whom they are of', async () => {
    held = [...mixed(30, 'female'), ...mixed(25, 'male'), ...mixed(20, 'male', '1985-01-01')];
    const answer = await ask('?by=gender,birth-decade');
    expect(answer.status).toBe(200);
    expect(counts(answer)).toEqual([
      ['female', '1960', 30],
      ['male', '1960', 25],
      ['male', '1980', 20],
    ]);
    const found = await second.gateway.ledger.find(String(answer.headers['x-request-id']));
    expect(found?.entry).toMatchObject({
      decision: 'permit',
      interaction: { operation: 'cohort-counts' },
      outcome: { status: 200, returned: 3 },
    });
    expect(found?.entry.patients).toHaveLength(75);
    expect(found?.entry.resources).toEqual([]);
    expect(counts(await ask())).toEqual([[75]]);
    expect(counts(await ask('?gender=female'))).toEqual([[30]]);
  });

  it('are the same bytes for nobody and for as many as k less one', async () => {
    const answers = new Set<string>();
    for (const few of [0, 1, 2, 9, 10]) {
      held = mixed(few, 'female');
      const [whole, by] = [await ask(), await ask('?by=gender')];
      expect([whole.status, by.status]).toEqual([200, 200]);
      answers.add(whole.text).add(by.text);
    }
    expect([...answers]).toEqual(['{"resourceType":"Parameters","parameter":[{"name":"k","valueInteger":11}]}']);
    const beside = new Set<string>();
    for (const few of [0, 1, 10]) {
      held = [...mixed(30, 'female'), ...mixed(few, 'other')];
      beside.add((await ask('?by=gender')).text);
    }
    expect(beside.size).toBe(1);
    held = mixed(11, 'female');
    expect(counts(await ask())).toEqual([[11]]);
  });

  it('hide a group that is all of one race', async () => {
    held = [...mixed(30, 'female'), ...mixed(30, 'male').map((each) => ({ ...each, race: '2106-3' }))];
    expect(counts(await ask('?by=gender'))).toEqual([['female', 30]]);
  });

  it('are refused to a requester whom the difference to an earlier answer would tell of few, after a restart too', async () => {
    held = mixed(40, 'female');
    expect(counts(await ask())).toEqual([[40]]);
    expect(counts(await ask())).toEqual([[40]]);
    held = [...mixed(40, 'female'), ...mixed(3, 'male')];
    const refused = await ask();
    expect([refused.status, codeOf(refused)]).toEqual([403, 'cohort-refused']);
    // The same people by another criterion are the same count.
    expect(counts(await ask('?gender=female'))).toEqual([[40]]);
    const kept = mkdtempSync(join(tmpdir(), 'consentry-cohorts-data-'));
    cpSync(join(second.data, 'cohorts'), join(kept, 'cohorts'), { recursive: true });
    await second.close();
    second = await start(kept);
    expect(codeOf(await ask())).toBe('cohort-refused');
    // A colleague of the same study shares what it was told; another study does not.
    expect(codeOf(await ask('', colleague))).toBe('cohort-refused');
    const entry = await second.gateway.ledger.find(String((await ask()).headers['x-request-id']));
    expect(entry?.entry).toMatchObject({ decision: 'deny', code: 'cohort-refused' });
    expect(readFileSync(join(kept, 'cohorts', 'told.ndjson'), 'utf8')).not.toMatch(
      /cohort-\d|study-heart|Practitioner/,
    );
  });

  it('are refused where overlapping groups and their union tell of the few in both', async () => {
    held = [...mixed(40, 'female'), ...mixed(40, 'male')];
    expect((await ask('?by=gender')).status).toBe(200);
    held = [...held.slice(0, 40), ...held.slice(40, 77)];
    expect(codeOf(await ask())).toBe('cohort-refused');
    held = [...mixed(40, 'female'), ...mixed(40, 'male')];
    expect(counts(await ask())).toEqual([[80]]);
  });

  it('are refused by what is masked, unknown, or shaped like a search, and within a batch', async () => {
    held = mixed(40, 'female');
    const refusals = await Promise.all(
      ['?birthdate=1960', '?by=name', '?by=gender,gender', '?by=gender&_summary=count', '?_include=Patient:link'].map(
        (query) => ask(query),
      ),
    );
    expect(refusals.map(codeOf)).toEqual([
      'masked-parameter',
      'query-ambiguous',
      'query-ambiguous',
      'query-ambiguous',
      'query-ambiguous',
    ]);
    const batch = await supertest(second.gateway.url)
      .post('/fhir')
      .set('authorization', `Bearer ${colleague}`)
      .set('content-type', 'application/fhir+json')
      .send({
        resourceType: 'Bundle',
        type: 'batch',
        entry: [{ request: { method: 'GET', url: 'Patient/$cohort-counts' } }],
      });
    expect(batch.text).toContain('interaction-unsupported');
    expect(upstream.received.every((path) => !path.includes('$cohort-counts'))).toBe(true);
  });

  it('are of nobody where no patient lets the caller look', async () => {
    held = mixed(40, 'female');
    const strict = await startSecond(rig, { config: { upstream: { url: upstream.url, timeoutMs: 3000 } } });
    try {
      const answer = await strict.get('/Patient/$cohort-counts', 'researcher');
      expect([answer.status, counts(answer)]).toEqual([200, []]);
    } finally {
      await strict.close();
    }
  });

  it('are refused when a page of the cohort cannot be read, and when no policy says what may be counted', async () => {
    held = mixed(60, 'female');
    pageSize = 0;
    try {
      expect((await ask()).status).toBeGreaterThanOrEqual(500);
    } finally {
      pageSize = 40;
    }
    const without = mkdtempSync(join(tmpdir(), 'consentry-cohorts-none-'));
    cpSync(policies, without, { recursive: true });
    rmSync(join(without, 'cohorts.yaml'));
    const other = await startSecond(rig, {
      config: { policies: without, upstream: { url: upstream.url, timeoutMs: 3000 } },
    });
    try {
      expect(codeOf(await other.get('/Patient/$cohort-counts', 'researcher'))).toBe('policy-no-rule');
    } finally {
      await other.close();
      rmSync(without, { recursive: true, force: true });
    }
  });
});
