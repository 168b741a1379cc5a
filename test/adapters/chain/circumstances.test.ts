import { describe, expect, it } from '@jest/globals';
import { followCircumstances } from '../../../src/adapters/chain/circumstances.ts';
import type {
  Attestation,
  Grant,
  GranteeKey,
  GranteeKind,
  GrantId,
  SubjectKey,
} from '../../../src/domain/consent/grant.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import type { Instant } from '../../../src/domain/instant.ts';
import { scan } from '../../../src/domain/json/scan.ts';
import { at, grant, now, viewOf } from '../../domain/consent/world.ts';

const key = (kind: GranteeKind, reference: string) => `0x${kind}|${reference}` as GranteeKey;
const specialist = grant({
  id: '0xspecialist' as GrantId,
  granteeKind: 'person',
  grantee: key('person', 'Practitioner/spec'),
  conditions: 1,
});
const plain = grant({ id: '0xplain' as GrantId, granteeKind: 'person', grantee: key('person', 'Practitioner/spec') });
const other = grant({
  id: '0xother' as GrantId,
  granteeKind: 'person',
  grantee: key('person', 'Practitioner/other'),
  conditions: 1,
});

const setup = (grants: readonly Grant[] = [specialist, plain, other], known: readonly Attestation[] = []) => {
  const calls: string[] = [];
  const facts: Attestation[] = [...known];
  let passed = 0;
  const referrals = followCircumstances({
    registry: { view: () => viewOf(grants, facts), headAge: () => 0 },
    keys: {
      subjectOf: (patient: PatientId) => `0x${patient}` as SubjectKey,
      register: async (patient: PatientId) => `0x${patient}` as SubjectKey,
      granteeOf: key,
      saltOf: () => new Uint8Array(32),
    },
    relay: {
      attest: async (fact) => {
        calls.push(`attest ${fact.grant} until ${new Date(fact.until * 1000).toISOString().slice(0, 10)}`);
        facts.push(fact);
      },
      withdraw: async (id, condition) => {
        calls.push(`withdraw ${id} ${condition}`);
        facts.splice(0, facts.length, ...facts.filter((fact) => fact.grant !== id));
      },
    },
    clock: { now: () => ((now + passed) * 1000) as Instant },
  });
  const see = async (more: object = {}) => {
    const scanned = scan(
      new TextEncoder().encode(
        JSON.stringify({
          resourceType: 'ServiceRequest',
          id: 'sr1',
          status: 'active',
          intent: 'order',
          subject: { reference: 'Patient/anna' },
          performer: [{ reference: 'Practitioner/spec' }],
          ...more,
        }),
      ),
    );
    if (!scanned.ok) throw new Error('not JSON');
    await referrals.seen(scanned.tape, 0);
  };
  const pass = (seconds: number): void => {
    passed += seconds;
  };
  return { calls, facts, see, referrals, pass };
};

