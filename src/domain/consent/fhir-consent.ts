import { type TimeSpan, timeSpan } from './fhir-time.ts';
import {
  type Code,
  type Concept,
  codingOf,
  conceptOf,
  type Faults,
  type FhirObject,
  isObject,
  knownMembers,
  listAt,
  objectAt,
  objectsAt,
  textAt,
} from './fhir-values.ts';

export type Effect = 'permit' | 'deny';

/** A FHIR Reference: literal, logical (identifier), or only words. */
export interface ActorReference {
  readonly reference?: string;
  readonly identifier?: { readonly system?: string; readonly value: string };
}

export interface RuleActor {
  readonly role?: Concept;
  readonly reference?: ActorReference;
}

export const dataMeanings = ['instance', 'related', 'dependents', 'authoredby'] as const;

export interface RuleData {
  readonly meaning: (typeof dataMeanings)[number];
  readonly reference: ActorReference;
}

/** One rule and the exceptions to it. An absent criterion narrows nothing; exceptions apply only where the rule does. */
export interface ConsentRule {
  /** Of a base that cannot be told: undefined. */
  readonly effect: Effect | undefined;
  /** `provision.provision[0]`: names the rule in reasons. */
  readonly path: string;
  readonly period?: TimeSpan;
  readonly actors: readonly RuleActor[];
  readonly actions: readonly Concept[];
  readonly labels: readonly Concept[];
  readonly purposes: readonly Concept[];
  /** R4 class, R5 documentType. */
  readonly classes: readonly Concept[];
  /** R5 resourceType. */
  readonly types: readonly Concept[];
  readonly codes: readonly Concept[];
  readonly dataPeriod?: TimeSpan;
  readonly data: readonly RuleData[];
  /** R5 expression: cannot be evaluated here. */
  readonly expression: boolean;
  readonly exceptions: readonly ConsentRule[];
}

