import { timeSpan } from './fhir-time.ts';
import { type Code, type FhirObject, isObject } from './fhir-values.ts';
import { type FhirReference, fhirReference } from './reference.ts';

export interface LogicalId {
  readonly system?: string;
  readonly value: string;
}

/** Who asks for what: the question put to FHIR Consents. */
export interface FhirRequest {
  readonly patient: FhirReference;
  readonly actors: readonly FhirReference[];
  readonly identifiers: readonly LogicalId[];
  readonly organisations: readonly FhirReference[];
  readonly roles: readonly Code[];
  /** Empty: not stated. */
  readonly purposes: readonly Code[];
  readonly action: string | undefined;
  /** Milliseconds. */
  readonly time: number;
}

export type RequestReading =
  | { readonly ok: true; readonly request: FhirRequest; readonly resource: FhirObject | undefined }
  | { readonly ok: false; readonly fault: string };

const listOf = (value: unknown): readonly unknown[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];

const referenceText = (value: unknown, type: string): string | undefined => {
  const text = isObject(value) ? value.reference : value;
  if (typeof text !== 'string' || text === '') return undefined;
  return /^[A-Za-z0-9.-]{1,64}$/.test(text) && type !== '' ? `${type}/${text}` : text;
};

const referencesOf = (value: unknown, type: string): readonly FhirReference[] | undefined => {
  const found: FhirReference[] = [];
  for (const one of listOf(value)) {
    if (isObject(one) && one.reference === undefined && isObject(one.identifier)) continue;
    const text = referenceText(one, type);
    const reference = text === undefined ? undefined : fhirReference(text);
    if (reference === undefined) return undefined;
    found.push(reference);
  }
  return found;
};

const identifiersOf = (value: unknown): readonly LogicalId[] =>
  listOf(value).flatMap((one) => {
    const identifier = isObject(one) ? one.identifier : undefined;
    if (!isObject(identifier) || typeof identifier.value !== 'string') return [];
    return [
      typeof identifier.system === 'string'
        ? { system: identifier.system, value: identifier.value }
        : { value: identifier.value },
    ];
  });

/** `code`, `system|code`, a Coding or a CodeableConcept. */
const codesOf = (value: unknown): readonly Code[] =>
  listOf(value).flatMap((one): readonly Code[] => {
    if (typeof one === 'string') {
      const bar = one.lastIndexOf('|');
      return bar > 0 ? [{ system: one.slice(0, bar), code: one.slice(bar + 1) }] : [{ code: one }];
    }
    if (!isObject(one)) return [];
    if (Array.isArray(one.coding)) return codesOf(one.coding);
    if (typeof one.code !== 'string') return [];
    return [typeof one.system === 'string' ? { system: one.system, code: one.code } : { code: one.code }];
  });

/** `Observation` or `Observation/o1` stands for a resource of which nothing else is known. */
const resourceNamed = (text: string): FhirObject | string => {
  const [, resourceType, id] = /^([A-Z][A-Za-z]{1,63})(?:\/([A-Za-z0-9.-]{1,64}))?$/.exec(text) ?? [];
  if (resourceType === undefined) return text;
  return id === undefined ? { resourceType } : { resourceType, id };
};

/** A resource, its name, or a FHIR Reference to it. */
const resourceOf = (value: unknown): unknown => {
  const name = isObject(value) && value.resourceType === undefined ? value.reference : value;
  return typeof name === 'string' ? resourceNamed(name) : value;
};

const refuse = (fault: string): RequestReading => ({ ok: false, fault });

/**
 * Reads `{patient, actor: [references], roles, organization, purpose, action, resource, time}`. `now` stands in for a
 * request without a time.
 */
export const readRequest = (value: unknown, now: number): RequestReading => {
  if (!isObject(value)) return refuse('The request must be a JSON object.');
  const patient = referencesOf(value.patient, 'Patient')?.[0];
  if (patient === undefined) return refuse('The request names no patient: give "patient": "Patient/ID".');
  const actors = referencesOf(value.actor, '');
  if (actors === undefined) return refuse('An actor of the request is no reference such as "Practitioner/ID".');
  const organisations = referencesOf(value.organization ?? value.organisation, 'Organization');
  if (organisations === undefined) return refuse('The organization of the request is no reference.');
  const span = value.time === undefined ? undefined : typeof value.time === 'string' ? timeSpan(value.time) : undefined;
  if (value.time !== undefined && span === undefined) {
    return refuse('The time of the request is no FHIR dateTime such as "2026-11-22T12:00:00Z".');
  }
  const resource = resourceOf(value.resource);
  if (resource !== undefined && !isObject(resource)) {
    return refuse('The resource of the request must be a FHIR resource.');
  }
  const action = isObject(value.action) || Array.isArray(value.action) ? codesOf(value.action)[0]?.code : value.action;
  if (action !== undefined && typeof action !== 'string') return refuse('The action of the request must be a code.');
  return {
    ok: true,
    request: {
      patient,
      actors,
      identifiers: [...identifiersOf(value.actor), ...identifiersOf(value.organization)],
      organisations,
      roles: codesOf(value.roles ?? value.role),
      purposes: codesOf(value.purpose),
      action,
      time: span?.from ?? now,
    },
    resource,
  };
};
