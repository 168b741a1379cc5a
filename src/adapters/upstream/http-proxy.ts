import { Readable } from 'node:stream';
import proxy from '@fastify/http-proxy';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Agent, type Dispatcher } from 'undici';
import type { Limits } from '../../domain/json/fault.ts';
import type { Cleared, UpstreamResponse } from '../../domain/upstream.ts';
import type { Gateway } from '../../gateway.ts';
import type { Forward, LargeDocuments } from '../../ports.ts';
import type { Answer } from '../../stages/answer.ts';
import { ask } from './answer.ts';
import { faultOf } from './fault.ts';

export interface ProxyOptions {
  readonly gateway: Gateway;
  /** Path of the gateway's FHIR base: `/fhir`. */
  readonly prefix: string;
  /** Base URL of the FHIR server. */
  readonly upstream: string;
  readonly agent: Dispatcher;
  /** Added to every upstream request: the gateway's own credential. */
  readonly credential: () => Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  /** On an answer of the server. */
  readonly limits: Limits;
  readonly documents: LargeDocuments;
  /** What answers in the server's place: the audit, which the ledger holds. */
  readonly around: (forward: Forward) => Forward;
}

/** The rest of one exchange, parked while http-proxy carries the cleared request. */
interface Parked {
  readonly cleared: Cleared;
  readonly answered: (response: UpstreamResponse) => void;
}

/** TLS is verified: the proxy's own default agent would not (reply-from sets rejectUnauthorized to false). */
export const upstreamAgent = (timeoutMs: number, ca?: string): Agent =>
  new Agent({
    connections: 256,
    pipelining: 1,
    connectTimeout: Math.min(timeoutMs, 5000),
    connect: { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) },
  });

/**
 * Mounts the gateway in front of the FHIR server. The preHandler runs the gateway's stages; when they clear the call,
 * http-proxy forwards what was cleared, and nothing of the raw request: method, path, query, headers and body are rebuilt.
 */
export async function mountProxy(app: FastifyInstance, options: ProxyOptions): Promise<void> {
  const parked = new WeakMap<FastifyRequest, Parked>();
  const base = new URL(options.upstream);
  const basePath = base.pathname.endsWith('/') ? base.pathname.slice(0, -1) : base.pathname;

  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: options.maxBodyBytes }, (_request, body, done) =>
      done(null, body),
    );
    await scope.register(proxy, {
      prefix: options.prefix,
      upstream: options.upstream,
      proxyPayloads: false,
      undici: wholeAnswers(options) as never,
      disableRequestLogging: true,
      httpMethods: ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT', 'OPTIONS'],
      preHandler: (request, reply, next) => {
        const forward: Forward = (cleared) =>
          new Promise((answered) => {
            // The proxy sees the prefix alone, as the router did: where the call goes is taken from what was cleared.
            parked.set(request, { cleared, answered });
            next();
          });
        options.gateway
          .handle(received(request, options.prefix), options.around(forward), aborted(request, reply))
          .then((answer) => send(reply, answer))
          .catch((error: unknown) => reply.send(error));
      },
      handler: (request, reply) => {
        const exchange = parked.get(request);
        if (exchange === undefined) throw new Error('A request reached the proxy without being cleared');
        const { cleared, answered } = exchange;
        const mark = cleared.path.indexOf('?');
        const path = mark < 0 ? cleared.path : cleared.path.slice(0, mark);
        const body = cleared.body === undefined ? null : bufferOf(cleared.body);
        // Not returned: of a reply that a handler returns Fastify makes a promise, and waits for the end of its stream.
        reply.from(basePath + path, {
          method: cleared.method as never,
          // The body that came in is never passed on: a kick-off by POST goes on as a GET.
          ...(cleared.method === 'GET'
            ? { body: null }
            : { body, contentType: cleared.headers['content-type'] ?? 'application/fhir+json' }),
          queryString: () => (mark < 0 ? '' : cleared.path.slice(mark + 1)),
          rewriteRequestHeaders: (_request, headers) => ({
            host: headers.host,
            ...(headers['content-length'] === undefined || cleared.method === 'GET'
              ? {}
              : { 'content-length': headers['content-length'] }),
            ...cleared.headers,
            'accept-encoding': 'identity',
            ...options.credential(),
          }),
          // The first that the proxy asks when the answer is there; `onResponse` it leaves out when the client has gone, and
          // what came of a write is to be recorded all the same. No header of the server goes on.
          rewriteHeaders: (carried) => {
            answered((carried as never as Carried).response);
            return {};
          },
          timeout: options.timeoutMs,
          retryDelay: () => null,
          // Without it the proxy would send what it was given; what is sent is the gateway's own answer.
          onResponse: () => undefined,
          onError: (_reply, { error }) => answered({ kind: 'fault', code: faultOf(error) }),
        });
      },
    });
  });
}

/** What http-proxy carries from undici to `rewriteHeaders`: the whole answer in place of the headers. */
interface Carried {
  readonly response: UpstreamResponse;
}

/** The part of undici that http-proxy uses. The status it is told is never sent: what is sent is the gateway's own answer. */
const wholeAnswers = ({ agent, limits, documents }: ProxyOptions) => ({
  request: (
    request: Dispatcher.DispatchOptions,
    done: (error: null, response: { statusCode: number; headers: object; body: object }) => void,
  ) =>
    ask(agent, request, { limits, documents }, (response) =>
      done(null, { statusCode: 502, headers: { response }, body: { destroy: () => undefined } }),
    ),
});

const received = (request: FastifyRequest, prefix: string) => ({
  method: request.method,
  target: (request.originalUrl ?? request.url).slice(prefix.length),
  headers: headersOf(request.raw),
  body: request.body instanceof Uint8Array && request.body.length > 0 ? request.body : undefined,
  ip: request.ip,
});

/** Of these Node keeps the first when they are repeated, and a proxy in front may have read the last. */
const singletons = ['authorization', 'content-type', 'if-modified-since'];

/** As Node gives them, with every value of a repeated one: whoever reads it sees that there are several. */
function headersOf(raw: FastifyRequest['raw']): Readonly<Record<string, string | string[] | undefined>> {
  const repeated = singletons.filter((name) => {
    let times = 0;
    for (let at = 0; at < raw.rawHeaders.length; at += 2) {
      const given = raw.rawHeaders[at] ?? '';
      if (given.length === name.length && given.toLowerCase() === name) times += 1;
    }
    return times > 1;
  });
  if (repeated.length === 0) return raw.headers;
  return { ...raw.headers, ...Object.fromEntries(repeated.map((name) => [name, raw.headersDistinct[name]])) };
}

/** Fires when the client has gone before its answer: the upstream call is not worth its while any more. */
function aborted(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  void request;
  return controller.signal;
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function send(reply: FastifyReply, answer: Answer): void {
  reply.code(answer.status);
  reply.headers(answer.headers);
  const { body } = answer;
  if (body === undefined || typeof body === 'string') reply.send(body);
  else if (body instanceof Uint8Array) reply.send(bufferOf(body));
  else {
    // A client that has gone never reads it, or not to its end.
    reply.raw.once('close', () => void body.close());
    if (reply.raw.destroyed) void body.close();
    else reply.send(Readable.from(body));
  }
}
