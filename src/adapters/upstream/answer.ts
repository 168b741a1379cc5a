import type { IncomingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import type { UpstreamResponse } from '../../domain/upstream.ts';
import { faultOf } from './fault.ts';

const decoders = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

/** What http-proxy and undici hand over. */
export interface AnswerStream {
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  on(event: 'end' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  destroy(): unknown;
}

const tooLarge = new RangeError('the answer is larger than it may be');
const cut = new Error('the answer was cut');

/** Reads the whole answer, bounded before and after decoding. Anything torn, too large or of unknown encoding is a fault. */
export async function readAnswer(
  status: number,
  headers: IncomingHttpHeaders,
  stream: AnswerStream,
  maxBytes: number,
): Promise<UpstreamResponse> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    // Events, not an async iterator: that costs several promises for a body of one chunk.
    await new Promise<void>((resolve, reject) => {
      stream.on('data', (chunk) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size > maxBytes) {
          reject(tooLarge);
          stream.destroy();
        }
      });
      stream.on('end', resolve);
      stream.on('error', reject);
      stream.on('close', () => reject(cut));
    });
  } catch (error) {
    const code = faultOf(error);
    return { kind: 'fault', code: code === 'upstream-unreachable' ? 'upstream-malformed' : code };
  }
  const [first] = chunks;
  let body: Uint8Array = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size);
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity' && size > 0) {
    const decode = decoders[encoding as keyof typeof decoders];
    if (decode === undefined) return { kind: 'fault', code: 'upstream-malformed' };
    try {
      body = await decode(body, { maxOutputLength: maxBytes });
    } catch {
      return { kind: 'fault', code: 'upstream-malformed' };
    }
  }
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) if (typeof value === 'string') flat[name] = value;
  return { kind: 'answer', status, headers: flat, body };
}
