import type { FastifyInstance } from 'fastify';
import { documented } from './documented.ts';

export interface Witness {
  addCheckpoint(body: string): { readonly status: number; readonly body: string; readonly type: string };
}

/** C2SP tlog-witness under /witness/: this gateway cosigns the logs of its peers. */
export const witnessRoutes =
  (witness: Witness) =>
  async (app: FastifyInstance): Promise<void> => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'string', bodyLimit: 64 * 1024 }, (_request, body, done) =>
      done(null, body),
    );
    app.post(
      '/witness/add-checkpoint',
      documented('Cosigns the checkpoint of a peer (C2SP tlog-witness).', { open: true, answers: 'text/plain' }),
      async (request, reply) => {
        const answer = witness.addCheckpoint(typeof request.body === 'string' ? request.body : '');
        return reply.code(answer.status).type(answer.type).header('cache-control', 'no-store').send(answer.body);
      },
    );
  };
