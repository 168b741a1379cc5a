import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type CohortRow, cohortCounts, DifferencingGuard } from '../../../src/domain/masking/cohort.ts';
import { quasiRow, reidentificationReport } from '../../../src/domain/masking/reidentification.ts';
import { mask, planOf } from './shipped.ts';

const people = (count: number, row: CohortRow): CohortRow[] => Array.from({ length: count }, () => row);

describe('counts of a cohort', () => {
  it('hide small cells and one more, so that no subtraction gives them back', () => {
    const rows = [...people(20, { sex: 'f' }), ...people(30, { sex: 'm' }), ...people(3, { sex: 'x' })];
    const counts = cohortCounts(rows, ['sex']);
    expect(counts.cells).toEqual([
      { values: { sex: 'f' }, count: undefined },
      { values: { sex: 'm' }, count: 30 },
      { values: { sex: 'x' }, count: undefined },
    ]);
    expect(counts.total).toBe(53);
  });
  it('never tell a cell below k, by themselves or against the total', () => {
    const row = fc.record({
      sex: fc.constantFrom('f', 'm', 'x'),
      age: fc.constantFrom('0', '20', '40', '60'),
      dx: fc.constantFrom('a', 'b', 'c'),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 200 }), (rows) => {
        const counts = cohortCounts(rows, ['sex', 'age'], { k: 11, l: 2, t: 0.3 }, 'dx');
        const shown = counts.cells.reduce((sum, cell) => sum + (cell.count ?? 0), 0);
        for (const cell of counts.cells) expect(cell.count === undefined || cell.count >= 11).toBe(true);
        if (counts.total !== undefined && counts.suppressed > 0) {
          expect(counts.total - shown).toBeGreaterThanOrEqual(11);
          expect(counts.suppressed).toBeGreaterThan(1);
        }
      }),
    );
  });
  it('hide a cell that tells what everyone in it has', () => {
    const rows = [
      ...people(20, { sex: 'f', dx: 'hiv' }),
      ...people(20, { sex: 'm', dx: 'flu' }),
      ...people(20, { sex: 'm', dx: 'hiv' }),
      ...people(15, { sex: 'x', dx: 'flu' }),
      ...people(15, { sex: 'x', dx: 'hiv' }),
    ];
    const counts = cohortCounts(rows, ['sex'], { k: 11, l: 2, t: 0.3 }, 'dx');
    expect(counts.cells.find((cell) => cell.values.sex === 'f')?.count).toBeUndefined();
  });
  it('have a floor of five, whatever is asked for', () => {
    expect(cohortCounts(people(4, { sex: 'f' }), ['sex'], { k: 1, l: 1, t: 1 }).total).toBeUndefined();
  });
});

describe('questions that differ by few', () => {
  const set = (from: number, to: number): ReadonlySet<string> =>
    new Set(Array.from({ length: to - from }, (_, i) => `p${from + i}`));
  it('are refused to the same requester and not to another', () => {
    const guard = new DifferencingGuard(11);
    expect(guard.allows('ann', set(0, 100))).toBe(true);
    expect(guard.allows('ann', set(0, 99))).toBe(false);
    expect(guard.allows('bob', set(0, 99))).toBe(true);
    expect(guard.allows('ann', set(0, 100))).toBe(true);
    expect(guard.allows('ann', set(0, 80))).toBe(true);
    expect(guard.allows('ann', set(200, 300))).toBe(true);
  });
  it('end when a requester has asked too much', () => {
    const guard = new DifferencingGuard(5, 3);
    for (let i = 0; i < 3; i += 1) expect(guard.allows('ann', set(i * 100, i * 100 + 50))).toBe(true);
    expect(guard.allows('ann', set(900, 950))).toBe(false);
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
