import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { accountingOf, withAudit } from '../../../src/adapters/store/audit-forward.ts';
import type { FilesLedger } from '../../../src/adapters/store/files-ledger.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import type { Instant } from '../../../src/domain/instant.ts';
import type { Cleared } from '../../../src/domain/upstream.ts';
import { entryOf, memoryKeys, open, temporaryFolder } from './ledger-fixture.ts';

const folder = temporaryFolder();
const p = (...ids: string[]): PatientId[] => ids as PatientId[];
const at = (text: string): Instant => Date.parse(text) as Instant;
let ledger: FilesLedger;

beforeAll(async () => {
  const payloadKeys = memoryKeys();
  ledger = await open(folder, { payloadKeys });
  await ledger.append(entryOf('0', { at: at('2026-01-05T10:00:00Z') }));
  await ledger.append(
    entryOf('1', {
      at: at('2026-02-05T10:00:00Z'),
      kind: 'search',
      patients: p('p1', 'p2'),
      interaction: { kind: 'search', type: 'Condition', query: 'patient=p1' },
      resources: ['Condition/c1/_history/2'],
    }),
  );
  const actor = { user: 'b', issuer: 'i', client: 'billing', fhirUser: 'Practitioner/poe', roles: ['billing'] };
  await ledger.append(
    entryOf('2', {
      at: at('2026-03-05T10:00:00Z'),
      kind: 'denied',
      decision: 'deny',
      code: 'consent-not-granted',
      stage: 'consent',
      purpose: 'HPAYMT',
      actor,
      resources: [],
    }),
  );
  await ledger.append(
    entryOf('3', {
      at: at('2026-03-06T23:59:59Z'),
      kind: 'write',
      patients: p('p3'),
      interaction: { kind: 'update', type: 'Observation', id: 'o9' },
      resources: ['Observation/o9/_history/4'],
    }),
  );
  await ledger.append(
    entryOf('4', { at: at('2026-04-01T00:00:00Z'), kind: 'break-glass', purpose: 'ETREAT', reason: 'unconscious' }),
  );
});
afterAll(async () => {
  await ledger.close();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly body: {
    readonly resourceType: string;
    readonly id?: string;
    readonly link?: { relation: string; url: string }[];
    readonly entry?: { resource: { id: string } }[];
  };
}
const ask = async (path: string, method = 'GET', body?: string): Promise<Answer> => {
  const forward = withAudit(async () => ({ kind: 'fault', code: 'upstream-unreachable' }), ledger, {
    name: 'gw',
    address: 'gw.example',
  });
  const request = { method, path, headers: {}, ...(body === undefined ? {} : { body: Buffer.from(body) }) };
  const response = await forward(request as unknown as Cleared, new AbortController().signal);
  if (response.kind === 'fault') return { status: 0, body: { resourceType: response.code } };
  return { status: response.status, body: JSON.parse(Buffer.from(response.body).toString()) as Answer['body'] };
};
const ids = async (query: string): Promise<string[]> =>
  ((await ask(`AuditEvent?${query}`)).body.entry ?? []).map(({ resource }) => resource.id);

describe('AuditEvent from the ledger', () => {
  it.each([
    ['', ['4', '3', '2', '1', '0']],
    ['patient=Patient/p1', ['4', '2', '1', '0']],
    ['patient=p2', ['1']],
    ['patient=p2,p3', ['3', '1']],
    ['agent=Practitioner/poe', ['2']],
    ['agent.identifier=billing', ['2']],
    ['entity=Observation/o9', ['3']],
    ['entity=Condition/c1', ['1']],
    ['action=R', ['4', '0']],
    ['action=U', ['3']],
    ['outcome=4', ['2']],
    ['outcome:not=4', ['4', '3', '1', '0']],
    ['purpose=ETREAT', ['4']],
    ['purpose=http://terminology.hl7.org/CodeSystem/v3-ActReason|HPAYMT', ['2']],
    ['subtype=http://hl7.org/fhir/restful-interaction|search', ['1']],
    ['agent-role=billing', ['2']],
    ['date=2026-03', ['3', '2']],
    ['date=ge2026-03-06', ['4', '3']],
    ['date=gt2026-03-06', ['4']],
    ['date=lt2026-02-05T10:00:00Z', ['0']],
    ['date=le2026-02-05T10:00:00Z', ['1', '0']],
    ['date=ge2026-02-01&date=lt2026-03-01', ['1']],
    ['date=2026-03-07T00:59:59%2B01:00', ['3']],
    ['_id=2,4,77', ['2', '4']],
    ['patient=p1&date=ge2026-02&action=E', ['2', '1']],
    ['patient=nobody', []],
  ])('answers %s', async (query, want) => {
    expect(await ids(query)).toEqual(want);
  });

  it('pages from new to old without a gap or a repeat', async () => {
    const seen: string[] = [];
    let path: string | undefined = 'AuditEvent?_count=2';
    while (path !== undefined) {
      const { body }: Answer = await ask(path);
      seen.push(...(body.entry ?? []).map(({ resource }) => resource.id));
      path = body.link?.find(({ relation }) => relation === 'next')?.url;
    }
    expect(seen).toEqual(['4', '3', '2', '1', '0']);
  });

  it.each([
    'foo=bar',
    'date=yesterday',
    'date=2026-13',
    'patient.identifier=x',
    'action:exact=R',
    '_count=-1',
    'patient=',
  ])('refuses %s rather than passing it over', async (query) => {
    expect((await ask(`AuditEvent?${query}`)).status).toBe(400);
  });

  it('reads one by its number, and no other', async () => {
    expect(await ask('AuditEvent/3')).toMatchObject({ status: 200, body: { resourceType: 'AuditEvent', id: '3' } });
    for (const id of ['5', '03', '-1', 'x', '1e1']) expect((await ask(`AuditEvent/${id}`)).status).toBe(404);
  });

  it('takes a search by POST and no write', async () => {
    expect((await ask('AuditEvent/_search', 'POST', 'patient=p2')).body.entry?.length).toBe(1);
    for (const [path, method] of [
      ['AuditEvent', 'POST'],
      ['AuditEvent/3', 'PUT'],
      ['AuditEvent/3', 'DELETE'],
      ['AuditEvent/3/_history', 'GET'],
    ] as const) {
      expect((await ask(path, method)).status).toBe(405);
    }
  });

  it('passes every other call on', async () => {
    expect((await ask('Patient/p1')).body.resourceType).toBe('upstream-unreachable');
  });

  it('tells a patient who looked, in sentences', async () => {
    const told = await accountingOf(ledger, { name: 'gw', address: 'gw' }, 'p1' as PatientId, { limit: 10 });
    expect(told.map(({ outcomeDesc }) => outcomeDesc)).toEqual([
      'Clinician Practitioner/lee of Organization/north looked at your measurements and test results in an emergency on 2026-04-01 at 00:00 UTC. This was an emergency access, and it is reviewed. 2 values were hidden. You allowed it.',
      'Billing Practitioner/poe was refused access to your measurements and test results for payment on 2026-03-05 at 10:00 UTC. Nothing was shown.',
      'Clinician Practitioner/lee of Organization/north looked at your diagnoses to treat you on 2026-02-05 at 10:00 UTC. 2 values were hidden. You allowed it.',
      'Clinician Practitioner/lee of Organization/north looked at your measurements and test results to treat you on 2026-01-05 at 10:00 UTC. 2 values were hidden. You allowed it.',
    ]);
  });

  it('says nothing of the other patients of a shared answer, and keeps to the period and the number that are asked for', async () => {
    const path = 'Patient/p1/$accounting-of-disclosures';
    const all = await ask(path);
    expect(all.body.entry?.map(({ resource }) => resource.id)).toEqual(['4', '2', '1', '0']);
    expect(JSON.stringify(all.body)).not.toMatch(/p2|c1/);
    expect(
      (await ask(`${path}?start=2026-02-01T00:00:00Z&end=2026-03-31T00:00:00Z&_count=1`)).body.entry?.map(
        ({ resource }) => resource.id,
      ),
    ).toEqual(['2']);
    expect((await ask(`${path}?before=2`)).body.entry?.map(({ resource }) => resource.id)).toEqual(['1', '0']);
  });
});
