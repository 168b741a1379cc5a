/** A FHIR reference to a resource, in one form: version cut off, base kept only when it was given. */
export interface FhirReference {
  /** `Practitioner/p1`; of a `urn:uuid:` or fragment: the text as it stands. */
  readonly name: string;
  /** Absent for a relative reference. */
  readonly base?: string;
}

const literal = /^(?:(.*)\/)?([A-Z][A-Za-z]{1,63}\/[A-Za-z0-9.-]{1,64})(?:\/_history\/[A-Za-z0-9.-]{1,64})?$/;

/** Undefined for what is no literal reference. A `urn:` and a fragment are names of their own. */
export const fhirReference = (text: string): FhirReference | undefined => {
  if (text.startsWith('urn:') || text.startsWith('#')) return { name: text };
  const match = literal.exec(text);
  if (match?.[2] === undefined) return undefined;
  const base = match[1];
  return base === undefined || base === '' ? { name: match[2] } : { name: match[2], base };
};

/** A relative reference means the same as an absolute one: which server it was relative to is not known here. */
export const sameReference = (left: FhirReference, right: FhirReference): boolean =>
  left.name === right.name && (left.base === undefined || right.base === undefined || left.base === right.base);

export const typeOf = (reference: FhirReference): string => reference.name.slice(0, reference.name.indexOf('/'));
