import { at } from './feature-schema.ts';
import type { Look } from './features.ts';
import type { RiskPolicy } from './risk-policy.ts';

export interface RuleHit {
  readonly rule: string;
  /** 0 ... 1: how much this alone says. */
  readonly severity: number;
  readonly text: string;
}

const round = (value: number): number => Math.round(value);

/**
 * Signs beside volume that a run of records is being harvested rather than worked through. What callers do can also be a test or a
 * clumsy program; who they seem to be can also be a new telephone: only both together lower the bar far.
 */
const harvestSigns = (look: Look, policy: RiskPolicy): { readonly conduct: boolean; readonly identity: boolean } => {
  const { evidence: e, vector: v } = look;
  const limits = policy.enumeration;
  const novelty = Math.max(v[at.newClient] as number, v[at.newPlace] as number, v[at.newDevice] as number);
  return {
    conduct:
      e.broadHour >= limits.broadSearches ||
      e.probesHour >= limits.broadSearches ||
      e.deniedHour >= limits.refusals ||
      e.run >= limits.sequence,
    identity: e.strangeClient || novelty > 0.5 || v[at.offShift] === 1,
  };
};

/**
 * Many different patients without a link, within about an hour. It counts patients, never calls: reading the same records at any
 * rate adds nothing. Patients of whom nothing is on record count little, for in a fresh house that is everybody.
 */
export const enumeration = (
  look: Look,
  policy: RiskPolicy,
): { readonly patients: number; readonly level: number; readonly signs: number } => {
  const { evidence } = look;
  const { conduct, identity } = harvestSigns(look, policy);
  const signs = (conduct ? 1 : 0) + (identity ? 1 : 0);
  // Where no relation of anybody is on record, having none says nothing.
  const share = !evidence.contextKnown ? 0.1 : signs > 0 ? 1 : 0.25;
  // An application that nobody registered has no business with patients of whom nobody knows anything either.
  // (Without any context each was counted half.)
  const full = evidence.contextKnown ? 1 : 2;
  const unknown = evidence.strangeClient && conduct ? full : policy.enumeration.unknownWeight * share;
  const weight = evidence.automated ? policy.enumeration.automatedWeight : 1;
  const patients = (evidence.strangersHour + evidence.unknownHour * unknown) * weight;
  const ladder =
    policy.enumeration.patientsHour[Math.min(signs, policy.enumeration.patientsHour.length - 1)] ??
    Number.POSITIVE_INFINITY;
  return { patients, level: patients / ladder, signs };
};

/** Named, deterministic, each with its sentence. They are a baseline, one head of the score, and the only way to a block. */
export const ruleHits = (look: Look, policy: RiskPolicy): RuleHit[] => {
  const { vector: v, evidence: e } = look;
  const hits: RuleHit[] = [];
  const hit = (rule: string, severity: number, text: string): void => {
    if (severity > 0.05) hits.push({ rule, severity: Math.min(0.99, severity), text });
  };
  const bare = v[at.unexplained] as number;
  const harvest = enumeration(look, policy);
  if (!look.documented && harvest.patients >= 4 && (v[at.unexplainedHour] as number) > 0.4)
    hit(
      'enumeration',
      Math.min(1, harvest.level),
      `${round(e.strangersHour + e.unknownHour)} different patients within the hour without a link, with ${harvest.signs} of 2 further kinds of signs of harvesting.`,
    );
  if (bare > 0.5) {
    const link = v[at.linkUnexplained] as number;
    hit(
      'private-link',
      link * 0.55,
      'A private link to the patient (family, neighbour, colleague or public interest) and no professional one.',
    );
    if ((v[at.offShift] as number) === 1 || (v[at.hourOwn] as number) > 0.75)
      hit(
        'odd-hour',
        0.3 + 0.2 * link,
        'A record without a link, opened off shift or at an hour the user is seldom active.',
      );
    hit(
      'return',
      (v[at.pairRepeat] as number) > 0.5 ? 0.45 : 0,
      'The user returns to a record without a link on several days.',
    );
    hit(
      'many-new-places',
      (v[at.newPlace] as number) + (v[at.newDevice] as number) > 0.9 ? 0.45 : 0,
      'A record without a link, from a device and network new to the user.',
    );
    hit(
      'found-by-name',
      (v[at.openedFromSearch] as number) * (0.15 + 0.4 * link),
      'A record without a link, found by searching for a name.',
    );
  }
  hit(
    'decoy-link',
    (v[at.decoy] as number) * 0.6,
    'The only link was made by the user within the day before, or was cancelled.',
  );
  hit(
    'slow-drip',
    !look.explained && Math.max(v[at.unexplainedMonth] as number, v[at.unexplainedQuarter] as number) > 0.5 ? 0.4 : 0,
    'More records without a link over weeks than colleagues open.',
  );
  hit(
    'emergency-habit',
    (v[at.breakGlass] as number) * ((v[at.breakGlassRate] as number) > 0.5 ? 0.55 : 0.1),
    'Emergency access more often than colleagues.',
  );
  hit('former-staff', (v[at.notEmployed] as number) * 0.9, 'The account of a person who is not employed at that time.');
  hit('service-as-person', (v[at.serviceAsPerson] as number) > 0.5 ? 0.6 : 0, 'A service account used like a person.');
  hit(
    'export',
    (v[at.export] as number) === 1 && (v[at.interactionRarity] as number) > 0.4 ? 0.5 : 0,
    'An export by somebody whose role seldom exports.',
  );
  if (e.listedHour >= 100 && !e.automated && !look.explained)
    hit(
      'listing',
      (v[at.listed] as number) > 0.4 ? 0.5 : 0,
      `Search answers listed some ${round(e.listedHour)} patients without a link within the hour.`,
    );
  hit(
    'probing',
    (v[at.probing] as number) > 0.6 ? 0.35 : 0,
    'Search after search for people without opening a record.',
  );
  hit(
    'two-places',
    (v[at.twoPlaces] as number) > 0.6 && bare > 0.5 ? 0.4 : 0,
    'The account is active in two networks at once.',
  );
  return hits;
};

/** Noisy-or: independent grounds add up, none alone reaches certainty. */
export const ruleScore = (hits: readonly RuleHit[]): number => {
  let pass = 1;
  for (const found of hits) pass *= 1 - found.severity;
  return 1 - pass;
};
