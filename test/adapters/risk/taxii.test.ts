import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { loadFeedFolder, refreshFeed, TaxiiClient } from '../../../src/adapters/risk/taxii.ts';
import { ThreatFeeds } from '../../../src/domain/risk/threat.ts';

const now = Date.parse('2026-03-04T12:00:00Z');
const ip = (n: number) => `203.0.113.${n}`;
const indicator = (n: number, more: object = {}) => ({
  type: 'indicator',
  id: `indicator--${n}`,
  modified: '2026-03-01T00:00:00Z',
  pattern: `[ipv4-addr:value = '${ip(n)}']`,
  pattern_type: 'stix',
  valid_from: '2026-01-01T00:00:00Z',
  confidence: 90,
  ...more,
});

let server: Server | undefined;
afterEach(async () => {
  await new Promise((done) => (server === undefined ? done(undefined) : server.close(done)));
  server = undefined;
});

/** A TAXII 2.1 server of one collection, pages of two objects, each object with the time it was added. */
const taxii = async (
  objects: { readonly added: string; readonly object: object }[],
  seen: string[] = [],
): Promise<string> => {
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    seen.push(url.search);
    const send = (body: object, headers: Record<string, string> = {}): void => {
      response.writeHead(200, { 'content-type': 'application/taxii+json;version=2.1', ...headers });
      response.end(JSON.stringify(body));
    };
    if (
      !(request.headers.accept ?? '').includes('application/taxii+json') ||
      request.headers.authorization !== 'Basic eDp5'
    ) {
      response.writeHead(401).end();
      return;
    }
    if (url.pathname === '/taxii2/') send({ title: 'test', api_roots: ['/api1/', 'http://elsewhere.invalid/api/'] });
    else if (url.pathname === '/api1/collections/')
      send({
        collections: [
          { id: 'c1', title: 'c', can_read: true, can_write: false },
          { id: 'c2', title: 'hidden', can_read: false },
        ],
      });
    else if (url.pathname === '/api1/collections/c1/objects/') {
      const after = url.searchParams.get('added_after') ?? '';
      const fresh = objects.filter((each) => each.added > after);
      const from = Number(url.searchParams.get('next') ?? 0);
      const page = fresh.slice(from, from + 2);
      const more = from + 2 < fresh.length;
      send(
        { objects: page.map((each) => each.object), more, ...(more ? { next: String(from + 2) } : {}) },
        page.length === 0 ? {} : { 'X-TAXII-Date-Added-Last': page.at(-1)?.added ?? '' },
      );
    } else response.writeHead(404).end();
  });
  await new Promise<void>((done) => server?.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/taxii2/`;
};

describe('a TAXII 2.1 server', () => {
  it('is read from discovery to the last page, and later only for what is new', async () => {
    const objects = [1, 2, 3, 4, 5].map((n) => ({ added: `2026-03-0${n}T00:00:00.000Z`, object: indicator(n) }));
    const seen: string[] = [];
    const client = new TaxiiClient({ name: 'f', url: await taxii(objects, seen), authorization: 'Basic eDp5' });
    const feeds = new ThreatFeeds([], 48);
    expect(await refreshFeed(client, 'f', feeds, now, AbortSignal.timeout(5_000))).toBe(true);
    expect([1, 2, 3, 4, 5, 6].map((n) => feeds.match(ip(n), undefined, now) > 0)).toEqual([
      true,
      true,
      true,
      true,
      true,
      false,
    ]);
    objects.push({ added: '2026-03-06T00:00:00.000Z', object: indicator(6) });
    objects.push({
      added: '2026-03-07T00:00:00.000Z',
      object: indicator(1, { revoked: true, modified: '2026-03-07T00:00:00Z' }),
    });
    await refreshFeed(client, 'f', feeds, now, AbortSignal.timeout(5_000));
    expect([1, 2, 6].map((n) => feeds.match(ip(n), undefined, now) > 0)).toEqual([false, true, true]);
    expect(seen.at(-1)).toContain('added_after=2026-03-05');
  });

  it('that fails leaves what was known, and the feed ages', async () => {
    const objects = [{ added: '2026-03-01T00:00:00.000Z', object: indicator(1) }];
    const url = await taxii(objects);
    const feeds = new ThreatFeeds([], 48);
    await refreshFeed(
      new TaxiiClient({ name: 'f', url, authorization: 'Basic eDp5' }),
      'f',
      feeds,
      now,
      AbortSignal.timeout(5_000),
    );
    expect(
      await refreshFeed(
        new TaxiiClient({ name: 'f', url, authorization: 'wrong' }),
        'f',
        feeds,
        now + 1,
        AbortSignal.timeout(5_000),
      ),
    ).toBe(false);
    expect(feeds.status(now + 60 * 3_600_000)).toMatchObject([{ indicators: 1, stale: true }]);
  });
});

describe('a folder of bundles and lists', () => {
  it('serves a house without a way out', () => {
    const folder = mkdtempSync(join(tmpdir(), 'feeds-'));
    writeFileSync(
      join(folder, 'bundle.json'),
      JSON.stringify({ type: 'bundle', id: 'bundle--1', objects: [indicator(7)] }),
    );
    writeFileSync(join(folder, 'list.netset'), '# list\n198.51.100.0/24\n');
    writeFileSync(join(folder, 'notes.md'), 'not a feed');
    const feeds = new ThreatFeeds([], 48);
    expect(loadFeedFolder(folder, feeds, now)).toBe(2);
    expect(feeds.match(ip(7), undefined, now)).toBeGreaterThan(0.8);
    expect(feeds.match('198.51.100.5', undefined, now)).toBeCloseTo(0.6);
  });
});
