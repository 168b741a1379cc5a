import { classBit, sensitiveLabels } from './bits.ts';
import type { Truth } from './fhir-actor.ts';
import type { Effect, RuleData } from './fhir-rule.ts';
import type { TimeSpan } from './fhir-time.ts';
import { type Code, type FhirObject, isObject, sameCode } from './fhir-values.ts';
import { labelClosure } from './labels.ts';
import type { ResourceFacts } from './match.ts';
import { type FhirReference, fhirReference, sameReference } from './reference.ts';

/** The resource asked for, as far as rules speak of data. */
export interface FhirContent {
  isType(code: Code): Truth;
  isClass(code: Code): Truth;
  hasCode(code: Code): Truth;
  hasLabel(code: Code, effect: Effect | undefined): Truth;
  isWithin(period: TimeSpan, effect: Effect | undefined): Truth;
  isData(data: RuleData): Truth;
}

/** v3-Confidentiality from the least to the most confidential. */
const confidentiality = ['U', 'L', 'M', 'N', 'R', 'V'];
/** Unlabelled data is `N`; data whose codes imply a sensitive label is `R`. */
const normal = confidentiality.indexOf('N');
const restricted = confidentiality.indexOf('R');

const typeSystems: ReadonlySet<string> = new Set([
  'http://hl7.org/fhir/resource-types',
  'http://hl7.org/fhir/fhir-types',
  'http://hl7.org/fhir/StructureDefinition',
]);

const definitions = 'http://hl7.org/fhir/StructureDefinition/';
/** Content types (R4 value set consent-content-class). */
const mimeSystem = 'urn:ietf:bcp:13';

/** The data classes of this product as codes. */
export const dataClassSystem = 'urn:consentry:data-class';

const truth = (value: boolean): Truth => (value ? 'yes' : 'no');

const codeIn = (value: FhirObject): Code | undefined => {
  if (typeof value.code !== 'string') return undefined;
  return typeof value.system === 'string' ? { system: value.system, code: value.code } : { code: value.code };
};

/** Every Coding of the resource but its labels and tags. */
const codingsOf = (value: unknown, found: Code[]): Code[] => {
  if (Array.isArray(value)) for (const one of value) codingsOf(one, found);
  else if (isObject(value)) {
    const code = codeIn(value);
    if (code !== undefined) found.push(code);
    for (const [name, inner] of Object.entries(value)) if (name !== 'meta') codingsOf(inner, found);
  }
  return found;
};

/** `contentType` of the resource itself (Binary) and of its attachments. */
const contentTypes = (value: unknown): readonly string[] => {
  if (Array.isArray(value)) return value.flatMap(contentTypes);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === 'contentType' && typeof inner === 'string' ? [inner] : contentTypes(inner),
  );
};

/** References by the name of the member that holds them. */
export const referencesOf = (
  value: unknown,
  name = '',
  found: { readonly member: string; readonly reference: FhirReference }[] = [],
): readonly { readonly member: string; readonly reference: FhirReference }[] => {
  if (Array.isArray(value)) for (const one of value) referencesOf(one, name, found);
  else if (isObject(value)) {
    const reference = typeof value.reference === 'string' ? fhirReference(value.reference) : undefined;
    if (reference !== undefined) found.push({ member: name, reference });
    for (const [member, inner] of Object.entries(value)) {
      if (member !== 'meta') referencesOf(inner, member === 'actor' || member === 'who' ? name : member, found);
    }
  }
  return found;
};

/** Members that name who made a record. */
const authors: ReadonlySet<string> = new Set([
  ...['author', 'performer', 'asserter', 'recorder', 'requester', 'informationSource', 'resultsInterpreter'],
  ...['authenticator', 'attester', 'party', 'prescriber', 'enterer', 'agent', 'sender', 'creator', 'provider'],
]);
/** Members that name who took part, and may have made the record. */
const participants: ReadonlySet<string> = new Set([
  ...['participant', 'individual', 'serviceProvider', 'custodian', 'operator', 'interpreter', 'dispenser', 'source'],
]);

