import type { Dispatcher } from 'undici';
import type { Limits } from '../../domain/json/fault.ts';
import type { LargeDocuments, UpstreamReader } from '../../ports.ts';
import { ask } from './answer.ts';

export interface ReaderOptions {
  readonly upstream: string;
  readonly agent: Dispatcher;
  readonly credential: () => Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly limits: Limits;
  readonly documents: LargeDocuments;
}

/** The gateway's own reads: the current version before a write, facts that explain an access. */
export function upstreamReader(options: ReaderOptions): UpstreamReader {
  const base = new URL(options.upstream);
  const basePath = base.pathname.endsWith('/') ? base.pathname.slice(0, -1) : base.pathname;
  return {
    read: (request, signal) =>
      new Promise((answered) => {
        ask(
          options.agent,
          {
            origin: base.origin,
            path: basePath + request.path,
            method: 'GET',
            headers: { ...request.headers, 'accept-encoding': 'identity', ...options.credential() },
            headersTimeout: options.timeoutMs,
            bodyTimeout: options.timeoutMs,
          },
          { limits: options.limits, documents: options.documents, signal },
          answered,
        );
      }),
  };
}
