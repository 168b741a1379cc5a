import { describe, expect, it } from '@jest/globals';
import { type Amount, VolumeGuard } from '../../../src/domain/risk/volume-guard.ts';

const noon = Date.parse('2026-03-04T12:00:00Z');
const guard = (stepUpShare = 1): VolumeGuard =>
  new VolumeGuard({ windowMinutes: 60, patients: 10, records: 100, stepUpShare, automatedFactor: 5 });
const ids = (from: number, count: number): string[] => Array.from({ length: count }, (_, n) => `p${from + n}`);
/** `records`: how many, or which. */
const given = (user: string, patients: string[], records: number | string[], more: Partial<Amount> = {}): Amount => ({
  user,
  patients,
  records: typeof records === 'number' ? ids(0, records).map((id) => `Observation/${id}`) : records,
  automated: false,
  strong: false,
  done: false,
  ...more,
});

describe('the volume guard', () => {
  it('counts different patients, not answers', () => {
    const volume = guard();
    for (let n = 0; n < 50; n++) expect(volume.admit(given('u', ids(0, 10), 1), noon + n).kind).toBe('admit');
    expect(volume.admit(given('u', ['another'], 1), noon + 60)).toEqual({ kind: 'over', until: noon + 3_600_000 });
    expect(volume.admit(given('v', ['another'], 1), noon + 60).kind).toBe('admit');
  });

  it('counts different records too, and what it refused does not count', () => {
    const volume = guard();
    expect(volume.admit(given('u', ['p1'], 120), noon).kind).toBe('over');
    expect(volume.admit(given('u', ['p1'], 80), noon).kind).toBe('admit');
    expect(
      volume.admit(
        given(
          'u',
          ['p1'],
          ids(0, 40).map((id) => `Condition/${id}`),
        ),
        noon,
      ).kind,
    ).toBe('over');
  });

  it('gives the same records again at any rate', () => {
    const volume = guard(0.5);
    for (let n = 0; n < 5_000; n++) expect(volume.admit(given('u', ids(0, 5), 40), noon + n).kind).toBe('admit');
  });

  it('begins anew after the window, and gives services more', () => {
    const volume = guard();
    const service = { automated: true };
    expect(volume.admit(given('s', ids(0, 50), 50, service), noon).kind).toBe('admit');
    expect(volume.admit(given('s', ids(50, 1), 1, service), noon).kind).toBe('over');
    expect(volume.admit(given('s', ids(50, 50), 50, service), noon + 3_600_000).kind).toBe('admit');
  });

  it('asks a person for a stronger log-in from its share on, and a service never', () => {
    const volume = guard(0.5);
    expect(volume.admit(given('u', ids(0, 5), 5), noon).kind).toBe('admit');
    expect(volume.admit(given('u', ids(5, 1), 1), noon).kind).toBe('step-up');
    expect(volume.admit(given('u', ids(5, 1), 1, { strong: true }), noon).kind).toBe('admit');
    expect(volume.admit(given('u', ids(6, 5), 5, { strong: true }), noon).kind).toBe('over');
    expect(volume.admit(given('s', ids(0, 50), 5, { automated: true }), noon).kind).toBe('admit');
  });

  it('tells what a write did even when the window is full, and counts it', () => {
    const volume = guard();
    expect(volume.admit(given('u', ids(0, 11), 120, { done: true }), noon).kind).toBe('admit');
    expect(volume.admit(given('u', ['p0'], 1), noon).kind).toBe('over');
  });

  it('throws when the clock gives no number', () => {
    expect(() => guard().admit(given('u', ['p1'], 1), Number.NaN)).toThrow(RangeError);
  });
});
