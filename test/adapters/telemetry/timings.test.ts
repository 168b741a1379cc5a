import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { Timings } from '../../../src/adapters/telemetry/timings.ts';

describe('timings', () => {
  it('are a Prometheus histogram: cumulative buckets, sum and count for each series', async () => {
    const registry = new Registry();
    const timings = new Timings(registry, { name: 'work_seconds', help: 'Work.', labels: ['stage'], bounds: [0.1, 1] });
    for (const seconds of [0.05, 0.5, 0.5, 7]) timings.observe('a', seconds, () => ({ stage: 'a' }));
    timings.observe('b', 0.2, () => ({ stage: 'b' }));
    const text = await registry.metrics();
    expect(text).toContain('# TYPE work_seconds histogram');
    expect(text).toContain('work_seconds_bucket{stage="a",le="0.1"} 1');
    expect(text).toContain('work_seconds_bucket{stage="a",le="1"} 3');
    expect(text).toContain('work_seconds_bucket{stage="a",le="+Inf"} 4');
    expect(text).toContain('work_seconds_sum{stage="a"} 8.05');
    expect(text).toContain('work_seconds_count{stage="b"} 1');
  });
});
