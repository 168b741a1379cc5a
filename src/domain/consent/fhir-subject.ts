import type { ConsentRule } from './fhir-rule.ts';
import { type Concept, conceptOf, type Faults, type FhirObject, objectAt, objectsAt } from './fhir-values.ts';

/** What a Consent is about, by its scope (R4) or its categories. `purpose`: it speaks of this purpose of use alone. */
export type ConsentSubject =
  | { readonly kind: 'access' }
  | { readonly kind: 'other' }
  | { readonly kind: 'purpose'; readonly purpose: 'HRESCH' | 'ETREAT' };

/** consentscope: consents to a treatment and advance directives are not about access to data. */
const otherScopes: ReadonlySet<string> = new Set(['treatment', 'adr']);

/** consentcategorycodes and LOINC: directives of care, which R5 tells apart by category alone. */
const otherCategories: ReadonlySet<string> = new Set(['acd', 'dnr', 'hcd', 'polst', '42348-3', '75320-2']);
const researchCategories: ReadonlySet<string> = new Set(['research', 'rsdid', 'rsreid']);

const access: ConsentSubject = { kind: 'access' };

const everyCode = (concepts: readonly Concept[], listed: (code: string) => boolean): boolean =>
  concepts.length > 0 && concepts.every(({ codes }) => codes.length > 0 && codes.every(({ code }) => listed(code)));

export const subjectOf = (consent: FhirObject, faults: Faults): ConsentSubject => {
  const scope = objectAt(consent, 'scope', 'Consent', faults);
  const categories = objectsAt(consent, 'category', 'Consent', faults).map((one) =>
    conceptOf(one, 'Consent.category', []),
  );
  if (scope !== undefined) {
    const stated = [conceptOf(scope, 'Consent.scope', [])];
    if (everyCode(stated, (code) => otherScopes.has(code))) return { kind: 'other' };
    if (everyCode(stated, (code) => code === 'research')) return { kind: 'purpose', purpose: 'HRESCH' };
    return access;
  }
  if (everyCode(categories, (code) => otherCategories.has(code))) return { kind: 'other' };
  if (everyCode(categories, (code) => researchCategories.has(code))) return { kind: 'purpose', purpose: 'HRESCH' };
  if (everyCode(categories, (code) => code === 'emrgonly')) return { kind: 'purpose', purpose: 'ETREAT' };
  return access;
};

/** A consent to research opens nothing for treatment. One for emergencies only is silent on them when it refuses the rest. */
export const limitedTo = (root: ConsentRule, subject: ConsentSubject): ConsentRule => {
  if (subject.kind !== 'purpose' || root.purposes.length > 0) return root;
  if (subject.purpose === 'ETREAT' && root.effect !== 'permit') return root;
  return { ...root, purposes: [{ codes: [{ code: subject.purpose }] }] };
};

/** Consent.verification.verified: "Has the instruction been verified". One yes is enough; without any entry it is not asked. */
export const isVerified = (consent: FhirObject, faults: Faults): boolean => {
  const entries = objectsAt(consent, 'verification', 'Consent', faults);
  for (const { verified } of entries) if (typeof verified !== 'boolean') faults.push('Consent.verification.verified');
  return entries.length === 0 || entries.some(({ verified }) => verified === true);
};
