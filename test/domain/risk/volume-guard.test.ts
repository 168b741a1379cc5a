import { describe, expect, it } from '@jest/globals';
import { VolumeGuard } from '../../../src/domain/risk/volume-guard.ts';

const noon = Date.parse('2026-03-04T12:00:00Z');
const guard = (): VolumeGuard => new VolumeGuard({ windowMinutes: 60, patients: 10, records: 100, automatedFactor: 5 });
const ids = (from: number, count: number): string[] => Array.from({ length: count }, (_, n) => `p${from + n}`);

describe('the volume guard', () => {
  it('counts different patients, not answers', () => {
    const volume = guard();
    for (let n = 0; n < 50; n++) expect(volume.admit('u', ids(0, 10), 1, 'person', noon + n)).toBe(true);
    expect(volume.admit('u', ['another'], 1, 'person', noon + 60)).toBe(false);
    expect(volume.admit('v', ['another'], 1, 'person', noon + 60)).toBe(true);
  });

  it('counts records too, and what it refused does not count', () => {
    const volume = guard();
    expect(volume.admit('u', ['p1'], 101, 'person', noon)).toBe(false);
    expect(volume.admit('u', ['p1'], 100, 'person', noon)).toBe(true);
    expect(volume.admit('u', ['p1'], 1, 'person', noon)).toBe(false);
  });

  it('begins anew after the window, and gives services more', () => {
    const volume = guard();
    expect(volume.admit('s', ids(0, 50), 50, 'automated', noon)).toBe(true);
    expect(volume.admit('s', ids(50, 1), 1, 'automated', noon)).toBe(false);
    expect(volume.admit('s', ids(50, 50), 50, 'automated', noon + 3_600_000)).toBe(true);
  });
});
