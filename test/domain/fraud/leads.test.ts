import { describe, expect, it } from '@jest/globals';
import { type Fact, factOf } from '../../../src/domain/fraud/facts.ts';
import { detectedIssueOf, findLeads, type LeadRule } from '../../../src/domain/fraud/leads.ts';

const tables = { opioids: { '1049621': { mg: 5, factor: 1.5 } }, minutes: { '99215': 47, '90837': 60 } };
const fact = (resource: object): Fact => {
  const found = factOf(resource, tables);
  if (found === undefined) throw new Error('no fact');
  return found;
};
let ids = 0;
const dispense = (
  day: string,
  more: {
    prescriber?: string;
    pharmacy?: string;
    quantity?: number;
    days?: number;
    code?: string;
    patient?: string;
  } = {},
): Fact =>
  fact({
    resourceType: 'MedicationDispense',
    id: `d${ids++}`,
    subject: { reference: more.patient ?? 'Patient/p1' },
    medicationCodeableConcept: { coding: [{ code: more.code ?? '1049621' }] },
    performer: [
      { actor: { reference: more.prescriber ?? 'Practitioner/a' } },
      { actor: { reference: more.pharmacy ?? 'Organization/x' } },
    ],
    quantity: { value: more.quantity ?? 30 },
    daysSupply: { value: more.days ?? 30 },
    whenHandedOver: `${day}T10:00:00Z`,
  });
const claim = (day: string, more: object = {}): Fact =>
  fact({
    resourceType: 'Claim',
    id: `c${ids++}`,
    patient: { reference: 'Patient/p1' },
    provider: { reference: 'Practitioner/a' },
    item: [{ productOrService: { coding: [{ code: '99215' }] }, servicedDate: day }],
    total: { value: 100 },
    ...more,
  });
const visit = (day: string, id: string): Fact =>
  fact({
    resourceType: 'Encounter',
    id,
    subject: { reference: 'Patient/p1' },
    period: { start: `${day}T09:00:00Z`, end: `${day}T10:00:00Z` },
  });
const rules = (facts: readonly Fact[]): LeadRule[] => findLeads(facts).map(({ rule }) => rule);

describe('leads', () => {
  it('finds four prescribers and four pharmacies in 180 days, and not in 181', () => {
    const at = (days: readonly string[]) =>
      days.map((day, i) =>
        dispense(day, { prescriber: `Practitioner/${i}`, pharmacy: `Organization/${i}`, days: 1, quantity: 1 }),
      );
    expect(rules(at(['2026-01-01', '2026-02-01', '2026-03-01', '2026-06-30']))).toEqual(['doctor-shopping']);
    expect(rules(at(['2026-01-01', '2026-02-01', '2026-03-01', '2026-07-01']))).toEqual([]);
    expect(rules(at(['2026-01-01', '2026-02-01', '2026-03-01']))).toEqual([]);
  });

  it('finds three early refills, and leaves timely ones alone', () => {
    const days = (step: number) =>
      [0, 1, 2, 3].map((n) => new Date(Date.UTC(2026, 0, 1) + n * step * 86_400_000).toISOString().slice(0, 10));
    expect(rules(days(20).map((day) => dispense(day, { code: 'other' })))).toEqual(['early-refill']);
    expect(rules(days(24).map((day) => dispense(day, { code: 'other' })))).toEqual([]);
    expect(
      rules(
        days(20)
          .slice(0, 3)
          .map((day) => dispense(day, { code: 'other' })),
      ),
    ).toEqual([]);
  });

  it('finds opioids of two prescribers that overlap by more than a day', () => {
    expect(rules([dispense('2026-01-01'), dispense('2026-01-20', { prescriber: 'Practitioner/b' })])).toEqual([
      'overlapping-opioids',
    ]);
    expect(rules([dispense('2026-01-01'), dispense('2026-01-30', { prescriber: 'Practitioner/b' })])).toEqual([]);
    expect(
      rules([dispense('2026-01-01'), dispense('2026-01-20', { prescriber: 'Practitioner/b', code: 'other' })]),
    ).toEqual([]);
  });

  it('adds up what runs at once: over 90 equivalents a day', () => {
    expect(findLeads([dispense('2026-01-01', { quantity: 390 })])).toMatchObject([
      { rule: 'high-dose', figures: { mmePerDay: 97.5, limit: 90 } },
    ]);
    expect(rules([dispense('2026-01-01', { quantity: 360 })])).toEqual([]);
    expect(rules([dispense('2026-01-01', { quantity: 200 }), dispense('2026-01-05', { quantity: 200 })])).toEqual([
      'high-dose',
    ]);
  });

  it('finds a day with more hours than it has', () => {
    const visits = [visit('2026-01-01', 'e1')];
    const items = (count: number) => ({
      item: Array.from({ length: count }, () => ({
        productOrService: { coding: [{ code: '90837' }] },
        servicedDate: '2026-01-01',
      })),
    });
    expect(rules([...visits, claim('2026-01-01', items(17))])).toEqual(['impossible-day']);
    expect(rules([...visits, claim('2026-01-01', items(16))])).toEqual([]);
  });

  it('finds a claim without an encounter, named or near in time', () => {
    const named = (reference: string) =>
      claim('2026-01-05', {
        item: [
          { productOrService: { coding: [{ code: '99215' }] }, servicedDate: '2026-01-05', encounter: [{ reference }] },
        ],
      });
    expect(rules([visit('2026-01-05', 'e1'), claim('2026-01-05')])).toEqual([]);
    expect(rules([visit('2026-01-02', 'e1'), claim('2026-01-05')])).toEqual(['claim-without-encounter']);
    expect(rules([visit('2026-01-02', 'e1'), named('Encounter/e1')])).toEqual([]);
    expect(rules([visit('2026-01-05', 'e1'), named('Encounter/ghost')])).toEqual(['claim-without-encounter']);
  });

  it('finds a claim sent twice', () => {
    const visits = [visit('2026-01-01', 'e1')];
    expect(rules([...visits, claim('2026-01-01'), claim('2026-01-01')])).toEqual(['duplicate-claim']);
    expect(rules([...visits, claim('2026-01-01'), claim('2026-01-01', { total: { value: 90 } })])).toEqual([]);
  });

  it('is the same whatever the order of the facts', () => {
    const facts = [
      dispense('2026-01-20', { prescriber: 'Practitioner/b' }),
      claim('2026-01-01'),
      dispense('2026-01-01'),
    ];
    expect(new Set(rules(facts))).toEqual(new Set(rules(facts.toReversed())));
  });

  it('becomes a preliminary DetectedIssue with its evidence', () => {
    const [lead] = findLeads([dispense('2026-01-01', { quantity: 390 })]);
    expect(lead && detectedIssueOf(lead, '2026-02-01T00:00:00Z')).toMatchObject({
      resourceType: 'DetectedIssue',
      status: 'preliminary',
      patient: { reference: 'Patient/p1' },
      implicated: [{ reference: expect.stringMatching(/^MedicationDispense\//) }],
    });
  });

  it('reads nothing out of a resource that lacks what a rule needs', () => {
    for (const resource of [
      null,
      7,
      {},
      { resourceType: 'Patient', id: 'x' },
      { resourceType: 'Claim', id: 'x' },
      { resourceType: 'MedicationDispense', id: 'x', whenHandedOver: 'soon' },
    ]) {
      expect(factOf(resource, tables)).toBeUndefined();
    }
  });
});
