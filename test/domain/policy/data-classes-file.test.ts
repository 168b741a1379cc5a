import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { classNames, labelNames } from '../../../src/domain/consent/bits.ts';
import { scan } from '../../../src/domain/json/scan.ts';
import { parseDataClasses } from '../../../src/domain/policy/data-classes-file.ts';

const folder = new URL('../../../policies/data-classes/', import.meta.url);
const shipped = readdirSync(folder)
  .toSorted()
  .map((file) => ({ file, text: readFileSync(new URL(file, folder), 'utf8') }));
const loaded = parseDataClasses(shipped);

const classify = (resource: unknown) => {
  if (!loaded.ok) throw new Error('the shipped value sets do not load');
  const scanned = scan(new TextEncoder().encode(JSON.stringify(resource)));
  if (!scanned.ok) throw new Error('not JSON');
  const { classes, labels, dates } = loaded.classifier.classify(scanned.tape, 0);
  return { classes: classNames(classes), labels: labelNames(labels), dates };
};
const coding = (system: string, code: string) => ({ coding: [{ system, code }] });
const category = (code: string) => [coding('http://terminology.hl7.org/CodeSystem/observation-category', code)];
const icd = 'http://hl7.org/fhir/sid/icd-10-cm';

describe('the shipped value sets', () => {
  it('load and pass the tests they carry', () => {
    expect(loaded).toMatchObject({ ok: true });
  });

  it.each([
    [{ resourceType: 'Patient' }, ['demographics']],
    [{ resourceType: 'Observation', category: category('laboratory') }, ['labs']],
    [{ resourceType: 'Observation', category: category('vital-signs') }, ['vitals']],
    [{ resourceType: 'Observation', category: category('social-history') }, ['social-history']],
    [{ resourceType: 'Observation' }, ['other']],
    [
      { resourceType: 'DiagnosticReport', category: [coding('http://terminology.hl7.org/CodeSystem/v2-0074', 'RAD')] },
      ['imaging'],
    ],
    [{ resourceType: 'ImagingStudy' }, ['imaging']],
    [{ resourceType: 'DocumentReference', type: coding('http://loinc.org', '11488-4') }, ['notes', 'documents']],
    [{ resourceType: 'Basic' }, ['other']],
    [{}, ['other']],
  ])('class of %j is %j', (resource, classes) => {
    expect(classify(resource).classes).toEqual(classes);
  });

  it.each([
    ['depression by ICD-10', { code: coding(icd, 'F33.1') }, ['PSY']],
    ['alcohol dependence', { code: coding(icd, 'F10.20') }, ['ETHUD']],
    ['opioid dependence', { code: coding(icd, 'F11.20') }, ['OPIOIDUD']],
    ['cocaine abuse by SNOMED CT', { code: coding('http://snomed.info/sct', '78267003') }, ['SUD']],
    ['HIV', { code: coding(icd, 'B20') }, ['HIV']],
    ['an abortive pregnancy', { code: coding(icd, 'O03.9') }, ['SEX']],
    ['a BRCA carrier', { code: coding(icd, 'Z15.01') }, ['GDIS']],
    ['abuse', { code: coding(icd, 'T74.11XA') }, ['SDV']],
    ['nicotine dependence', { code: coding(icd, 'F17.210') }, []],
    ['diabetes', { code: coding(icd, 'E11.9') }, []],
  ])('labels %s by its code', (_, more, labels) => {
    expect(classify({ resourceType: 'Condition', ...more }).labels).toEqual(labels);
  });

  it('labels a resource for a code deep inside it, contained resources too, but takes no class from those', () => {
    const resource = {
      resourceType: 'MedicationRequest',
      contained: [
        { resourceType: 'Observation', category: category('laboratory'), code: coding('http://loinc.org', '75622-1') },
      ],
      reasonCode: [coding(icd, 'F20.0')],
    };
    expect(classify(resource)).toMatchObject({ classes: ['medications'], labels: ['PSY', 'HIV'] });
  });

  it('takes the labels of meta.security by code, with or without system, and counts kindred codes', () => {
    const labelled = (...codes: string[]) =>
      classify({ resourceType: 'Condition', meta: { security: codes.map((code) => ({ code })) } }).labels;
    expect(labelled('R', 'PSY')).toEqual(['R', 'PSY']);
    expect(labelled('N', 'NOSUCH')).toEqual([]);
    expect(labelled('ETH', 'SICKLE', 'VIO')).toEqual(['SUD', 'SDV', 'GDIS']);
    expect(labelled('CEL')).toEqual(['R']);
  });

  it('reads codes that are written with escapes', () => {
    const bytes = new TextEncoder().encode(
      '{"resourceType":"Condition","code":{"coding":[{"system":"http:\\/\\/snomed.info\\/sct","code":"8640\\u0036008"}]}}',
    );
    const scanned = scan(bytes);
    if (!loaded.ok || !scanned.ok) throw new Error('not readable');
    expect(labelNames(loaded.classifier.classify(scanned.tape, 0).labels)).toEqual(['HIV']);
  });

  it('dates a resource by when the care happened, else by when it was written', () => {
    const at = (iso: string) => Date.parse(iso) / 1000;
    const dates = (more: object) => classify({ resourceType: 'Observation', ...more }).dates;
    expect(dates({ issued: '2024-05-05T10:00:00Z', effectiveDateTime: '2020-02' })).toEqual({
      from: at('2020-02-01T00:00:00Z'),
      to: at('2020-03-01T00:00:00Z') - 1,
    });
    expect(dates({ effectivePeriod: { start: '2020-02-02', end: '2020-02-03' } })).toEqual({
      from: at('2020-02-02T00:00:00Z'),
      to: at('2020-02-04T00:00:00Z') - 1,
    });
    expect(dates({ onsetDateTime: '2019', abatementDateTime: '2021' })).toEqual({
      from: at('2019-01-01T00:00:00Z'),
      to: at('2022-01-01T00:00:00Z') - 1,
    });
    expect(dates({ period: { start: '2020-02-02' } })?.to).toBeGreaterThan(at('9000-01-01T00:00:00Z'));
    expect(dates({ effectiveDateTime: 'yesterday' })).toBeUndefined();
    expect(dates({})).toBeUndefined();
  });

  it('tells which classes a type can have', () => {
    if (!loaded.ok) throw new Error('the shipped value sets do not load');
    expect(classNames(loaded.classifier.possible('ImagingStudy'))).toEqual(['imaging']);
    expect(classNames(loaded.classifier.possible('Observation'))).toEqual(
      expect.arrayContaining(['labs', 'vitals', 'imaging', 'genetics', 'social-history', 'other']),
    );
    expect(classNames(loaded.classifier.possible('NoSuchType'))).toContain('other');
  });
});

describe('a value-set file', () => {
  const faults = (text: string) => {
    const read = parseDataClasses([{ file: 'x.yaml', text }]);
    return read.ok ? [] : read.faults.map(({ line, text: message, nearest }) => ({ line, message, nearest }));
  };
  const head = "version: '2026-01-01'\ntitle: X\n";

  it('is refused with the line and the nearest name when it names an unknown class', () => {
    expect(faults(`${head}sets:\n  - class: imagin\n    types: [Media]\n`)).toEqual([
      expect.objectContaining({ line: 4, nearest: 'imaging' }),
    ]);
  });

  it('is refused for an unknown key', () => {
    expect(faults(`${head}sets:\n  - class: imaging\n    typos: [Media]\n`)).toHaveLength(1);
  });

  it('is refused when its own tests fail', () => {
    const text = `${head}sets:\n  - label: HIV\n    codes: { s: [a] }\ntests:\n  holds: [{ system: s, code: b }]\n  lacks: [{ system: s, code: a }]\n`;
    expect(faults(text)).toHaveLength(2);
  });
});
