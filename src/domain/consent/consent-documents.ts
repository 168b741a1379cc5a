import { toValue } from '../json/cursor.ts';
import { scan } from '../json/scan.ts';
import { isReadableFact } from './fhir-actor.ts';
import type { ConsentDocuments } from './fhir-decide.ts';
import { type FhirObject, isObject } from './fhir-values.ts';

interface Found {
  readonly consents: FhirObject[];
  readonly known: Map<string, FhirObject>;
  faults: number;
}

const isNamed = (resource: FhirObject): boolean =>
  typeof resource.resourceType === 'string' && typeof resource.id === 'string';

const collect = (value: unknown, fullUrl: unknown, found: Found): void => {
  if (Array.isArray(value)) {
    for (const one of value) collect(one, undefined, found);
    return;
  }
  if (!isObject(value)) {
    found.faults += 1;
    return;
  }
  if (value.resourceType === 'Bundle') {
    if (value.entry !== undefined && !Array.isArray(value.entry)) found.faults += 1;
    for (const entry of Array.isArray(value.entry) ? value.entry : []) {
      if (!isObject(entry)) found.faults += 1;
      else if (entry.resource !== undefined) collect(entry.resource, entry.fullUrl, found);
    }
    return;
  }
  if (typeof value.resourceType !== 'string' || !isReadableFact(value)) found.faults += 1;
  if (value.resourceType === 'Consent') found.consents.push(value);
  if (isNamed(value)) found.known.set(`${String(value.resourceType)}/${String(value.id)}`, value);
  if (typeof fullUrl === 'string' && fullUrl.startsWith('urn:')) found.known.set(fullUrl, value);
};

const isBlank = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));

const linesOf = (bytes: Uint8Array): readonly Uint8Array[] => {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (let at = 0; at <= bytes.length; at += 1) {
    if (at < bytes.length && bytes[at] !== 0x0a) continue;
    const line = bytes.subarray(start, at);
    if (!isBlank(line)) lines.push(line);
    start = at + 1;
  }
  return lines;
};

const byteOrderMark = [0xef, 0xbb, 0xbf];

/**
 * Reads files that hold a resource, an array of resources, Bundles or NDJSON lines. What is not lossless JSON is
 * counted, not skipped: it might be the patient's refusal.
 */
export const readDocuments = (files: readonly Uint8Array[]): ConsentDocuments => {
  const found: Found = { consents: [], known: new Map(), faults: 0 };
  for (const file of files) {
    const bytes = byteOrderMark.every((byte, index) => file[index] === byte) ? file.subarray(3) : file;
    if (isBlank(bytes)) continue;
    const whole = scan(bytes);
    const parts = whole.ok ? [whole] : linesOf(bytes).map((line) => scan(line));
    for (const part of parts) {
      if (part.ok) collect(toValue(part.tape, 0), undefined, found);
      else found.faults += 1;
    }
  }
  return found;
};
