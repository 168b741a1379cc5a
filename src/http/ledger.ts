import type { FastifyInstance, FastifyReply } from 'fastify';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';

/** The part of a log that anybody may read: it names no person. */
export interface PublicLog {
  readonly verifierKey: string;
  /** `checkpoint` or a path under `tile/`; of a later log with its half-year before it. */
  resource(path: string): Promise<Uint8Array | undefined>;
}

export interface WitnessedLog {
  /** The newest checkpoint that witnesses have cosigned, with their lines. */
  cosigned(): string | undefined;
  /** Keys of this gateway beside the log's own: its second signature, and its own as a witness. */
  readonly keys: readonly string[];
}

/** C2SP tlog-tiles under /ledger/, so that public tools verify the log as they verify any other. */
export const ledgerRoutes =
  (log: PublicLog, witnessed?: WitnessedLog) =>
  async (app: FastifyInstance): Promise<void> => {
    const checkpoint = async (path: string, reply: FastifyReply) => {
      const bytes = await log.resource(path);
      if (bytes === undefined) return refuse(reply, 'not-found');
      return reply.type('text/plain; charset=utf-8').header('cache-control', 'no-cache').send(Buffer.from(bytes));
    };
    const tile = async (path: string, reply: FastifyReply) => {
      const bytes = await log.resource(path);
      if (bytes === undefined) return refuse(reply, 'not-found');
      return reply
        .type('application/octet-stream')
        .header('cache-control', 'public, max-age=31536000, immutable')
        .send(Buffer.from(bytes));
    };
    app.get(
      '/ledger/checkpoint',
      documented('The signed checkpoint of the first log (C2SP tlog-tiles).', { open: true, answers: 'text/plain' }),
      (_request, reply) => checkpoint('checkpoint', reply),
    );
    app.get<{ Params: { half: string } }>(
      '/ledger/:half/checkpoint',
      documented('The signed checkpoint of the log of a later half-year.', { open: true, answers: 'text/plain' }),
      (request, reply) => checkpoint(`${request.params.half}/checkpoint`, reply),
    );
    /** What an auditor puts in a trust file once, compared by another channel. */
    app.get(
      '/ledger/key',
      documented('The verifier key of the log, as it stands in a trust file.', { open: true, answers: 'text/plain' }),
      async (_request, reply) =>
        reply
          .type('text/plain; charset=utf-8')
          .header('cache-control', 'no-cache')
          .send([log.verifierKey, ...(witnessed?.keys ?? [])].map((key) => `${key}\n`).join('')),
    );
    app.get(
      '/ledger/cosigned',
      documented('The checkpoint with the signatures of its witnesses.', { open: true, answers: 'text/plain' }),
      async (_request, reply) => {
        const note = witnessed?.cosigned();
        if (note === undefined) return refuse(reply, 'not-found');
        return reply.type('text/plain; charset=utf-8').header('cache-control', 'no-cache').send(note);
      },
    );
    app.get<{ Params: { '*': string } }>(
      '/ledger/tile/*',
      documented('A tile of the first log.', { open: true, answers: 'application/octet-stream' }),
      (request, reply) => tile(`tile/${request.params['*']}`, reply),
    );
    app.get<{ Params: { half: string; '*': string } }>(
      '/ledger/:half/tile/*',
      documented('A tile of the log of a later half-year.', { open: true, answers: 'application/octet-stream' }),
      (request, reply) => tile(`${request.params.half}/tile/${request.params['*']}`, reply),
    );
  };
