import type { FastifyInstance } from 'fastify';
import { documented } from './documented.ts';

/** One part of the gateway and whether calls can be served with it as it is. */
export interface PartHealth {
  readonly name: string;
  readonly ok: boolean;
  /** A sentence for the operator; no address, no identifier. */
  readonly detail: string;
}

export interface HealthParts {
  readonly parts: () => readonly PartHealth[];
  readonly metrics: () => Promise<string>;
  readonly metricsType: string;
}

/** `/healthz`: the process lives. `/readyz`: it can serve; 503 names the parts that cannot. `/metrics`: Prometheus. */
export function healthRoutes(app: FastifyInstance, health: HealthParts): void {
  app.get('/healthz', documented('The process lives.', { open: true }), () => ({ status: 'ok' }));
  app.get(
    '/readyz',
    documented('Whether calls can be served; 503 names the parts that cannot.', { open: true }),
    (_request, reply) => {
      const parts = health.parts();
      const ready = parts.every((part) => part.ok);
      return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready', parts });
    },
  );
  app.get(
    '/metrics',
    documented('Metrics for Prometheus.', { open: true, answers: 'text/plain' }),
    async (_request, reply) => reply.type(health.metricsType).send(await health.metrics()),
  );
}