const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((here, name) => (isObject(here) ? here[name] : undefined), value);

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export interface ContentOptions {
  readonly resource: FhirObject;
  /** Classes and labels, those implied by codes too. */
  readonly facts: ResourceFacts;
  readonly span: TimeSpan | undefined;
  /** Resources at hand, to follow a reference of a rule. */
  readonly known: ReadonlyMap<string, FhirObject>;
}

export const fhirContent = ({ resource, facts, span, known }: ContentOptions): FhirContent => {
  const type = typeof resource.resourceType === 'string' ? resource.resourceType : '';
  const self = typeof resource.id === 'string' ? fhirReference(`${type}/${resource.id}`) : undefined;
  const security = list(at(resource, 'meta', 'security'))
    .filter(isObject)
    .map(codeIn)
    .filter((one) => one !== undefined);
  const profiles = list(at(resource, 'meta', 'profile')).filter((one) => typeof one === 'string');
  let codes: readonly Code[] | undefined;
  let references: ReturnType<typeof referencesOf> | undefined;
  const codings = (): readonly Code[] => {
    codes ??= codingsOf(resource, []);
    return codes;
  };
  const refersTo = (wanted: FhirReference): boolean => {
    references ??= referencesOf(resource);
    return references.some(({ reference }) => sameReference(reference, wanted));
  };
  const levels = security.map(({ code }) => confidentiality.indexOf(code)).filter((level) => level >= 0);
  const level = Math.max(
    ...(levels.length === 0 ? [normal] : levels),
    (facts.labels & sensitiveLabels) === 0 ? 0 : restricted,
  );

  const isType = ({ system, code }: Code): Truth => {
    // The base definition of a type stands for the type in whatever system its address is given (urn:ietf:rfc:3986).
    if (code.startsWith(definitions)) return truth(code.slice(definitions.length) === type);
    return truth(code === type && (system === undefined || typeSystems.has(system)));
  };

  return {
    isType,
    isClass(code) {
      if (code.system === dataClassSystem) return truth((facts.classes & classBit(code.code)) !== 0);
      if (isType(code) === 'yes' || profiles.some((profile) => profile.split('|')[0] === code.code)) return 'yes';
      if (code.system === mimeSystem) return truth(contentTypes(resource).includes(code.code));
      // Document types: what kind of document or report it is.
      return truth(
        ['type', 'category', 'class', 'code'].some((name) =>
          codingsOf(resource[name], []).some((one) => sameCode(one, code)),
        ),
      );
    },
    hasCode: (code) => truth(codings().some((one) => sameCode(one, code))),
    hasLabel(label, effect) {
      const wanted = confidentiality.indexOf(label.code);
      // A high-water mark (FHIR R4 Consent.provision.securityLabel): a permit reaches up to it, a deny from it on.
      if (wanted >= 0 && !label.system?.endsWith('v3-ActCode')) {
        return truth(effect === 'deny' ? level >= wanted : level <= wanted);
      }
      if (security.some((one) => sameCode(one, label))) return 'yes';
      return truth((facts.labels & labelClosure(label.code)) !== 0);
    },
    isWithin(period, effect) {
      if (span === undefined) return 'unknown';
      const { from, until } = span;
      // A permit must cover the whole; a deny needs to touch it.
      if (effect === 'deny') return truth(from < period.until && until > period.from);
      return truth(from >= period.from && until <= period.until);
    },
    isData({ meaning, reference }) {
      const wanted = reference.reference === undefined ? undefined : fhirReference(reference.reference);
      if (wanted === undefined) return 'unknown';
      const isIt = self !== undefined && sameReference(self, wanted);
      switch (meaning) {
        case 'instance':
          return truth(isIt);
        case 'dependents':
          return truth(isIt || refersTo(wanted));
        case 'related': {
          if (isIt) return 'yes';
          const instance = known.get(wanted.name);
          // Without the instance, what it refers to cannot be told.
          if (instance === undefined) return refersTo(wanted) ? 'unknown' : 'no';
          return truth(self !== undefined && referencesOf(instance).some((one) => sameReference(one.reference, self)));
        }
        case 'authoredby': {
          references ??= referencesOf(resource);
          const members = references.filter((one) => sameReference(one.reference, wanted)).map((one) => one.member);
          if (members.some((one) => authors.has(one))) return 'yes';
          return members.some((one) => participants.has(one)) ? 'unknown' : 'no';
        }
      }
    },
  };
};
