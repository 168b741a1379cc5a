import { afterEach, describe, expect, it } from '@jest/globals';
import Fastify, { type FastifyInstance } from 'fastify';
import type { ConsoleSettings } from '../../src/domain/console/settings.ts';
import { consoleFiles } from '../../src/http/console-files.ts';
import { handleErrors } from '../../src/http/errors.ts';

const page = '<meta nonce="__NONCE__"><meta name="s" content="__SETTINGS__">';
const script = 'console.log("x");'.repeat(50);
const built = new Map(
  Object.entries({
    'index.html': page,
    stamp: 'secret of the build',
    'manifest.json': '{}',
    'assets/main-1.js': script,
    'assets/main-1.css': 'a{}',
  }).map(([path, text]) => [path, new TextEncoder().encode(text)]),
);
const settings: ConsoleSettings = {
  issuer: 'https://login.example/realm',
  tokenEndpoint: 'https://tokens.example/token',
  clientId: 'console"><script>alert(1)</script>',
  scopes: 'openid',
  audience: 'https://gateway.example/fhir',
  organisation: 'Organization/o1',
  sandbox: false,
};

let app: FastifyInstance;
let drawn = 0;
const serve = (files = built): FastifyInstance => {
  app = Fastify();
  handleErrors(app, () => undefined);
  consoleFiles(app, {
    files,
    settings: () => settings,
    random: { bytes: (length) => new Uint8Array(length).fill(drawn++) },
  });
  return app;
};
const get = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  app.inject({ method: 'GET', url, headers });
afterEach(() => app.close());

describe('the page', () => {
  it.each(['/console/', '/console/audit', '/console/audit/entry-1', '/my/', '/my/choices'])(
    'is served at %s',
    async (url) => {
      serve();
      const answer = await get(url);
      expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
      expect(answer.headers['cache-control']).toBe('no-store');
    },
  );

  it('is where the name without a slash leads', async () => {
    serve();
    const answer = await get('/my');
    expect([answer.statusCode, answer.headers.location]).toEqual([308, '/my/']);
  });

  it('carries the settings as text, whatever characters they hold', async () => {
    serve();
    const { body } = await get('/console/');
    expect(body).not.toContain('<script>');
    const attribute = /content="([^"]*)"/.exec(body)?.[1] ?? '';
    const text = attribute.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
    expect(JSON.parse(text)).toEqual(settings);
  });

  it('lets nothing run or load that is not its own, and nobody frame it', async () => {
    serve();
    const { headers, body } = await get('/console/');
    const nonce = /nonce="([^"]+)"/.exec(body)?.[1];
    expect(headers['content-security-policy']).toBe(
      `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data:; font-src 'self'; ` +
        "connect-src 'self' https://login.example https://tokens.example; form-action 'none'; frame-ancestors 'none'; " +
        "base-uri 'none'; object-src 'none'",
    );
    expect(headers).toMatchObject({
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
    });
  });

  it('has another nonce each time', async () => {
    serve();
    const [first, second] = [await get('/console/'), await get('/console/')];
    expect(first.headers['content-security-policy']).not.toBe(second.headers['content-security-policy']);
  });

  it('says how to build it when it has not been built', async () => {
    serve(new Map());
    const answer = await get('/console/');
    expect([answer.statusCode, answer.body]).toEqual([503, expect.stringContaining('npm run build')]);
  });
});

describe('its files', () => {
  it('are kept by browsers for ever, since their names change with them', async () => {
    serve();
    const answer = await get('/console/assets/main-1.js');
    expect([answer.statusCode, answer.body]).toEqual([200, script]);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
    });
    const again = await get('/console/assets/main-1.js', { 'if-none-match': String(answer.headers.etag) });
    expect([again.statusCode, again.body]).toEqual([304, '']);
  });

  it('are packed for browsers that take it', async () => {
    serve();
    const packed = await get('/console/assets/main-1.js', { 'accept-encoding': 'br, gzip' });
    expect([packed.headers['content-encoding'], packed.headers.vary]).toEqual(['gzip', 'Accept-Encoding']);
    expect(packed.rawPayload.length).toBeLessThan(script.length);
  });

  it.each([
    '/console/assets/none.js',
    '/console/assets/../stamp.txt',
    '/console/assets/..%2fstamp',
    '/console/..%2f..%2fpackage.json',
    '/console/%2e%2e/%2e%2e/package.json',
    '/console/..%5c..%5cpackage.json',
    '/console//etc/passwd.txt',
    '/console/stamp.txt',
    '/console/manifest.json',
    '/console/index.html',
    '/my/assets/main-1.js',
    '/my/assets/../../package.json',
    '/console/%00',
  ])('are found by their exact name alone: %s', async (url) => {
    serve();
    const answer = await get(url);
    expect([answer.statusCode, answer.body.includes('secret of the build')]).toEqual([404, false]);
  });

  it.each(['/', '/fhir', '/api/v1/nothing', '/consoles/', '/myself'])('have no fallback at %s', async (url) => {
    serve();
    expect((await get(url)).statusCode).toBe(404);
  });
});
