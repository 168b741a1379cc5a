import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ConsoleSettings } from '../domain/console/settings.ts';
import type { Random } from '../ports.ts';
import { refuse } from './errors.ts';

export interface ConsoleFilesParts {
  /** What `npm run build` made, by path below its folder; asked for once. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly settings: (place: 'console' | 'my') => ConsoleSettings;
  readonly random: Random;
}

interface StoredFile {
  readonly type: string;
  readonly bytes: Buffer;
  readonly packed: Buffer;
  readonly etag: string;
}

/**
 * `/console/` and `/my/`: one page with its scripts. Only paths below these two prefixes fall back to the page; a file is
 * found by its exact name among those that were read at start-up, so no path can lead anywhere else.
 */
export function consoleFiles(app: FastifyInstance, parts: ConsoleFilesParts): void {
  const page = parts.files.get('index.html');
  const files = new Map([...parts.files].filter(([path]) => path.startsWith('assets/')).map(stored));

  for (const place of ['console', 'my'] as const) {
    const show = (reply: FastifyReply): FastifyReply => {
      if (page === undefined) return unbuilt(reply);
      const nonce = Buffer.from(parts.random.bytes(16)).toString('base64');
      const settings = parts.settings(place);
      const html = Buffer.from(page)
        .toString('utf8')
        .replaceAll('__NONCE__', nonce)
        .replace('__SETTINGS__', () => escaped(JSON.stringify(settings)));
      return hardened(reply, nonce, settings)
        .header('cache-control', 'no-store')
        .type('text/html; charset=utf-8')
        .send(html);
    };
    app.get(`/${place}`, (_request, reply) => reply.redirect(`/${place}/`, 308));
    app.get(`/${place}/`, (_request, reply) => show(reply));
    app.get<{ Params: { '*': string } }>(`/${place}/*`, (request, reply) => {
      const path = request.params['*'];
      if (!path.startsWith('assets/')) return /^[a-z0-9/_-]*$/i.test(path) ? show(reply) : refuse(reply, 'not-found');
      const file = place === 'console' ? files.get(path) : undefined;
      if (file === undefined) return refuse(reply, 'not-found');
      reply
        .header('etag', file.etag)
        .header('cache-control', 'public, max-age=31536000, immutable')
        .header('vary', 'Accept-Encoding')
        .header('x-content-type-options', 'nosniff')
        .header('cross-origin-resource-policy', 'same-origin');
      if (request.headers['if-none-match'] === file.etag) return reply.code(304).send();
      const packed = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
      if (packed) reply.header('content-encoding', 'gzip');
      return reply.type(file.type).send(packed ? file.packed : file.bytes);
    });
  }
}

/** Nothing from elsewhere, no inline script, no frame around it, and no address of the page told to anybody. */
function hardened(reply: FastifyReply, nonce: string, settings: ConsoleSettings): FastifyReply {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src ${["'self'", ...new Set(issuerOrigins(settings))].join(' ')}`,
    "form-action 'none'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "object-src 'none'",
  ];
  return reply
    .header('content-security-policy', policy.join('; '))
    .header('x-frame-options', 'DENY')
    .header('x-content-type-options', 'nosniff')
    .header('referrer-policy', 'no-referrer')
    .header('cross-origin-opener-policy', 'same-origin')
    .header('permissions-policy', 'camera=(), geolocation=(), microphone=(), payment=()');
}

const issuerOrigins = ({ issuer, tokenEndpoint }: ConsoleSettings): readonly string[] =>
  [issuer, tokenEndpoint].flatMap((url) => (url !== undefined && URL.canParse(url) ? [new URL(url).origin] : []));

const escaped = (text: string): string => text.replace(/[&<>"']/g, (each) => `&#${each.charCodeAt(0)};`);

const unbuilt = (reply: FastifyReply): FastifyReply =>
  reply
    .code(503)
    .header('cache-control', 'no-store')
    .type('text/plain; charset=utf-8')
    .send('The console has not been built. Run "npm run build" and start the gateway again.\n');

const types: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  woff2: 'font/woff2',
};

function stored([path, content]: [string, Uint8Array]): [string, StoredFile] {
  const bytes = Buffer.from(content);
  const type = types[path.slice(path.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  return [path, { type, bytes, packed: gzipSync(bytes), etag }];
}
