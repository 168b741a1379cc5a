import type { IncomingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import type { Dispatcher } from 'undici';
import type { Limits } from '../../domain/json/fault.ts';
import type { UpstreamResponse } from '../../domain/upstream.ts';
import type { LargeDocuments } from '../../ports.ts';
import { faultOf } from './fault.ts';

const decoders = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

const malformed: UpstreamResponse = { kind: 'fault', code: 'upstream-malformed' };

const givenUp = new Error('the answer is not wanted any more');

export interface AskOptions {
  readonly limits: Limits;
  readonly documents: LargeDocuments;
  readonly signal?: AbortSignal;
}

/**
 * Sends a request and gives the whole answer, once: bounded before and after decoding; anything torn, too large or of unknown
 * encoding is a fault. It takes what undici hands over as it comes: the stream that `Dispatcher.request` makes of it, to be
 * read whole at once, costs as much as parsing the answer's head.
 */
export function ask(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  options: AskOptions,
  answered: (response: UpstreamResponse) => void,
): void {
  const gathering = new Gathering(options, answered);
  try {
    if (options.signal !== undefined) gathering.endWith(options.signal);
    if (!gathering.settled) dispatcher.dispatch(request, gathering);
  } catch (error) {
    gathering.onResponseError(undefined, error);
  }
}

class Gathering implements Dispatcher.DispatchHandler {
  readonly #limits: Limits;
  readonly #documents: LargeDocuments;
  #answered: ((response: UpstreamResponse) => void) | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #release: (() => void) | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  readonly #chunks: Uint8Array[] = [];
  #size = 0;

  constructor({ limits, documents }: AskOptions, answered: (response: UpstreamResponse) => void) {
    this.#limits = limits;
    this.#documents = documents;
    this.#answered = answered;
  }

  get settled(): boolean {
    return this.#answered === undefined;
  }

  /** Gives up when the signal fires. */
  endWith(signal: AbortSignal): void {
    const end = (): void => {
      this.#settle({ kind: 'fault', code: faultOf(signal.reason) });
      this.#controller?.abort(givenUp);
    };
    if (signal.aborted) {
      end();
      return;
    }
    signal.addEventListener('abort', end, { once: true });
    this.#release = () => signal.removeEventListener('abort', end);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.settled) controller.abort(givenUp);
  }

  onResponseStart(_controller: unknown, status: number, headers: IncomingHttpHeaders): void {
    // 1xx tells of an answer to come.
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#size += chunk.length;
    if (this.#size > this.#limits.bytes) {
      this.#settle(malformed);
      controller.abort(givenUp);
    } else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const [first] = this.#chunks;
    const body = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks, this.#size);
    const encoding = this.#headers['content-encoding'] ?? 'identity';
    if (encoding === 'identity' || body.length === 0) {
      this.#whole(body);
      return;
    }
    const decode = decoders[encoding as keyof typeof decoders];
    if (decode === undefined) {
      this.#settle(malformed);
      return;
    }
    decode(body, { maxOutputLength: this.#limits.bytes }).then(
      (decoded) => this.#whole(decoded),
      () => this.#settle(malformed),
    );
  }

  onResponseError(_controller: unknown, error: unknown): void {
    const code = faultOf(error);
    // An answer that was begun and then cut.
    this.#settle(this.#status > 0 && code === 'upstream-unreachable' ? malformed : { kind: 'fault', code });
  }

  #whole(body: Uint8Array): void {
    const ahead = this.#documents.ahead(body, this.#limits);
    if (ahead === undefined) this.#settle(this.#answer(body));
    else
      ahead.then(
        (read) => this.#settle(this.#answer(read)),
        () => this.#settle({ kind: 'fault', code: 'stage-failed' }),
      );
  }

  #answer(body: Uint8Array): UpstreamResponse {
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(this.#headers)) if (typeof value === 'string') headers[name] = value;
    return { kind: 'answer', status: this.#status, headers, body };
  }

  #settle(response: UpstreamResponse): void {
    const answered = this.#answered;
    this.#answered = undefined;
    this.#release?.();
    answered?.(response);
  }
}
