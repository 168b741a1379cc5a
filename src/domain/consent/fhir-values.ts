/** Codes as FHIR writes them, read from plain JSON values. What is not of the expected shape is a fault, never skipped. */

export type FhirObject = Readonly<Record<string, unknown>>;

export interface Code {
  readonly system?: string;
  readonly code: string;
}

export interface Concept {
  readonly codes: readonly Code[];
  /** Text or display, when that is all there is. */
  readonly text?: string;
}

/** Where a document departs from FHIR: paths only, never values. */
export type Faults = string[];

export const isObject = (value: unknown): value is FhirObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const objectAt = (parent: FhirObject, name: string, path: string, faults: Faults): FhirObject | undefined => {
  const value = parent[name];
  if (value === undefined) return undefined;
  if (isObject(value)) return value;
  faults.push(`${path}.${name}`);
  return undefined;
};

/** FHIR has no empty arrays: one here is a statement that lost its content. */
export const listAt = (parent: FhirObject, name: string, path: string, faults: Faults): readonly unknown[] => {
  const value = parent[name];
  if (value === undefined) return [];
  if (Array.isArray(value) && value.length > 0) return value;
  faults.push(`${path}.${name}`);
  return [];
};

export const objectsAt = (parent: FhirObject, name: string, path: string, faults: Faults): readonly FhirObject[] => {
  const list = listAt(parent, name, path, faults);
  return list.filter((value, index): value is FhirObject => {
    if (isObject(value)) return true;
    faults.push(`${path}.${name}[${index}]`);
    return false;
  });
};

export const textAt = (parent: FhirObject, name: string, path: string, faults: Faults): string | undefined => {
  const value = parent[name];
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value.trim() !== '') return value;
  faults.push(`${path}.${name}`);
  return undefined;
};

/** A Coding. One without a code is a fault unless it has words. */
export const codingOf = (value: FhirObject, path: string, faults: Faults): Concept => {
  const system = textAt(value, 'system', path, faults);
  const code = textAt(value, 'code', path, faults);
  const display = textAt(value, 'display', path, faults);
  if (code === undefined) {
    if (display === undefined) faults.push(path);
    return { codes: [], ...(display === undefined ? {} : { text: display }) };
  }
  return { codes: [system === undefined ? { code } : { system, code }] };
};

export const conceptOf = (value: FhirObject, path: string, faults: Faults): Concept => {
  const codings = objectsAt(value, 'coding', path, faults).map((one) => codingOf(one, `${path}.coding`, faults));
  const text = textAt(value, 'text', path, faults) ?? codings.find((one) => one.text !== undefined)?.text;
  const codes = codings.flatMap((one) => one.codes);
  if (codes.length === 0 && text === undefined) faults.push(path);
  return text === undefined ? { codes } : { codes, text };
};

/** Systems are compared only where both sides name one. */
export const sameCode = (left: Code, right: Code): boolean =>
  left.code === right.code && (left.system === undefined || right.system === undefined || left.system === right.system);

/** Unknown members are faults: a misspelt narrowing would be no narrowing. Extensions of primitives begin with `_`. */
export const knownMembers = (value: FhirObject, known: ReadonlySet<string>, path: string, faults: Faults): void => {
  for (const name of Object.keys(value)) {
    if (name === 'id' || name === 'extension' || name.startsWith('_') || known.has(name)) continue;
    faults.push(`${path}.${name}`);
  }
};
