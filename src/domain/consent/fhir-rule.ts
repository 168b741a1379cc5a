import { type TimeSpan, timeSpan } from './fhir-time.ts';
import {
  type Concept,
  codingOf,
  conceptOf,
  type Faults,
  type FhirObject,
  knownMembers,
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

const provisionMembers: ReadonlySet<string> = new Set([
  ...['type', 'period', 'actor', 'action', 'securityLabel', 'purpose', 'class', 'code', 'dataPeriod', 'data'],
  ...['provision', 'documentType', 'resourceType', 'expression'],
]);

/** `undefined`: the period is a fault and was noted. An open side is infinite. */
export const periodAt = (parent: FhirObject, name: string, path: string, faults: Faults): TimeSpan | undefined => {
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

export const referenceOf = (value: FhirObject, path: string, faults: Faults): ActorReference => {
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

export const typeAt = (value: FhirObject, path: string, faults: Faults): Effect | undefined => {
  if (value.type === undefined) return undefined;
  if (value.type === 'permit' || value.type === 'deny') return value.type;
  faults.push(`${path}.type`);
  return undefined;
};

interface RuleContext {
  readonly release: 'R4' | 'R5';
  readonly faults: Faults;
}

export const ruleOf = (
  value: FhirObject,
  effect: Effect | undefined,
  path: string,
  context: RuleContext,
): ConsentRule => {
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
export const exceptionsOf = (
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
