import { mkdtempSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { readFeedFolder } from '../../../src/adapters/risk/feed-folder.ts';
import { TaxiiClient } from '../../../src/adapters/risk/taxii.ts';
import { ThreatFeeds } from '../../../src/domain/risk/threat.ts';
import { startTaxii, type TaxiiServer, taxiiAuthorization } from './taxii-server.ts';

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

let server: TaxiiServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

describe('a TAXII 2.1 server', () => {
  it('is read from discovery to the last page, and later only for what is new', async () => {
    server = await startTaxii(
      [1, 2, 3, 4, 5].map((n) => ({ added: `2026-03-0${n}T00:00:00.000Z`, object: indicator(n) })),
    );
    const client = new TaxiiClient({ name: 'f', url: server.url, authorization: taxiiAuthorization });
    const feeds = new ThreatFeeds([], 48);
    const poll = async () => feeds.load('f', await client.poll(AbortSignal.timeout(5_000)), now);
    await poll();
    expect([1, 2, 3, 4, 5, 6].map((n) => feeds.match(ip(n), undefined, now) > 0)).toEqual([
      true,
      true,
      true,
      true,
      true,
      false,
    ]);
    server.objects.push({ added: '2026-03-06T00:00:00.000Z', object: indicator(6) });
    server.objects.push({
      added: '2026-03-07T00:00:00.000Z',
      object: indicator(1, { revoked: true, modified: '2026-03-07T00:00:00Z' }),
    });
    await poll();
    expect([1, 2, 6].map((n) => feeds.match(ip(n), undefined, now) > 0)).toEqual([false, true, true]);
    expect(server.seen.at(-1)).toContain('added_after=2026-03-05');
  });

  it('that refuses is a failure that says nothing of the server', async () => {
    server = await startTaxii([{ added: '2026-03-01T00:00:00.000Z', object: indicator(1) }]);
    const client = new TaxiiClient({ name: 'f', url: server.url, authorization: 'wrong' });
    await expect(client.poll(AbortSignal.timeout(5_000))).rejects.toThrow('the threat feed answered 401');
  });

  it('that sends without end is left', async () => {
    const endless = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/taxii+json;version=2.1' });
      const chunk = Buffer.alloc(1 << 20, ' ');
      const more = (): void => {
        if (!response.destroyed) response.write(chunk, more);
      };
      more();
    });
    await new Promise<void>((done) => endless.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${(endless.address() as AddressInfo).port}/`;
    await expect(new TaxiiClient({ name: 'f', url }).poll(AbortSignal.timeout(20_000))).rejects.toThrow('too large');
    endless.closeAllConnections();
    await new Promise((done) => endless.close(done));
  });
});

describe('a folder of bundles and lists', () => {
  it('is read file by file, each as old as the file; what cannot be read is named and keeps nothing else back', () => {
    const folder = mkdtempSync(join(tmpdir(), 'feeds-'));
    const put = (name: string, text: string): void => {
      writeFileSync(join(folder, name), text);
      utimesSync(join(folder, name), now / 1000, now / 1000);
    };
    put('bundle.json', JSON.stringify({ type: 'bundle', id: 'bundle--1', objects: [indicator(7)] }));
    put('list.netset', '# list\n198.51.100.0/24\n');
    put('kev.json', JSON.stringify({ vulnerabilities: [{ cveID: 'CVE-2026-0001', product: 'Some FHIR Server' }] }));
    put('torn.json', '{"objects": [');
    put('other.json', '[]');
    put('notes.md', 'not a feed');
    const files = readFeedFolder(folder);
    expect(files.map(({ name, kind, at }) => [name, kind, at])).toEqual([
      ['bundle.json', 'indicators', now],
      ['kev.json', 'exploited', now],
      ['list.netset', 'indicators', now],
      ['other.json', 'broken', now],
      ['torn.json', 'broken', now],
    ]);
    const feeds = new ThreatFeeds([], 48);
    for (const file of files) if (file.kind === 'indicators') feeds.load(file.name, file.content, file.at);
    expect(feeds.match(ip(7), undefined, now)).toBeGreaterThan(0.8);
    expect(feeds.match('198.51.100.5', undefined, now)).toBeCloseTo(0.6);
    feeds.drop('list.netset');
    expect(feeds.match('198.51.100.5', undefined, now)).toBe(0);
  });
});
