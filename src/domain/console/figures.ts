/** A histogram: `counts` has one more place than `bounds`, for what lies above the last. Seconds. */
export interface TimingSeries<Label extends string = string> {
  readonly labels: Readonly<Record<Label, string>>;
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
}

export interface TrafficPoint {
  readonly at: number;
  readonly served: number;
  readonly refused: number;
  readonly failed: number;
}

export const trafficSeconds = 10;
export const trafficPoints = 60;

/** What the gateway counted since it started, without a name of anybody. */
export interface Figures {
  readonly stages: readonly TimingSeries<'stage' | 'outcome'>[];
  readonly answers: readonly TimingSeries<'interaction' | 'status' | 'code'>[];
  readonly failures: readonly { readonly part: string; readonly error: string; readonly count: number }[];
  /** The last ten minutes. */
  readonly traffic: readonly TrafficPoint[];
}

const totalOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

/** Interpolated within its bucket; `undefined` when nothing was observed, the last bound when it lies above. */
export function quantile({ bounds, counts }: Pick<TimingSeries, 'bounds' | 'counts'>, q: number): number | undefined {
  const total = totalOf(counts);
  if (total === 0) return undefined;
  let below = 0;
  for (const [index, count] of counts.entries()) {
    if (below + count >= q * total && count > 0) {
      const from = index === 0 ? 0 : (bounds[index - 1] ?? 0);
      const to = bounds[index];
      return to === undefined ? from : from + ((to - from) * (q * total - below)) / count;
    }
    below += count;
  }
  return bounds.at(-1);
}

/** One row for each stage, in the order in which stages were first seen: how many passed, why the others did not, how long it took. */
export function stageRows(series: Figures['stages']): readonly StageRow[] {
  const names = [...new Set(series.map(({ labels }) => labels.stage))];
  return names.map((stage) => {
    const own = series.filter(({ labels }) => labels.stage === stage);
    const counts = (own[0]?.counts ?? []).map((_, place) => totalOf(own.map((each) => each.counts[place] ?? 0)));
    const histogram = { bounds: own[0]?.bounds ?? [], counts };
    const milliseconds = (q: number): number => (quantile(histogram, q) ?? 0) * 1000;
    return {
      stage,
      passed: totalOf(own.filter(({ labels }) => labels.outcome === 'continue').flatMap((each) => each.counts)),
      refusals: own
        .filter(({ labels }) => labels.outcome !== 'continue')
        .map(({ labels, counts }) => ({ code: labels.outcome, count: totalOf(counts) }))
        .sort((a, b) => b.count - a.count),
      p50: milliseconds(0.5),
      p95: milliseconds(0.95),
      p99: milliseconds(0.99),
    };
  });
}

export interface StageRow {
  readonly stage: string;
  readonly passed: number;
  /** By code of the error table, most frequent first. */
  readonly refusals: readonly CodeCount[];
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface CodeCount {
  readonly code: string;
  readonly count: number;
}

/** Answers by code, most frequent first; `released` is what was served. */
export function answerRows(series: Figures['answers']): readonly (CodeCount & { readonly status: number })[] {
  const rows = new Map<string, { code: string; status: number; count: number }>();
  for (const { labels, counts } of series) {
    const key = `${labels.code} ${labels.status}`;
    const row = rows.get(key) ?? { code: labels.code, status: Number(labels.status), count: 0 };
    row.count += totalOf(counts);
    rows.set(key, row);
  }
  return [...rows.values()].sort((a, b) => b.count - a.count);
}