describe('referrals seen at the gateway', () => {
  it('open the grants that wait for one to this performer, and no others', async () => {
    const { calls, see } = setup();
    await see();
    expect(calls).toEqual(['attest 0xspecialist until 2027-02-20']);
  });

  it('last no longer than the order', async () => {
    const { calls, see } = setup();
    await see({ occurrencePeriod: { end: '2026-12-01' } });
    expect(calls).toEqual(['attest 0xspecialist until 2026-12-02']);
  });

  it('close earlier when the order is cut short', async () => {
    const { calls, see } = setup();
    await see();
    await see({ occurrencePeriod: { end: '2026-12-01' } });
    expect(calls.slice(1)).toEqual(['withdraw 0xspecialist REFERRAL', 'attest 0xspecialist until 2026-12-02']);
  });

  it('cost one transaction however often they are seen', async () => {
    const { calls, see } = setup();
    await see();
    await see();
    expect(calls).toHaveLength(1);
  });

  it.each(['revoked', 'completed', 'entered-in-error', 'on-hold', 'draft'])(
    'close when the order is %s',
    async (status) => {
      const { calls, see } = setup();
      await see();
      await see({ status });
      expect(calls.at(-1)).toBe('withdraw 0xspecialist REFERRAL');
    },
  );

  it('close when the order is deleted, and when the performer is taken off', async () => {
    const one = setup();
    await one.see();
    await one.referrals.gone('ServiceRequest/sr1');
    expect(one.calls.at(-1)).toBe('withdraw 0xspecialist REFERRAL');
    const two = setup();
    await two.see();
    await two.see({ performer: [{ reference: 'Practitioner/other' }] });
    expect(two.calls.slice(1)).toEqual(['withdraw 0xspecialist REFERRAL', 'attest 0xother until 2027-02-20']);
  });

  it('stay open while another order holds them', async () => {
    const { calls, see } = setup();
    await see();
    await see({ id: 'sr2' });
    await see({ status: 'completed' });
    expect(calls.filter((call) => call.startsWith('withdraw'))).toEqual([]);
    await see({ id: 'sr2', status: 'completed' });
    expect(calls.at(-1)).toBe('withdraw 0xspecialist REFERRAL');
  });

  it('do not open for proposals, for orders that are over and for other resources', async () => {
    const { calls, see } = setup();
    await see({ intent: 'proposal' });
    await see({ occurrencePeriod: { end: '2026-11-01' } });
    await see({ resourceType: 'Observation' });
    await see({ subject: { reference: 'Group/g' } });
    expect(calls).toEqual([]);
    expect(at('2026-11-22T12:00:00Z')).toBe(now);
  });
});

describe('visits seen at the gateway', () => {
  const ward = grant({
    id: '0xward' as GrantId,
    granteeKind: 'organisation',
    grantee: key('organisation', 'Organization/ward'),
    conditions: 4,
  });
  const visit = {
    resourceType: 'Encounter',
    id: 'e1',
    status: 'in-progress',
    serviceProvider: { reference: 'Organization/ward' },
    participant: [{ individual: { reference: 'Practitioner/spec' } }],
  };
  const nurse = grant({
    id: '0xnurse' as GrantId,
    granteeKind: 'person',
    grantee: key('person', 'Practitioner/spec'),
    conditions: 4,
  });

  it('open the grants of who takes part and of the house, for a day at most', async () => {
    const { calls, see } = setup([ward, nurse, specialist]);
    await see(visit);
    expect(calls.toSorted()).toEqual(['attest 0xnurse until 2026-11-23', 'attest 0xward until 2026-11-23']);
  });

  it.each(['planned', 'onleave', 'finished', 'cancelled', 'entered-in-error'])(
    'do not open when %s',
    async (status) => {
      const { calls, see, referrals } = setup([ward]);
      await referrals.settle();
      await see({ ...visit, status });
      expect(calls).toEqual([]);
    },
  );

  it('close when the patient goes home', async () => {
    const { calls, see } = setup([ward]);
    await see(visit);
    await see({ ...visit, status: 'finished' });
    expect(calls.at(-1)).toBe('withdraw 0xward ENCOUNTER_ACTIVE');
  });

  it('are renewed while they last', async () => {
    const { calls, see, referrals, pass } = setup([ward]);
    await see(visit);
    await referrals.settle();
    expect(calls).toHaveLength(1);
    pass(20 * 3600);
    await referrals.settle();
    expect(calls.at(-1)).toBe('attest 0xward until 2026-11-24');
  });

  it('that are over close nothing at the start until all that stands has been read', async () => {
    const before = setup([ward]);
    await before.see(visit);
    const { calls, see, referrals } = setup([ward], before.facts);
    await see({ ...visit, id: 'e0', status: 'finished' });
    await see(visit);
    await referrals.settle();
    expect(calls).toEqual([]);
    const alone = setup([ward], before.facts);
    await alone.see({ ...visit, id: 'e0', status: 'finished' });
    await alone.referrals.settle();
    expect(alone.calls).toEqual(['withdraw 0xward ENCOUNTER_ACTIVE']);
  });
});
