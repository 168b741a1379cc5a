import { rootR4, rootR5 } from './fhir-base.ts';
import { type ActorReference, type ConsentRule, referenceOf } from './fhir-rule.ts';
import { isVerified, limitedTo, subjectOf } from './fhir-subject.ts';
import { type TimeSpan, timeSpan } from './fhir-time.ts';
import { type Faults, type FhirObject, isObject, knownMembers, objectsAt, textAt } from './fhir-values.ts';

/** A Consent as a rule. `given`: when it was made. */
export interface ConsentStatement {
  readonly id: string;
  readonly release: 'R4' | 'R5';
  readonly given?: TimeSpan;
  readonly root: ConsentRule;
  /** R5: who is bound by it and may act on it. Empty: not stated. */
  readonly grantees: readonly ActorReference[];
  /** False when it is said to be unverified: such a consent opens nothing. */
  readonly verified: boolean;
  /** Resources that travel inside it, by `#id`. */
  readonly contained: ReadonlyMap<string, FhirObject>;
}

export type ConsentReading =
  | { readonly kind: 'statement'; readonly statement: ConsentStatement }
  /** Not active, or not about access to data. */
  | { readonly kind: 'void'; readonly why: 'status' | 'scope' }
  /** Paths of what cannot be understood. */
  | { readonly kind: 'unreadable'; readonly faults: readonly string[] };

const inactive: ReadonlySet<string> = new Set([
  'draft',
  'proposed',
  'rejected',
  'inactive',
  'entered-in-error',
  'not-done',
  'unknown',
]);

const common = ['resourceType', 'meta', 'language', 'text', 'contained', 'identifier', 'status', 'category'];
const consentMembers: ReadonlySet<string> = new Set([
  ...common,
  ...['scope', 'patient', 'dateTime', 'performer', 'organization', 'policy', 'policyRule', 'provision'],
  ...['sourceAttachment', 'sourceReference', 'verification'],
  ...['subject', 'date', 'period', 'grantor', 'grantee', 'manager', 'controller', 'regulatoryBasis', 'policyBasis'],
  ...['policyText', 'decision'],
]);
/** What only R5 has, or writes differently. */
const isR5 = (consent: FhirObject): boolean =>
  ['decision', 'subject', 'grantor', 'grantee', 'controller', 'manager', 'policyBasis', 'policyText'].some(
    (name) => consent[name] !== undefined,
  ) || Array.isArray(consent.provision);

/** Elements of R4 that would state another base than the decision of R5. */
const mixed = (consent: FhirObject, release: 'R4' | 'R5'): readonly string[] =>
  release === 'R5' && consent.policyRule !== undefined ? ['policyRule'] : [];

const containedOf = (consent: FhirObject, faults: Faults): ReadonlyMap<string, FhirObject> => {
  const contained = new Map<string, FhirObject>();
  for (const resource of objectsAt(consent, 'contained', 'Consent', faults)) {
    if (typeof resource.id === 'string') contained.set(`#${resource.id}`, resource);
  }
  return contained;
};

/** modifierExtension and implicitRules change the meaning of what they stand on: they are not understood here. */
const modified = (value: unknown, path: string): readonly string[] => {
  if (Array.isArray(value)) return value.flatMap((one, index) => modified(one, `${path}[${index}]`));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    if (name === 'modifierExtension' || name === 'implicitRules') return [`${path}.${name}`];
    return name === 'contained' || name === 'text' ? [] : modified(inner, `${path}.${name}`);
  });
};

/** Reads a Consent of R4 or R5. Anything that cannot be understood makes the whole unreadable: it must then count as a deny. */
export const readConsent = (consent: FhirObject): ConsentReading => {
  const faults: Faults = [];
  const status = consent.status;
  if (typeof status === 'string' && inactive.has(status)) return { kind: 'void', why: 'status' };
  if (status !== 'active') faults.push('Consent.status');
  const subject = subjectOf(consent, faults);
  if (faults.length === 0 && subject.kind === 'other') return { kind: 'void', why: 'scope' };
  knownMembers(consent, consentMembers, 'Consent', faults);
  faults.push(...modified(consent, 'Consent'));
  const release = isR5(consent) ? 'R5' : 'R4';
  faults.push(...mixed(consent, release).map((name) => `Consent.${name}`));
  const grantees = objectsAt(consent, 'grantee', 'Consent', faults).map((one) =>
    referenceOf(one, 'Consent.grantee', faults),
  );
  const dated = consent.date === undefined ? 'dateTime' : 'date';
  const date = textAt(consent, dated, 'Consent', faults);
  const given = date === undefined ? undefined : timeSpan(date);
  if (date !== undefined && given === undefined) faults.push(`Consent.${dated}`);
  const root = limitedTo(release === 'R5' ? rootR5(consent, faults) : rootR4(consent, faults), subject);
  const verified = isVerified(consent, faults);
  const contained = containedOf(consent, faults);
  if (faults.length > 0) return { kind: 'unreadable', faults };
  const id = typeof consent.id === 'string' ? `Consent/${consent.id}` : 'Consent';
  return {
    kind: 'statement',
    statement: { id, release, ...(given === undefined ? {} : { given }), root, grantees, verified, contained },
  };
};
