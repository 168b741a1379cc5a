import { describe, expect, it } from '@jest/globals';
import { Traffic } from '../../../src/adapters/telemetry/traffic.ts';
import { trafficPoints, trafficSeconds } from '../../../src/domain/console/figures.ts';

const slot = trafficSeconds * 1000;
const start = 1_700_000_000_000;

describe('the traffic of the last minutes', () => {
  it('counts what was served, refused and failed in its slot', () => {
    const traffic = new Traffic();
    for (const status of [200, 201, 304, 403, 404, 500, 503]) traffic.observe(status, start);
    traffic.observe(200, start + slot);
    const points = traffic.points(start + slot);
    expect(points).toHaveLength(trafficPoints);
    expect(points.at(-2)).toEqual({ at: start, served: 3, refused: 2, failed: 2 });
    expect(points.at(-1)).toEqual({ at: start + slot, served: 1, refused: 0, failed: 0 });
  });

  it('forgets what is older, also where the same place is used again', () => {
    const traffic = new Traffic();
    traffic.observe(200, start);
    expect(traffic.points(start + trafficPoints * slot).every(({ served }) => served === 0)).toBe(true);
    traffic.observe(403, start + trafficPoints * slot);
    expect(traffic.points(start + trafficPoints * slot).at(-1)).toMatchObject({ served: 0, refused: 1 });
  });
});
