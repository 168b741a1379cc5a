import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Agent } from 'undici';
import { ask } from '../../../src/adapters/upstream/answer.ts';
import { defaultLimits } from '../../../src/domain/json/fault.ts';
import type { UpstreamResponse } from '../../../src/domain/upstream.ts';
import type { LargeDocuments } from '../../../src/ports.ts';

const text = '{"resourceType":"Patient"}'.repeat(40);
const encodings: Readonly<Record<string, (body: string) => Uint8Array>> = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
};

let server: Server;
let origin: string;
let begun: () => void = () => undefined;
const agent = new Agent({ connections: 4 });

const answers: Readonly<Record<string, (name: string, response: import('node:http').ServerResponse) => void>> = {
  plain: (_, response) => response.writeHead(200, { etag: 'W/"1"', 'x-many': ['a', 'b'] }).end(text),
  empty: (_, response) => response.writeHead(204).end(),
  chunks: (_, response) => {
    for (let at = 0; at < text.length; at += 100) response.write(text.slice(at, at + 100));
    response.end();
  },
  early: (_, response) => {
    response.writeEarlyHints({ link: '</a>; rel=preload' });
    response.writeHead(404).end('gone');
  },
  encoded: (name, response) =>
    response
      .writeHead(200, { 'content-encoding': name })
      .end((encodings[name] ?? ((body: string) => Buffer.from(body)))(text)),
  bomb: (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('a'.repeat(100_000))),
  damaged: (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip at all'),
  large: (_, response) => response.writeHead(200).end('a'.repeat(100_000)),
  torn: (_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('half');
    response.socket?.end();
  },
  closed: (_, response) => void response.socket?.destroy(),
  silent: () => begun(),
  stuck: (_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('half', () => begun());
  },
};

beforeAll(async () => {
  server = createServer((request, response) => {
    const [, kind = '', name = ''] = (request.url ?? '').split('/');
    answers[kind]?.(name, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await agent.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const unread: LargeDocuments = { ahead: () => undefined };

const asked = (
  path: string,
  options: { signal?: AbortSignal; timeout?: number; origin?: string; documents?: LargeDocuments } = {},
) =>
  new Promise<UpstreamResponse>((resolve) =>
    ask(
      agent,
      {
        origin: options.origin ?? origin,
        path,
        method: 'GET',
        headersTimeout: options.timeout ?? 5000,
        bodyTimeout: options.timeout ?? 5000,
      },
      {
        limits: { ...defaultLimits, bytes: 50_000 },
        documents: options.documents ?? unread,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
      resolve,
    ),
  );
const bodyOf = (response: UpstreamResponse) =>
  response.kind === 'answer' ? `${response.status} ${Buffer.from(response.body).toString()}` : response.code;

describe('the answer of the FHIR server', () => {
  it('is gathered whole, with its headers', async () => {
    const response = await asked('/plain');
    expect(bodyOf(response)).toBe(`200 ${text}`);
    expect(response).toMatchObject({ headers: { etag: 'W/"1"' } });
    expect(bodyOf(await asked('/chunks'))).toBe(`200 ${text}`);
    expect(bodyOf(await asked('/empty'))).toBe('204 ');
  });

  it('is a fault of the gateway when it could not be read', async () => {
    const failing: LargeDocuments = { ahead: () => Promise.reject(new Error('the thread is gone')) };
    expect(bodyOf(await asked('/plain', { documents: failing }))).toBe('stage-failed');
    expect(bodyOf(await asked('/encoded/gzip', { documents: failing }))).toBe('stage-failed');
  });

  it('is not an early hint', async () => {
    expect(bodyOf(await asked('/early'))).toBe('404 gone');
  });

  it.each(Object.keys(encodings))('is decoded from %s', async (name) => {
    expect(bodyOf(await asked(`/encoded/${name}`))).toBe(`200 ${text}`);
  });

  it.each(['/encoded/zstd', '/bomb', '/damaged', '/large', '/torn'])('is malformed: %s', async (path) => {
    expect(await asked(path)).toEqual({ kind: 'fault', code: 'upstream-malformed' });
  });

  it('is none where nobody listens or the connection is closed', async () => {
    expect(bodyOf(await asked('/closed'))).toBe('upstream-unreachable');
    expect(bodyOf(await asked('/plain', { origin: 'http://127.0.0.1:1' }))).toBe('upstream-unreachable');
    expect(bodyOf(await asked('/plain', { origin: 'no address' }))).toBe('upstream-unreachable');
  });

  it.each(['/silent', '/stuck'])('is late: %s', async (path) => {
    expect(bodyOf(await asked(path, { timeout: 50 }))).toBe('upstream-timeout');
  });

  it.each(['/silent', '/stuck'])('is not waited for when the caller has gone: %s', async (path) => {
    const caller = new AbortController();
    const reached = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const answer = asked(path, { signal: caller.signal });
    await reached;
    caller.abort();
    expect(bodyOf(await answer)).toBe('upstream-unreachable');
    expect(bodyOf(await asked('/plain', { signal: caller.signal }))).toBe('upstream-unreachable');
  });
});
