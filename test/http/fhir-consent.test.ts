import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GrantId } from '../../src/domain/consent/grant.ts';
import type { FhirInteraction } from '../../src/domain/fhir/interaction.ts';
import type { Instant } from '../../src/domain/instant.ts';
import { scan } from '../../src/domain/json/scan.ts';
import { until } from '../adapters/chain/fixture.ts';
import { type ConsentRig, startConsentRig } from './consent-rig.ts';

let rig: ConsentRig;
beforeAll(async () => {
  rig = await startConsentRig();
});
afterAll(() => rig.stop());

const call = async (who: string, interaction: unknown) => {
  const answer = await rig.fhir.answer({
    interaction: interaction as FhirInteraction,
    principal: rig.principal(who),
    requestId: 'r1',
    now: Date.now() as Instant,
  });
  return answer === undefined
    ? undefined
    : { status: answer.status, headers: answer.headers, body: JSON.parse(String(answer.body ?? '{}')) };
};
const create = (who: string, consent: object) => {
  const scanned = scan(new TextEncoder().encode(JSON.stringify(consent)));
  if (!scanned.ok) throw new Error('not JSON');
  return call(who, { kind: 'create', type: 'Consent', headers: {}, body: scanned.tape });
};
const consent = (patient = 'anna', more: object = {}) => ({
  resourceType: 'Consent',
  status: 'active',
  scope: { coding: [{ code: 'patient-privacy' }] },
  category: [{ coding: [{ code: 'IDSCL' }] }],
  patient: { reference: `Patient/${patient}` },
  provision: {
    type: 'permit',
    actor: [{ reference: { reference: 'Organization/clinic' } }],
    securityLabel: [{ code: 'N' }],
    ...more,
  },
});

describe('Consent at the FHIR API', () => {
  it('that a patient creates becomes a signed grant, is read back with proof, and ends when it is deleted', async () => {
    const created = await create('anna', consent());
    expect(created).toMatchObject({ status: 201, body: { resourceType: 'Consent' } });
    const id = created?.body.id as string;
    expect(created?.headers.location).toBe(`https://gateway.example/fhir/Consent/${id}`);
    const grant = `0x${id}` as GrantId;
    await until(() => rig.replica.grant(grant) !== undefined, 'the replica has the grant');
    const read = () => call('anna', { kind: 'read', type: 'Consent', id, head: false, headers: {} });
    expect(await read()).toMatchObject({
      status: 200,
      body: { status: 'active', provision: { type: 'permit' }, extension: [{ url: 'urn:consentry:proof' }] },
    });
    expect(await call('officer', { kind: 'read', type: 'Consent', id, headers: {} })).toMatchObject({ status: 200 });
    for (const who of ['bert', 'doctor']) {
      expect(await call(who, { kind: 'read', type: 'Consent', id, headers: {} })).toMatchObject({ status: 403 });
      expect(await call(who, { kind: 'delete', type: 'Consent', id, headers: {} })).toMatchObject({ status: 403 });
    }
    expect(await call('anna', { kind: 'delete', type: 'Consent', id, headers: {} })).toMatchObject({ status: 204 });
    expect(rig.replica.view()?.grantsOf(await rig.vault.register('anna' as never))).toEqual([]);
  });

  it('is found by the patient and an overseer as the chain has it, by nobody else, and not once it is deleted', async () => {
    const id = (await create('bert', consent('bert')))?.body.id as string;
    await until(() => rig.replica.grant(`0x${id}` as GrantId) !== undefined, 'the replica has the grant');
    const none = { criteria: [], includes: [], sort: [] };
    const criterion = (code: string, value: string) => ({
      code,
      name: code,
      value,
      values: [value],
      chain: [],
      has: [],
    });
    const search = (who: string, more: object) =>
      call(who, { kind: 'search', type: 'Consent', headers: {}, query: { ...none, ...more } });
    const named = { criteria: [criterion('patient', 'Patient/bert')] };
    const one = {
      status: 200,
      body: {
        type: 'searchset',
        total: 1,
        entry: [
          {
            resource: {
              id,
              status: 'active',
              provision: { actor: [{ reference: { reference: 'Organization/clinic' } }] },
            },
          },
        ],
      },
    };
    expect(await search('bert', {})).toMatchObject(one);
    expect(await search('bert', named)).toMatchObject(one);
    expect(await search('officer', { criteria: [criterion('patient', 'bert')] })).toMatchObject(one);
    expect(await search('bert', { criteria: [criterion('status', 'inactive')] })).toMatchObject({ body: { total: 0 } });
    const counted = await search('bert', { summary: 'count' });
    expect(counted?.body).toEqual({ resourceType: 'Bundle', type: 'searchset', total: 1 });
    for (const who of ['anna', 'doctor']) expect(await search(who, named)).toBeUndefined();
    expect(await search('officer', {})).toBeUndefined();
    expect(await search('bert', { criteria: [criterion('period', '2024')] })).toBeUndefined();
    const before = rig.ledgerSize();
    await call('bert', { kind: 'delete', type: 'Consent', id, headers: {} });
    expect(await search('bert', {})).toMatchObject({ status: 200, body: { total: 0 } });
    expect(rig.ledgerSize()).toBe(before + 2);
  });

  it('is refused with reasons where it cannot be held exactly', async () => {
    const refused = await create('anna', consent('anna', { class: [{ code: 'Observation' }] }));
    expect(refused).toMatchObject({ status: 422, body: { resourceType: 'OperationOutcome' } });
    expect(refused?.body.issue[0].details.text).toContain('urn:consentry:data-class');
    expect(await create('anna', { ...consent(), status: 'draft' })).toMatchObject({ status: 422 });
  });

  it('is refused when anybody but the patient writes it, in whatever way', async () => {
    expect(await create('doctor', consent())).toMatchObject({ status: 403 });
    expect(await create('bert', consent())).toMatchObject({ status: 403 });
    expect(await call('anna', { kind: 'update', type: 'Consent', id: 'x', headers: {} })).toMatchObject({
      status: 403,
    });
    expect(await call('doctor', { kind: 'patch', type: 'Consent', id: 'x', headers: {} })).toMatchObject({
      status: 403,
    });
    expect(await call('doctor', { kind: 'delete', type: 'Consent', id: 'x', headers: {} })).toMatchObject({
      status: 403,
    });
  });

  it('of the FHIR server itself, and every other type, is left to the stages', async () => {
    expect(await call('doctor', { kind: 'read', type: 'Consent', id: 'paper-form', headers: {} })).toBeUndefined();
    expect(await call('doctor', { kind: 'read', type: 'Patient', id: 'anna', headers: {} })).toBeUndefined();
  });
});
