import type { Claim, Dispense, Fact, Visit } from './facts.ts';

export const leadRules = [
  'doctor-shopping',
  'early-refill',
  'overlapping-opioids',
  'high-dose',
  'impossible-day',
  'claim-without-encounter',
  'duplicate-claim',
] as const;
export type LeadRule = (typeof leadRules)[number];

/** Something for a person to look at; never a reason to deny anything by itself. */
export interface Lead {
  readonly rule: LeadRule;
  /** `Patient/..` or `Practitioner/..`: whom it is about. */
  readonly about: string;
  readonly figures: Readonly<Record<string, number>>;
  readonly sentence: string;
  /** The resources it was drawn from. */
  readonly evidence: readonly string[];
}

/** The usual thresholds, each from the literature named in the documentation; an operator may set others. */
export interface LeadLimits {
  readonly shoppingPrescribers: number;
  readonly shoppingPharmacies: number;
  readonly shoppingDays: number;
  /** Share of the supply that must be used before a refill is in time. */
  readonly refillShare: number;
  readonly refillTimes: number;
  readonly mmePerDay: number;
  readonly dayMinutes: number;
}

export const usualLeadLimits: LeadLimits = {
  shoppingPrescribers: 4,
  shoppingPharmacies: 4,
  shoppingDays: 180,
  refillShare: 0.75,
  refillTimes: 3,
  mmePerDay: 90,
  dayMinutes: 16 * 60,
};

const DAY = 86_400_000;
const round = (value: number): number => Math.round(value * 10) / 10;
const endOf = ({ at, daysSupply = 0 }: Dispense): number => at + daysSupply * DAY;
const referencesOf = (facts: readonly Fact[]): string[] => facts.map(({ reference }) => reference);

const groupBy = <Item>(items: readonly Item[], keyOf: (item: Item) => string | undefined): Map<string, Item[]> => {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
};

const distinct = (values: readonly (string | undefined)[]): number =>
  new Set(values.filter((value) => value !== undefined)).size;

/** The window with the most prescribers; PQA: four of each within 180 days. */
const doctorShopping = (patient: string, opioids: readonly Dispense[], limits: LeadLimits): Lead[] => {
  for (const [i, first] of opioids.entries()) {
    const window = opioids.slice(i).filter(({ at }) => at - first.at <= limits.shoppingDays * DAY);
    const prescribers = distinct(window.map(({ prescriber }) => prescriber));
    const pharmacies = distinct(window.map(({ pharmacy }) => pharmacy));
    if (prescribers < limits.shoppingPrescribers || pharmacies < limits.shoppingPharmacies) continue;
    return [
      {
        rule: 'doctor-shopping',
        about: patient,
        figures: { prescribers, pharmacies, days: limits.shoppingDays },
        sentence: `Opioids from ${prescribers} prescribers at ${pharmacies} pharmacies within ${limits.shoppingDays} days.`,
        evidence: referencesOf(window),
      },
    ];
  }
  return [];
};

const earlyRefills = (patient: string, dispenses: readonly Dispense[], limits: LeadLimits): Lead[] =>
  [...groupBy(dispenses, ({ code }) => code)].flatMap(([, same]) => {
    const early = same.filter((next, i) => {
      const before = same[i - 1];
      if (before?.daysSupply === undefined || before.daysSupply <= 0) return false;
      return next.at - before.at < before.daysSupply * limits.refillShare * DAY;
    });
    const recent = early.filter(({ at }) => (early.at(-1)?.at ?? at) - at <= limits.shoppingDays * DAY);
    if (recent.length < limits.refillTimes) return [];
    const figures = { refills: recent.length, share: limits.refillShare };
    return [
      {
        rule: 'early-refill' as const,
        about: patient,
        figures,
        sentence: `${recent.length} refills before ${limits.refillShare * 100} % of the supply could be used.`,
        evidence: referencesOf(recent),
      },
    ];
  });

const overlappingOpioids = (patient: string, opioids: readonly Dispense[]): Lead[] => {
  const overlapping = opioids.flatMap((later, i) =>
    opioids
      .slice(0, i)
      .filter((earlier) => earlier.prescriber !== later.prescriber && later.at < endOf(earlier) - DAY)
      .map((earlier) => ({ earlier, later, days: (Math.min(endOf(earlier), endOf(later)) - later.at) / DAY })),
  );
  if (overlapping.length === 0) return [];
  const days = round(Math.max(...overlapping.map((one) => one.days)));
  return [
    {
      rule: 'overlapping-opioids',
      about: patient,
      figures: { pairs: overlapping.length, days },
      sentence: `Opioids of different prescribers overlap ${overlapping.length} times, for up to ${days} days.`,
      evidence: [...new Set(overlapping.flatMap(({ earlier, later }) => [earlier.reference, later.reference]))],
    },
  ];
};

