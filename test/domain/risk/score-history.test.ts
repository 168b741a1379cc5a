import { describe, expect, it } from '@jest/globals';
import { DriftWatch } from '../../../src/domain/risk/drift.ts';
import { ScoreHistory } from '../../../src/domain/risk/score-history.ts';

const noon = Date.parse('2026-03-04T12:00:00Z');
const DAY = 86_400_000;

describe('thresholds tried on the history', () => {
  const history = new ScoreHistory();
  history.add('a', 0.3, noon);
  history.add('a', 0.9, noon + 1);
  history.add('b', 0.5, noon);
  history.add('c', 0.4, noon + DAY);
  history.add('d', 0.001, noon + 2 * DAY);
  const decided = [
    { user: 'a', day: '2026-03-04', state: 'confirmed' as const },
    { user: 'c', day: '2026-03-05', state: 'confirmed' as const },
    { user: 'b', day: '2026-03-04', state: 'dismissed' as const },
    { user: 'never-scored', day: '2026-03-04', state: 'confirmed' as const },
  ];

  it('tell what would have been caught, missed, raised for nothing, and how many alerts a day', () => {
    expect(history.whatIf([0.45, 0.95], decided)).toEqual([
      { threshold: 0.45, alerts: 2, perDay: 2 / 3, caught: 1, missed: 2, dismissed: 1 },
      { threshold: 0.95, alerts: 0, perDay: 0, caught: 0, missed: 3, dismissed: 0 },
    ]);
  });

  it('count a user-day once, with its highest score, after a restart too', () => {
    const again = new ScoreHistory();
    again.restore(JSON.parse(JSON.stringify(history.state())) as never);
    expect(again.whatIf([0.1], decided)).toEqual(history.whatIf([0.1], decided));
    expect(again.days).toBe(3);
  });

  it('reach back some months and no further', () => {
    const long = new ScoreHistory();
    for (let day = 0; day < 500; day++) long.add('u', 0.5, noon + day * DAY);
    expect(long.days).toBe(120);
    expect(long.whatIf([0.1], [])[0]?.perDay).toBe(1);
  });
});

describe('drift', () => {
  const fed = (watch: DriftWatch, count: number, score: number, explained = true): DriftWatch => {
    for (let n = 0; n < count; n++) watch.add('m', n % 10 === 0 ? 0.05 : score, explained);
    return watch;
  };

  it('is not told before enough was seen', () => {
    expect(fed(new DriftWatch(), 5_100, 0.001).status().state).toBe('learning');
  });

  it('is none while the scores keep their shape, and told when they do not', () => {
    const watch = fed(new DriftWatch(), 8_000, 0.001);
    expect(watch.status()).toMatchObject({ state: 'steady', unexplained: { before: 0, now: 0 } });
    fed(watch, 8_000, 0.1, false);
    expect(watch.status().state).toBe('drifted');
    expect(watch.status().unexplained.now).toBeGreaterThan(0.5);
  });

  it('begins anew with another model, and goes on after a restart', () => {
    const watch = fed(new DriftWatch(), 8_000, 0.001);
    const again = new DriftWatch();
    again.restore(watch.state());
    expect(again.status()).toEqual(watch.status());
    again.add('other', 0.5, true);
    expect(again.status().calls).toBe(1);
    again.restore({ model: 'm', before: [1], now: [] });
    expect(again.status().calls).toBe(1);
  });
});
