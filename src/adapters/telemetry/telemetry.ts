import { type DestinationStream, pino } from 'pino';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Telemetry } from '../../ports.ts';

export interface TelemetryAdapter extends Telemetry {
  /** Prometheus text. */
  metrics(): Promise<string>;
  readonly contentType: string;
}

/**
 * Logs and metrics from closed field sets. No line and no label holds a URL, a query, an identifier or a value: what is
 * not a parameter of these functions cannot be logged.
 */
export function telemetry(options: {
  readonly level: 'silent' | 'info' | 'warn';
  readonly destination?: DestinationStream;
}): TelemetryAdapter {
  const log = pino(
    { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    options.destination ?? pino.destination({ dest: 1, sync: false }),
  );
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const stages = new Histogram({
    name: 'consentry_stage_seconds',
    help: 'Time in each stage, by outcome: continue or the code of the refusal.',
    labelNames: ['stage', 'outcome'] as const,
    buckets: [0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5],
    registers: [registry],
  });
  const answers = new Histogram({
    name: 'consentry_request_seconds',
    help: 'Time from receipt to answer, upstream included.',
    labelNames: ['interaction', 'status', 'code'] as const,
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers: [registry],
  });
  const failures = new Counter({
    name: 'consentry_failures_total',
    help: 'Parts that failed and made their stage refuse.',
    labelNames: ['part', 'error'] as const,
    registers: [registry],
  });
  const gauges = new Gauge({
    name: 'consentry_gauge',
    help: 'Head age, ledger size and the like, by name.',
    labelNames: ['name'] as const,
    registers: [registry],
  });
  const observers = new Map<string, { observe(value: number): void }>();
  const observer = (histogram: Histogram<never>, labels: Record<string, string>): { observe(value: number): void } => {
    const key = Object.values(labels).join('|');
    let known = observers.get(key);
    if (known === undefined) {
      known = (histogram as Histogram).labels(labels);
      observers.set(key, known);
    }
    return known;
  };
  return {
    stage: (stage, outcome, milliseconds) => observer(stages as never, { stage, outcome }).observe(milliseconds / 1000),
    answered(fields) {
      observer(answers as never, {
        interaction: fields.interaction,
        status: String(fields.status),
        code: fields.code,
      }).observe(fields.milliseconds / 1000);
      log.info(fields);
    },
    failed(part, error) {
      failures.inc({ part, error });
      log.warn({ part, error });
    },
    gauge: (name, value) => gauges.set({ name }, value),
    metrics: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
