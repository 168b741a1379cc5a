import type { PatientFacts, Relation, RelationKind } from './context.ts';
import { DAY } from './time.ts';

/** How the patient stood to the user and to the house at that moment; the order is that of the feature statistics. */
export const standings = [
  'direct-now',
  'direct-past',
  'department-now',
  'department-past',
  'elsewhere-now',
  'elsewhere-recent',
  'elsewhere-booked',
  'elsewhere-old',
  'unknown',
] as const;

export interface Explanation {
  readonly code: string;
  readonly text: string;
}

export interface Related {
  /** Index into `standings`. */
  readonly standing: number;
  /** 0 nothing documented ... 1 treating right now. */
  readonly strength: number;
  /** Days since the nearest relation of the user ended; 0 while it lasts, 999 without one. */
  readonly days: number;
  readonly explanation: Explanation | undefined;
  /** The only relation was recorded by the user within the day before, or was cancelled. */
  readonly decoy: boolean;
  /** Department of the patient's newest relation at that time. */
  readonly department: string | undefined;
}

/** Days before its start and after its end in which a relation still explains an access. */
const reach: Readonly<
  Record<RelationKind, { readonly before: number; readonly own: number; readonly shared: number }>
> = {
  encounter: { before: 3, own: 90, shared: 30 },
  appointment: { before: 14, own: 60, shared: 21 },
  careteam: { before: 3, own: 30, shared: 14 },
  referral: { before: 1, own: 60, shared: 30 },
  order: { before: 1, own: 45, shared: 21 },
};

const nouns: Readonly<Record<RelationKind, string>> = {
  encounter: 'encounter',
  appointment: 'appointment',
  careteam: 'care team',
  referral: 'referral',
  order: 'order',
};

const SELF_RECORDED = DAY;

const isDecoy = (relation: Relation, user: string, time: number): boolean =>
  relation.recordedBy === user && time - relation.recordedAt < SELF_RECORDED;

/** Cached sentences: the same few combinations return for every event. */
const sentences = new Map<string, Explanation>();
const sentence = (bond: 'own' | 'shared' | 'shift', kind: RelationKind, days: number): Explanation => {
  const when = days <= 0 ? 'now' : days <= 30 ? 'within 30 days' : 'within 90 days';
  const key = `${bond}-${kind}-${when}`;
  let found = sentences.get(key);
  if (found === undefined) {
    const who =
      bond === 'own'
        ? `The user takes part in an ${nouns[kind]} of the patient`
            .replace('an care', 'a care')
            .replace('an ref', 'a ref')
        : bond === 'shared'
          ? `The patient has an ${nouns[kind]} in the user's department`
              .replace('an care', 'a care')
              .replace('an ref', 'a ref')
          : `The patient has an ${nouns[kind]} in the department of the user's shift`
              .replace('an care', 'a care')
              .replace('an ref', 'a ref');
    found = {
      code: `${bond === 'own' ? '' : bond === 'shared' ? 'department-' : 'shift-'}${kind}`,
      text: `${who} (${when}; source: ${nouns[kind]} record).`,
    };
    sentences.set(key, found);
  }
  return found;
};

/** Where the user may be working at that moment: as the event says, as the staff list says, as the shift says. */
export interface Departments {
  readonly told: string | undefined;
  readonly home: string | undefined;
  readonly shift: string | undefined;
}

const nothing: Related = {
  standing: standings.indexOf('unknown'),
  strength: 0,
  days: 999,
  explanation: undefined,
  decoy: false,
  department: undefined,
};

/**
 * The best documented link between a user and a patient at a time, from facts recorded by then.
 * At most `relationsPerPatient` facts are looked at, so the cost is bounded.
 */
export const relate = (
  facts: PatientFacts | undefined,
  user: string | undefined,
  departments: Departments,
  time: number,
): Related => {
  if (facts === undefined || facts.relations.length === 0) return nothing;
  let strength = 0;
  let bestDays = 999;
  let bond: 'own' | 'shared' | 'shift' | undefined;
  let kind: RelationKind = 'encounter';
  let direct = false;
  let decoys = 0;
  let elsewhere = 8;
  let newest: Relation | undefined;
  for (const relation of facts.relations) {
    if (relation.recordedAt > time) continue;
    const limits = reach[relation.kind];
    if (time < relation.start - limits.before * DAY) continue;
    const days = time <= relation.end ? 0 : (time - relation.end) / DAY;
    const mine = user !== undefined && relation.staff.includes(user);
    if (relation.cancelledAt <= time) {
      if (mine) decoys++;
      continue;
    }
    if (newest === undefined || relation.start > newest.start) newest = relation;
    if (user !== undefined && isDecoy(relation, user, time)) {
      // Who books for others makes such links all day; only one that names oneself is a decoy.
      if (mine) decoys++;
      continue;
    }
    if (mine) {
      if (days <= limits.own) {
        const value = days <= 0 ? 1 : days <= 14 ? 0.95 : days <= 30 ? 0.85 : 0.65;
        // What the user recorded about itself is worth less, however long ago.
        const worth = relation.recordedBy === user ? value * 0.9 : value;
        if (worth > strength || (worth === strength && !direct)) {
          strength = worth;
          bestDays = days;
          direct = true;
          bond = 'own';
          kind = relation.kind;
        }
        continue;
      }
    } else if (relation.department !== undefined && days <= limits.shared) {
      const shared = relation.department === departments.told || relation.department === departments.home;
      const onShift = relation.department === departments.shift;
      if (shared || onShift) {
        const value = days <= 0 ? 0.88 : days <= 3 ? 0.8 : days <= 14 ? 0.68 : 0.6;
        if (value > strength) {
          strength = value;
          bestDays = days;
          direct = false;
          bond = shared ? 'shared' : 'shift';
          kind = relation.kind;
        }
        continue;
      }
    }
    const standing = time < relation.start ? 6 : days <= 0 ? 4 : days <= 30 ? 5 : 7;
    if (standing < elsewhere) elsewhere = standing;
  }
  const standing = strength === 0 ? elsewhere : direct ? (bestDays <= 0 ? 0 : 1) : bestDays <= 0 ? 2 : 3;
  return {
    standing,
    strength,
    days: bestDays,
    explanation: bond === undefined ? undefined : sentence(bond, kind, bestDays),
    decoy: decoys > 0 && strength === 0,
    department: newest?.department,
  };
};
