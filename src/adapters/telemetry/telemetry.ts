import { type DestinationStream, pino } from 'pino';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Figures } from '../../domain/console/figures.ts';
import type { Telemetry } from '../../ports.ts';
import { Timings } from './timings.ts';
import { Traffic } from './traffic.ts';

export interface TelemetryAdapter extends Telemetry {
  /** Prometheus text. */
  metrics(): Promise<string>;
  readonly contentType: string;
  figures(): Figures;
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
  const stages = new Timings(registry, {
    name: 'consentry_stage_seconds',
    help: 'Time in each stage, by outcome: continue or the code of the refusal.',
    labels: ['stage', 'outcome'],
    bounds: [0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5],
  });
  const answers = new Timings(registry, {
    name: 'consentry_request_seconds',
    help: 'Time from receipt to answer, upstream included.',
    labels: ['interaction', 'status', 'code'],
    bounds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
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
  const traffic = new Traffic();
  const failed = new Map<string, { readonly part: string; readonly error: string; count: number }>();
  return {
    stage: (stage, outcome, milliseconds) =>
      stages.observe(`${stage} ${outcome}`, milliseconds / 1000, () => ({ stage, outcome })),
    answered(fields) {
      const { interaction, status, code } = fields;
      answers.observe(`${interaction} ${status} ${code}`, fields.milliseconds / 1000, () => ({
        interaction,
        status: String(status),
        code,
      }));
      traffic.observe(fields.status, Date.now());
      log.info(fields);
    },
    failed(part, error) {
      failures.inc({ part, error });
      const known = failed.get(`${part} ${error}`);
      if (known === undefined) failed.set(`${part} ${error}`, { part, error, count: 1 });
      else known.count += 1;
      log.warn({ part, error });
    },
    gauge: (name, value) => gauges.set({ name }, value),
    metrics: () => registry.metrics(),
    contentType: registry.contentType,
    figures: () => ({
      stages: stages.series(),
      answers: answers.series(),
      failures: [...failed.values()],
      traffic: traffic.points(Date.now()),
    }),
  };
}
