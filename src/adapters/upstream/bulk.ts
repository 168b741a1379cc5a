import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { PlaceRequest, UpstreamFault, UpstreamFile } from '../../domain/upstream.ts';
import type { BulkUpstream } from '../../ports.ts';
import { ask } from './answer.ts';
import { faultOf } from './fault.ts';
import type { ReaderOptions } from './reader.ts';

export interface BulkOptions extends ReaderOptions {
  /** Largest file, decoded. */
  readonly maxFileBytes: number;
}

const decoders = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
} as const;

/** The steps of an export at the upstream. The gateway's credential goes to the upstream's own origin and nowhere else. */
export function bulkUpstream(options: BulkOptions): BulkUpstream {
  const home = new URL(options.upstream).origin;
  const request = ({ method, url, accept }: PlaceRequest, encoding: 'identity' | 'gzip') => {
    const { origin, pathname, search } = new URL(url);
    return {
      origin,
      path: pathname + search,
      method,
      headers: { accept, 'accept-encoding': encoding, ...(origin === home ? options.credential() : {}) },
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
    } as const;
  };

  return {
    ask: (place, signal) =>
      new Promise((answered) => {
        const { limits, documents } = options;
        ask(options.agent, request(place, 'identity'), { limits, documents, signal }, answered);
      }),
    async file(place, signal) {
      try {
        const response = await options.agent.request({ ...request(place, 'gzip'), signal });
        // What is given up half-way says so in an event that nobody else waits for.
        response.body.on('error', () => {});
        const encoding = String(response.headers['content-encoding'] ?? 'identity');
        if (response.statusCode !== 200) {
          response.body.destroy();
          return { kind: 'file', status: response.statusCode, chunks: nothing, torn: () => undefined };
        }
        if (encoding !== 'identity' && !Object.hasOwn(decoders, encoding)) {
          response.body.destroy();
          return { kind: 'fault', code: 'upstream-malformed' };
        }
        return pieces(response.statusCode, response.body, encoding, options.maxFileBytes);
      } catch (error) {
        return { kind: 'fault', code: faultOf(error) };
      }
    },
  };
}

const nothing: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} };

function pieces(status: number, body: Readable, encoding: string, maxBytes: number): UpstreamFile {
  let torn: UpstreamFault | 'too-costly' | undefined;
  const decoded =
    encoding === 'identity'
      ? body
      : // Errors of either end come out of the reading below.
        pipeline(body, decoders[encoding as keyof typeof decoders](), () => {});
  async function* chunks(): AsyncGenerator<Uint8Array> {
    let size = 0;
    try {
      for await (const chunk of decoded as AsyncIterable<Uint8Array>) {
        size += chunk.length;
        if (size > maxBytes) {
          torn = 'too-costly';
          return;
        }
        yield chunk;
      }
    } catch (error) {
      const code = faultOf(error);
      torn = code === 'upstream-unreachable' ? 'upstream-malformed' : code;
    } finally {
      body.destroy();
    }
  }
  return { kind: 'file', status, chunks: chunks(), torn: () => torn };
}
