import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cohortCells } from '../../../src/domain/masking/cohort.ts';
import { attributesOf } from '../../../src/domain/masking/cohort-attributes.ts';
import { tellsOfFew } from '../../../src/domain/masking/differencing.ts';
import { quasiRow, reidentificationReport } from '../../../src/domain/masking/reidentification.ts';
import { parseCohortPolicy } from '../../../src/domain/policy/cohort-policy.ts';
import { mask, planOf } from './shipped.ts';

type Values = Readonly<Record<string, string>>;
const people = (count: number, row: Values): Values[] => Array.from({ length: count }, () => row);
const cellsOf = (
  rows: readonly Values[],
  by: readonly string[],
  limits = { k: 11, l: 2, t: 0.3 },
  sensitive: readonly string[] = [],
): readonly unknown[] =>
  cohortCells(
    rows.map((values, at) => ({ person: `p${at}`, values })),
    by,
    limits,
    sensitive,
  ).map((cell) => [cell.values, cell.people.size]);

describe('counts of a cohort', () => {
  it('are told of large cells, and say the same of a cell with nobody and one with few', () => {
    const rows = [...people(20, { sex: 'f' }), ...people(30, { sex: 'm' })];
    const told = [
      [{ sex: 'f' }, 20],
      [{ sex: 'm' }, 30],
    ];
    for (const few of [0, 1, 2, 10]) expect(cellsOf([...rows, ...people(few, { sex: 'x' })], ['sex'])).toEqual(told);
    expect(cellsOf([...rows, ...people(11, { sex: 'x' })], ['sex'])).toHaveLength(3);
  });
  it('hide a cell that tells what everyone in it has, or far more of them than of the cohort', () => {
    const rows = [
      ...people(20, { sex: 'f', dx: 'hiv' }),
      ...people(20, { sex: 'm', dx: 'flu' }),
      ...people(20, { sex: 'm', dx: 'hiv' }),
      ...people(19, { sex: 'x', dx: 'flu' }),
      ...people(1, { sex: 'x', dx: 'hiv' }),
    ];
    expect(cellsOf(rows, ['sex'], { k: 11, l: 2, t: 0.3 }, ['dx'])).toEqual([[{ sex: 'm' }, 40]]);
    expect(cellsOf(rows, ['sex'], { k: 11, l: 1, t: 1 }, ['dx'])).toHaveLength(3);
    // Asked for by itself, it is what the question is about.
    expect(cellsOf(rows, ['dx'], { k: 11, l: 2, t: 0.3 }, ['dx'])).toHaveLength(2);
  });
  it('have a floor of five, whatever is asked for', () => {
    expect(cellsOf(people(4, { sex: 'f' }), ['sex'], { k: 1, l: 1, t: 1 })).toEqual([]);
    expect(cellsOf(people(5, { sex: 'f' }), ['sex'], { k: 1, l: 1, t: 1 })).toHaveLength(1);
  });
  it('go by attributes of few values', () => {
    expect(attributesOf({ gender: 'male', birthDate: '1987-04-05', address: [{ state: 'MA' }] })).toEqual({
      gender: 'male',
      'birth-decade': '1980',
      state: 'MA',
      race: '',
      'marital-status': '',
      deceased: 'false',
    });
    expect(attributesOf({ birthDate: 'x', deceasedDateTime: '2020' })).toMatchObject({
      'birth-decade': '',
      deceased: 'true',
    });
  });
  it('follow a policy that names what it does not know with its place', () => {
    const text = 'kind: cohorts\nk: 4\nl: 2\nt: 0.3\ngroups: 10\nattributes: [gender]\nsensitive: [name]\n';
    const parsed = parseCohortPolicy('cohorts.yaml', text);
    expect(parsed.ok ? [] : parsed.faults.map(({ line }) => line)).toEqual([2, 7]);
  });
});

describe('counts that tell of few together', () => {
  const set = (from: number, to: number): ReadonlySet<string> =>
    new Set(Array.from({ length: to - from }, (_, i) => `p${from + i}`));
  it.each([
    ['one less than the other', [set(0, 100), set(0, 99)], true],
    ['one criterion more, of ten people', [set(0, 100), set(0, 90)], true],
    ['one criterion more, of eleven', [set(0, 100), set(0, 89)], false],
    ['apart', [set(0, 100), set(100, 200)], false],
    ['overlapping, with no third to tell the overlap', [set(0, 50), set(45, 100)], false],
    ['overlapping, with their union', [set(0, 50), set(45, 100), set(0, 100)], true],
    ['a whole, its large part, and a group of the rest', [set(0, 100), set(0, 60), set(60, 97)], true],
    ['a tracker: a and b, a or b, less a', [set(0, 40), set(30, 70), set(0, 70), set(33, 70)], true],
  ])('are found: %s', (_, groups, few) => {
    expect(tellsOfFew(groups, 11)).toBe(few);
  });
  it('are found whenever a part of few can be had by adding and taking away', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 79 }), { minLength: 11, maxLength: 60 }),
        fc.uniqueArray(fc.integer({ min: 0, max: 79 }), { minLength: 1, maxLength: 10 }),
        (some, few) => {
          const a = new Set(some.filter((person) => !few.includes(person)).map(String));
          const b = new Set([...a, ...few.map(String)]);
          expect(tellsOfFew([a, b], 11)).toBe(true);
        },
      ),
    );
  });
});

describe('the report of the risk that people are told apart', () => {
  it('falls when a cohort is masked', () => {
    const patients = Array.from({ length: 60 }, (_, i) => ({
      resourceType: 'Patient',
      id: `p${i}`,
      gender: i % 2 === 0 ? 'male' : 'female',
      birthDate: `19${60 + (i % 3)}-0${1 + (i % 9)}-1${i % 10}`,
      address: [{ state: 'MA', postalCode: `0197${i % 10}`, country: 'US' }],
    }));
    const plan = planOf('safe-harbor', 'HRESCH');
    const report = reidentificationReport(
      patients,
      patients.map((patient) => mask(patient, plan) as Record<string, unknown>),
    );
    expect(report.before.unique).toBeGreaterThan(0.9);
    expect(report.after.unique).toBe(0);
    expect(report.after.average).toBeLessThan(report.before.average);
    expect(report.after.sizes).toEqual([{ size: 10, people: 60 }]);
    expect(quasiRow({})).toEqual({ gender: '', birth: '', postalCode: '', state: '', race: '' });
  });
});