/** A Consent as a rule. `given`: when it was made. */
export interface ConsentStatement {
  readonly id: string;
  readonly release: 'R4' | 'R5';
  readonly given?: TimeSpan;
  readonly root: ConsentRule;
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
const provisionMembers: ReadonlySet<string> = new Set([
  ...['type', 'period', 'actor', 'action', 'securityLabel', 'purpose', 'class', 'code', 'dataPeriod', 'data'],
  ...['provision', 'documentType', 'resourceType', 'expression'],
]);

/** `undefined`: the period is a fault and was noted. An open side is infinite. */
const periodAt = (parent: FhirObject, name: string, path: string, faults: Faults): TimeSpan | undefined => {
  const period = objectAt(parent, name, path, faults);
  if (period === undefined) return undefined;
  const where = `${path}.${name}`;
  knownMembers(period, new Set(['start', 'end']), where, faults);
  const side = (end: string): TimeSpan | undefined => {
    const text = textAt(period, end, where, faults);
    const span = text === undefined ? undefined : timeSpan(text);
    if (text !== undefined && span === undefined) faults.push(`${where}.${end}`);
    return span;
  };
  const start = side('start');
  const end = side('end');
  if (start === undefined && end === undefined) faults.push(where);
  // FHIR per-1: start SHALL have a lower value than end.
  if (start !== undefined && end !== undefined && start.from >= end.until) faults.push(where);
  return { from: start?.from ?? Number.NEGATIVE_INFINITY, until: end?.until ?? Number.POSITIVE_INFINITY };
};

const referenceOf = (value: FhirObject, path: string, faults: Faults): ActorReference => {
  const reference = textAt(value, 'reference', path, faults);
  const identifier = objectAt(value, 'identifier', path, faults);
  const system = identifier === undefined ? undefined : textAt(identifier, 'system', `${path}.identifier`, faults);
  const id = identifier === undefined ? undefined : textAt(identifier, 'value', `${path}.identifier`, faults);
  return {
    ...(reference === undefined ? {} : { reference }),
    ...(id === undefined ? {} : { identifier: system === undefined ? { value: id } : { system, value: id } }),
  };
};

const actorOf = (value: FhirObject, path: string, faults: Faults): RuleActor => {
  knownMembers(value, new Set(['role', 'reference']), path, faults);
  const role = objectAt(value, 'role', path, faults);
  const reference = objectAt(value, 'reference', path, faults);
  if (role === undefined && reference === undefined) faults.push(path);
  return {
    ...(role === undefined ? {} : { role: conceptOf(role, `${path}.role`, faults) }),
    ...(reference === undefined ? {} : { reference: referenceOf(reference, `${path}.reference`, faults) }),
  };
};

const dataOf = (value: FhirObject, path: string, faults: Faults): RuleData => {
  knownMembers(value, new Set(['meaning', 'reference']), path, faults);
  const meaning = dataMeanings.find((one) => one === value.meaning);
  if (meaning === undefined) faults.push(`${path}.meaning`);
  const reference = objectAt(value, 'reference', path, faults);
  if (reference === undefined) faults.push(`${path}.reference`);
  return { meaning: meaning ?? 'instance', reference: referenceOf(reference ?? {}, `${path}.reference`, faults) };
};

const opposite = (effect: Effect): Effect => (effect === 'permit' ? 'deny' : 'permit');

const typeAt = (value: FhirObject, path: string, faults: Faults): Effect | undefined => {
  if (value.type === undefined) return undefined;
  if (value.type === 'permit' || value.type === 'deny') return value.type;
  faults.push(`${path}.type`);
  return undefined;
};

interface RuleContext {
  readonly release: 'R4' | 'R5';
  readonly faults: Faults;
}

const ruleOf = (value: FhirObject, effect: Effect | undefined, path: string, context: RuleContext): ConsentRule => {
  const { faults } = context;
  knownMembers(value, provisionMembers, path, faults);
  const period = periodAt(value, 'period', path, faults);
  const dataPeriod = periodAt(value, 'dataPeriod', path, faults);
  const concepts = (name: string): readonly Concept[] =>
    objectsAt(value, name, path, faults).map((one) => conceptOf(one, `${path}.${name}`, faults));
  const codings = (name: string): readonly Concept[] =>
    objectsAt(value, name, path, faults).map((one) => codingOf(one, `${path}.${name}`, faults));
  return {
    effect,
    path,
    ...(period === undefined ? {} : { period }),
    actors: objectsAt(value, 'actor', path, faults).map((one) => actorOf(one, `${path}.actor`, faults)),
    actions: concepts('action'),
    labels: codings('securityLabel'),
    purposes: codings('purpose'),
    classes: [...codings('class'), ...codings('documentType')],
    types: codings('resourceType'),
    codes: concepts('code'),
    ...(dataPeriod === undefined ? {} : { dataPeriod }),
    data: objectsAt(value, 'data', path, faults).map((one) => dataOf(one, `${path}.data`, faults)),
    expression: value.expression !== undefined,
    exceptions: exceptionsOf(value, effect, path, context),
  };
};

/** No exception at all is often written as an empty list; it narrows nothing. */
const nestedOf = (value: FhirObject, path: string, faults: Faults): readonly FhirObject[] =>
  Array.isArray(value.provision) && value.provision.length === 0 ? [] : objectsAt(value, 'provision', path, faults);

/** R4 states the type of each nested rule (required there); in R5 the effect alternates with each level. */
const exceptionsOf = (
  value: FhirObject,
  effect: Effect | undefined,
  path: string,
  context: RuleContext,
): readonly ConsentRule[] =>
  nestedOf(value, path, context.faults).map((inner, index) => {
    const where = `${path === '' ? '' : `${path}.`}provision[${index}]`;
    const stated = typeAt(inner, where, context.faults);
    const alternate = context.release === 'R5' && effect !== undefined ? opposite(effect) : undefined;
    if (context.release === 'R5' ? stated !== undefined && stated !== alternate : stated === undefined) {
      context.faults.push(`${where}.type`);
    }
    return ruleOf(inner, alternate ?? stated, where, context);
  });

/** v3-ActCode, ActConsentDirective, and the policies of STU3: what the base policy of an R4 Consent says. */
const directives: Readonly<Record<string, Effect>> = {
  'opt-in': 'permit',
  'opt-out': 'deny',
  OPTIN: 'permit',
  OPTINR: 'permit',
  IMPLIED: 'permit',
  IMPLIEDD: 'permit',
  OPTOUT: 'deny',
  OPTOUTE: 'deny',
  EMRGONLY: 'deny',
};

const policyBase = (codes: readonly Code[], faults: Faults): Effect | undefined => {
  const bases = new Set(codes.map(({ code }) => directives[code]).filter((one) => one !== undefined));
  if (bases.size > 1) faults.push('Consent.policyRule');
  const [base] = bases;
  return base;
};

const anything = {
  path: 'provision',
  actors: [],
  actions: [],
  labels: [],
  purposes: [],
  classes: [],
  types: [],
  codes: [],
  data: [],
  expression: false,
  exceptions: [],
} as const;

const emergencies: ConsentRule = {
  ...anything,
  effect: 'permit',
  path: 'policyRule',
  purposes: [{ codes: [{ code: 'ETREAT' }] }],
};

/**
 * The base of an R4 Consent comes from the policy rule or, though the definition does not foresee it, from the type of
 * the root provision, as most data has it. Where both are stated and differ, the patient's will cannot be told: deny.
 */
const rootR4 = (consent: FhirObject, faults: Faults): ConsentRule => {
  const policyRule = objectAt(consent, 'policyRule', 'Consent', faults);
  const codes = policyRule === undefined ? [] : conceptOf(policyRule, 'Consent.policyRule', faults).codes;
  const uris = objectsAt(consent, 'policy', 'Consent', faults).flatMap(({ uri }) =>
    typeof uri === 'string' ? [{ code: uri.slice(uri.lastIndexOf('/') + 1) }] : [],
  );
  const base = policyBase(codes, faults) ?? policyBase(uris, faults);
  const provision = objectAt(consent, 'provision', 'Consent', faults);
  const stated = provision === undefined ? undefined : typeAt(provision, 'provision', faults);
  const effect = base !== undefined && stated !== undefined && base !== stated ? 'deny' : (stated ?? base);
  const emergency = codes.some(({ code }) => code === 'EMRGONLY') ? [emergencies] : [];
  const root: ConsentRule =
    provision === undefined
      ? { ...anything, effect }
      : ruleOf(provision, effect, 'provision', { release: 'R4', faults });
  // R4 has no period of the Consent itself; STU3 had, and a limit that is stated is kept.
  const whole = periodAt(consent, 'period', 'Consent', faults);
  const period = whole === undefined || root.period === undefined ? (whole ?? root.period) : meet(whole, root.period);
  return {
    ...root,
    ...(period === undefined ? {} : { period }),
    exceptions: [...root.exceptions, ...emergency],
  };
};

const meet = (left: TimeSpan, right: TimeSpan): TimeSpan => ({
  from: Math.max(left.from, right.from),
  until: Math.min(left.until, right.until),
});

/** R5: `decision` is the base, and it stands for all that no provision excepts. */
const rootR5 = (consent: FhirObject, faults: Faults): ConsentRule => {
  const decision = consent.decision === 'permit' || consent.decision === 'deny' ? consent.decision : undefined;
  if (decision === undefined) faults.push('Consent.decision');
  const period = periodAt(consent, 'period', 'Consent', faults);
  return {
    ...anything,
    effect: decision,
    path: 'decision',
    ...(period === undefined ? {} : { period }),
    exceptions: exceptionsOf(consent, decision, '', { release: 'R5', faults }),
  };
};

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

/** Scopes of consents to something other than the use of data: a treatment, an advance directive. */
const otherScopes: ReadonlySet<string> = new Set(['treatment', 'adr']);

const scopeIsOther = (consent: FhirObject): boolean => {
  if (!isObject(consent.scope)) return false;
  const codes = conceptOf(consent.scope, 'Consent.scope', []).codes;
  return codes.length > 0 && codes.every(({ code }) => otherScopes.has(code));
};

/** Reads a Consent of R4 or R5. Anything that cannot be understood makes the whole unreadable: it must then count as a deny. */
export const readConsent = (consent: FhirObject): ConsentReading => {
  const faults: Faults = [];
  const status = consent.status;
  if (typeof status === 'string' && inactive.has(status)) return { kind: 'void', why: 'status' };
  if (status !== 'active') faults.push('Consent.status');
  if (faults.length === 0 && scopeIsOther(consent)) return { kind: 'void', why: 'scope' };
  knownMembers(consent, consentMembers, 'Consent', faults);
  faults.push(...modified(consent, 'Consent'));
  const release = isR5(consent) ? 'R5' : 'R4';
  faults.push(...mixed(consent, release).map((name) => `Consent.${name}`));
  listAt(consent, 'category', 'Consent', faults);
  const dated = consent.date === undefined ? 'dateTime' : 'date';
  const date = textAt(consent, dated, 'Consent', faults);
  const given = date === undefined ? undefined : timeSpan(date);
  if (date !== undefined && given === undefined) faults.push(`Consent.${dated}`);
  const root = release === 'R5' ? rootR5(consent, faults) : rootR4(consent, faults);
  const contained = containedOf(consent, faults);
  if (faults.length > 0) return { kind: 'unreadable', faults };
  const id = typeof consent.id === 'string' ? `Consent/${consent.id}` : 'Consent';
  return {
    kind: 'statement',
    statement: { id, release, ...(given === undefined ? {} : { given }), root, contained },
  };
};
