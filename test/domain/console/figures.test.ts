import { describe, expect, it } from '@jest/globals';
import { answerRows, quantile, stageRows } from '../../../src/domain/console/figures.ts';

const bounds = [1, 2, 4];

describe('a quantile of a histogram', () => {
  it('is interpolated within its bucket', () => {
    expect(quantile({ bounds, counts: [0, 10, 0, 0] }, 0.5)).toBe(1.5);
    expect(quantile({ bounds, counts: [5, 5, 0, 0] }, 0.5)).toBe(1);
    expect(quantile({ bounds, counts: [5, 0, 5, 0] }, 0.75)).toBe(3);
  });

  it('is the last bound for what lies above it, and nothing for nothing', () => {
    expect(quantile({ bounds, counts: [0, 0, 0, 3] }, 0.5)).toBe(4);
    expect(quantile({ bounds, counts: [0, 0, 0, 0] }, 0.5)).toBeUndefined();
  });
});

describe('the rows of the overview', () => {
  it('tell for each stage what passed, why the rest did not, and how long all of it took', () => {
    const series = [
      { labels: { stage: 'classify', outcome: 'continue' }, bounds, counts: [4, 0, 0, 0] },
      { labels: { stage: 'consent', outcome: 'consent-not-granted' }, bounds, counts: [0, 1, 0, 0] },
      { labels: { stage: 'consent', outcome: 'continue' }, bounds, counts: [1, 0, 0, 0] },
      { labels: { stage: 'consent', outcome: 'consent-unverifiable' }, bounds, counts: [0, 0, 2, 0] },
    ];
    expect(stageRows(series)).toEqual([
      { stage: 'classify', passed: 4, refusals: [], p50: 500, p95: 950, p99: 990 },
      {
        stage: 'consent',
        passed: 1,
        refusals: [
          { code: 'consent-unverifiable', count: 2 },
          { code: 'consent-not-granted', count: 1 },
        ],
        p50: 2000,
        p95: expect.closeTo(3800),
        p99: expect.closeTo(3960),
      },
    ]);
  });

  it('add up answers of one code, most frequent first', () => {
    const answer = (interaction: string, code: string, status: string, count: number) => ({
      labels: { interaction, code, status },
      bounds,
      counts: [count, 0, 0, 0],
    });
    expect(
      answerRows([
        answer('read', 'released', '200', 2),
        answer('read', 'not-found', '404', 4),
        answer('search', 'released', '200', 3),
      ]),
    ).toEqual([
      { code: 'released', status: 200, count: 5 },
      { code: 'not-found', status: 404, count: 4 },
    ]);
  });
});