/** The highest sum of what runs at once. */
const highDose = (patient: string, opioids: readonly Dispense[], limits: LeadLimits): Lead[] => {
  let worst: { readonly dose: number; readonly running: readonly Dispense[] } = { dose: 0, running: [] };
  for (const { at } of opioids) {
    const running = opioids.filter((one) => one.at <= at && at < endOf(one));
    const dose = running.reduce((sum, { mmePerDay = 0 }) => sum + mmePerDay, 0);
    if (dose > worst.dose) worst = { dose, running };
  }
  if (worst.dose <= limits.mmePerDay) return [];
  const mme = round(worst.dose);
  return [
    {
      rule: 'high-dose',
      about: patient,
      figures: { mmePerDay: mme, limit: limits.mmePerDay },
      sentence: `${mme} morphine milligram equivalents a day, over ${limits.mmePerDay}.`,
      evidence: referencesOf(worst.running),
    },
  ];
};

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);

const impossibleDays = (provider: string, claims: readonly Claim[], limits: LeadLimits): Lead[] =>
  [...groupBy(claims, ({ at }) => dayOf(at))].flatMap(([day, same]) => {
    const minutes = same.flatMap(({ items }) => items).reduce((sum, item) => sum + (item.minutes ?? 0), 0);
    if (minutes <= limits.dayMinutes) return [];
    return [
      {
        rule: 'impossible-day' as const,
        about: provider,
        figures: { minutes, claims: same.length },
        sentence: `${round(minutes / 60)} hours of services billed for ${day}.`,
        evidence: referencesOf(same),
      },
    ];
  });

const withoutEncounter = (claims: readonly Claim[], visits: readonly Visit[]): Lead[] => {
  const known = new Set(visits.map(({ reference }) => reference));
  const byPatient = groupBy(visits, ({ patient }) => patient);
  return claims
    .filter(({ encounters, patient, at }) => {
      if (encounters.length > 0) return encounters.every((reference) => !known.has(reference));
      return !(byPatient.get(patient) ?? []).some(({ start, end }) => at >= start - DAY && at <= end + DAY);
    })
    .map(({ reference, provider, patient }) => ({
      rule: 'claim-without-encounter' as const,
      about: provider ?? patient,
      figures: { claims: 1 },
      sentence: 'A claim for a service of which no encounter is on record.',
      evidence: [reference],
    }));
};

const duplicates = (claims: readonly Claim[]): Lead[] => {
  const keyOf = ({ patient, provider, at, items, total }: Claim): string =>
    JSON.stringify([patient, provider, dayOf(at), items.map(({ code }) => code).sort(), total]);
  return [...groupBy(claims, keyOf)].flatMap(([, same]) => {
    const [first] = same;
    if (first === undefined || same.length < 2) return [];
    return [
      {
        rule: 'duplicate-claim' as const,
        about: first.provider ?? first.patient,
        figures: { claims: same.length },
        sentence: `${same.length} claims of one day name the same patient, services and sum.`,
        evidence: referencesOf(same),
      },
    ];
  });
};

/** Every lead in the facts, rule by rule. The order of the facts does not matter. */
export const findLeads = (facts: readonly Fact[], limits: LeadLimits = usualLeadLimits): Lead[] => {
  const inTime = [...facts].sort((a, b) => ('at' in a ? a.at : a.start) - ('at' in b ? b.at : b.start));
  const dispenses = inTime.filter((fact) => fact.kind === 'dispense');
  const claims = inTime.filter((fact) => fact.kind === 'claim');
  const visits = inTime.filter((fact) => fact.kind === 'visit');
  const byPatient = [...groupBy(dispenses, ({ patient }) => patient)];
  return [
    ...byPatient.flatMap(([patient, all]) => {
      const opioids = all.filter(({ opioid }) => opioid);
      return [
        ...doctorShopping(patient, opioids, limits),
        ...earlyRefills(patient, all, limits),
        ...overlappingOpioids(patient, opioids),
        ...highDose(patient, opioids, limits),
      ];
    }),
    ...[...groupBy(claims, ({ provider }) => provider)].flatMap(([provider, all]) =>
      impossibleDays(provider, all, limits),
    ),
    ...withoutEncounter(claims, visits),
    ...duplicates(claims),
  ];
};

/** FHIR R4 DetectedIssue: preliminary, since a person decides. */
export const detectedIssueOf = (lead: Lead, identified: string): object => ({
  resourceType: 'DetectedIssue',
  status: 'preliminary',
  code: { coding: [{ system: 'urn:consentry:lead', code: lead.rule }], text: lead.sentence },
  ...(lead.about.startsWith('Patient/') ? { patient: { reference: lead.about } } : {}),
  identifiedDateTime: identified,
  implicated: lead.evidence.map((reference) => ({ reference })),
  detail: lead.sentence,
});
