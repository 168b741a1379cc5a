import { describe, expect, it } from '@jest/globals';
import { DistinctCount } from '../../../src/domain/risk/distinct.ts';

const names = (count: number, from = 0): string[] => Array.from({ length: count }, (_, n) => `Observation/${from + n}`);

describe('the count of different names', () => {
  it.each([0, 1, 2, 10, 20])('is exact for %i', (count) => {
    expect(new DistinctCount().with(names(count)).value).toBe(count);
  });

  it.each([50, 1_000, 5_000, 20_000, 500_000])('is within 7 in a hundred for %i', (count) => {
    const { value } = new DistinctCount().with(names(count));
    expect(Math.abs(value - count) / count).toBeLessThan(0.07);
  });

  it('does not rise with what it has seen, and leaves the one before as it was', () => {
    const first = new DistinctCount().with(names(100));
    expect(first.with(names(100))).toBe(first);
    const before = first.value;
    expect(first.with(names(100, 100)).value).toBeGreaterThan(before);
    expect(first.value).toBe(before);
  });
});
