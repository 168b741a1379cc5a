import type { Metric, Registry } from 'prom-client';
import type { TimingSeries } from '../../domain/console/figures.ts';

interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly counts: Float64Array;
  sum: number;
}

/**
 * A Prometheus histogram that costs an array write per observation. prom-client's own hashes its labels at every one: with ten stages
 * a request that was 3 % of the gateway's time.
 */
export class Timings<Label extends string> {
  readonly #series = new Map<string, Series>();
  readonly #bounds: Float64Array;

  constructor(
    registry: Registry,
    options: {
      readonly name: string;
      readonly help: string;
      readonly labels: readonly Label[];
      readonly bounds: readonly number[];
    },
  ) {
    const { name, help } = options;
    this.#bounds = Float64Array.from(options.bounds);
    const get = async () => ({
      name,
      help,
      type: 'histogram',
      aggregator: 'sum',
      values: [...this.#series.values()].flatMap((series) => this.#values(name, series)),
    });
    registry.registerMetric({ name, get, reset: () => this.#series.clear() } as unknown as Metric);
  }

  /** `key` names the series; labels are asked for once. */
  observe(key: string, seconds: number, labels: () => Readonly<Record<Label, string>>): void {
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels: labels(), counts: new Float64Array(this.#bounds.length + 1), sum: 0 };
      this.#series.set(key, series);
    }
    let bucket = 0;
    while (bucket < this.#bounds.length && seconds > (this.#bounds[bucket] as number)) bucket += 1;
    series.counts[bucket] = (series.counts[bucket] as number) + 1;
    series.sum += seconds;
  }

  /** The same series for the console, with times in seconds. */
  series(): readonly TimingSeries<Label>[] {
    return [...this.#series.values()].map(({ labels, counts }) => ({
      labels: labels as Readonly<Record<Label, string>>,
      bounds: Array.from(this.#bounds),
      counts: Array.from(counts),
    }));
  }

  #values(name: string, { labels, counts, sum }: Series) {
    let total = 0;
    const buckets = Array.from(counts, (count, index) => {
      total += count;
      const le = index < this.#bounds.length ? (this.#bounds[index] as number) : '+Inf';
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: total };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: total },
    ];
  }
}
