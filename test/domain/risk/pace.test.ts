import { describe, expect, it } from '@jest/globals';
import { Pace } from '../../../src/domain/risk/pace.ts';

const noon = Date.parse('2026-03-04T12:00:00Z');
const kinds = (pace: Pace, user: string, times: readonly number[]): string[] =>
  times.map((time) => pace.take(user, time).kind);

describe('a slowed caller', () => {
  it('is given so many calls, then one whenever the minute has room again', () => {
    const pace = new Pace(3);
    expect(kinds(pace, 'u', [noon, noon, noon, noon])).toEqual(['admit', 'admit', 'admit', 'over']);
    expect(pace.take('u', noon)).toEqual({ kind: 'over', until: noon + 20_000 });
    expect(kinds(pace, 'u', [noon + 19_999, noon + 20_000, noon + 20_001])).toEqual(['over', 'admit', 'over']);
    expect(kinds(pace, 'other', [noon])).toEqual(['admit']);
  });

  it('loses nothing by being looked at, and gains nothing by a clock that goes back', () => {
    const pace = new Pace(1);
    for (let n = 0; n < 5; n += 1) expect(pace.take('u', noon, 'looking').kind).toBe('admit');
    expect(kinds(pace, 'u', [noon, noon - 3_600_000, noon - 1])).toEqual(['admit', 'over', 'over']);
    expect(pace.take('u', noon, 'looking').kind).toBe('over');
    expect(kinds(pace, 'u', [noon + 60_000])).toEqual(['admit']);
  });

  it('gets no verdict at no time', () => {
    expect(() => new Pace(1).take('u', Number.NaN)).toThrow(RangeError);
  });

  it('is given a call now and then however few they are', () => {
    const pace = new Pace(0.5);
    expect(kinds(pace, 'u', [noon, noon + 60_000, noon + 120_000])).toEqual(['admit', 'over', 'admit']);
  });
});
