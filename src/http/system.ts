import type { FastifyInstance } from 'fastify';
import type { SystemState } from '../domain/console/system.ts';
import type { Opens } from './console-access.ts';
import { documented } from './documented.ts';

export interface SystemParts {
  readonly opens: Opens;
  readonly state: () => Promise<SystemState>;
}

/** `GET /api/v1/system`: the parts of this gateway, their health, and the configuration in force with where each value came from. */
export function systemRoutes(app: FastifyInstance, parts: SystemParts): void {
  app.get(
    '/api/v1/system',
    documented('The parts of the gateway and their state, for operators.'),
    async (request, reply) => {
      if ((await parts.opens(request, reply, 'system')) === undefined) return reply;
      return reply.header('cache-control', 'no-store').send(await parts.state());
    },
  );
}
