import { type ConsentActor, isGrantee } from './actor.ts';
import { noOverride } from './bits.ts';
import { type ConsentView, type EpochSeconds, type Grant, grantConditions } from './grant.ts';

/** What a resource is, for a decision: made by the data classes and labels, once per resource. */
export interface ResourceFacts {
  /** Never 0: what no rule classifies is `other`. */
  readonly classes: number;
  readonly labels: number;
  /** When the care happened or was written down, both ends inclusive; absent: the resource does not say. */
  readonly dates?: { readonly from: EpochSeconds; readonly to: EpochSeconds };
}

/**
 * How far a grant got before it failed to fit; the order is that of the tests, so the furthest is the most telling.
 * The registry's `check` tests the same things.
 */
export const FIT = {
  grantee: 0,
  purpose: 1,
  action: 2,
  notYet: 3,
  expired: 4,
  class: 5,
  label: 6,
  date: 7,
  condition: 8,
  whole: 9,
} as const;
export type Fit = (typeof FIT)[keyof typeof FIT];

/** A permit must cover all that the resource is; a deny needs to touch any of it. Unknown dates fail a permit and not a deny. */
const fitsDates = (grant: Grant, dates: ResourceFacts['dates']): boolean => {
  if (grant.dataFrom === 0 && grant.dataUntil === 0) return true;
  const deny = grant.effect === 'deny';
  if (dates === undefined) return deny;
  const startsLate = grant.dataFrom !== 0 && (deny ? dates.to : dates.from) < grant.dataFrom;
  const endsEarly = grant.dataUntil !== 0 && (deny ? dates.from : dates.to) >= grant.dataUntil;
  return !startsLate && !endsEarly;
};

const isAttested = (view: ConsentView, grant: Grant, now: EpochSeconds): boolean => {
  for (const [bit, condition] of grantConditions.entries()) {
    if ((grant.conditions & (2 ** bit)) === 0) continue;
    const until = view.attested(grant.id, condition);
    if (until === undefined || until <= now) return false;
  }
  return true;
};

/** Who, why, what and when: the part of a grant that can be tested before any resource is seen. */
const fitCall = (grant: Grant, actor: ConsentActor, purpose: number, action: number, now: EpochSeconds): Fit => {
  if (!isGrantee(actor, grant.granteeKind, grant.grantee)) return FIT.grantee;
  if (grant.purposes !== 0 && (grant.purposes & purpose) === 0) return FIT.purpose;
  if (grant.actions !== 0 && (grant.actions & action) === 0) return FIT.action;
  if (now < grant.from) return FIT.notYet;
  if (grant.until !== 0 && now >= grant.until) return FIT.expired;
  return FIT.whole;
};

/** Bits of purpose and action as `purposeBit` and `actionBit` give them. */
export const fitResource = (
  view: ConsentView,
  grant: Grant,
  actor: ConsentActor,
  purpose: number,
  action: number,
  now: EpochSeconds,
  resource: ResourceFacts,
): Fit => {
  const fit = fitCall(grant, actor, purpose, action, now);
  if (fit !== FIT.whole) return fit;
  if (grant.effect === 'deny') {
    // The conditions of a deny are ignored: a missing attestation must not open what the patient closed.
    if (grant.classes !== 0 && (grant.classes & resource.classes) === 0) return FIT.class;
    if (grant.labels !== 0 && (grant.labels & resource.labels) === 0) return FIT.label;
    return fitsDates(grant, resource.dates) ? FIT.whole : FIT.date;
  }
  if (grant.classes !== 0 && (resource.classes & ~grant.classes) !== 0) return FIT.class;
  if ((resource.labels & ~noOverride & ~grant.labels) !== 0) return FIT.label;
  if (!fitsDates(grant, resource.dates)) return FIT.date;
  return grant.conditions === 0 || isAttested(view, grant, now) ? FIT.whole : FIT.condition;
};

/**
 * Before the call: could the grant open, or does it close, anything of these classes? A deny counts only when it is
 * sure to close every resource.
 */
export const fitBefore = (
  view: ConsentView,
  grant: Grant,
  actor: ConsentActor,
  purpose: number,
  action: number,
  now: EpochSeconds,
  possible: number,
): Fit => {
  const fit = fitCall(grant, actor, purpose, action, now);
  if (fit !== FIT.whole) return fit;
  if (grant.effect === 'deny') {
    if (grant.classes !== 0 && (possible & ~grant.classes) !== 0) return FIT.class;
    if (grant.labels !== 0) return FIT.label;
    return grant.dataFrom === 0 && grant.dataUntil === 0 ? FIT.whole : FIT.date;
  }
  if (grant.classes !== 0 && (grant.classes & possible) === 0) return FIT.class;
  return grant.conditions === 0 || isAttested(view, grant, now) ? FIT.whole : FIT.condition;
};
