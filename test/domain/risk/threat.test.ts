import { describe, expect, it } from '@jest/globals';
import { addressOf, rangeOf, readList, readStix, ThreatFeeds } from '../../../src/domain/risk/threat.ts';

const now = Date.parse('2026-03-04T12:00:00Z');
const hour = 3_600_000;
const indicator = (pattern: string, more: object = {}): object => ({
  type: 'indicator',
  spec_version: '2.1',
  id: `indicator--${pattern.length}-${JSON.stringify(more).length}`,
  modified: '2026-03-01T00:00:00Z',
  pattern,
  pattern_type: 'stix',
  valid_from: '2026-03-01T00:00:00Z',
  confidence: 80,
  ...more,
});
const feedsWith = (...objects: object[]): ThreatFeeds => {
  const feeds = new ThreatFeeds(['198.18.0.0/15'], 48);
  feeds.load('feed', readStix(objects), now);
  return feeds;
};

describe('addresses and ranges', () => {
  it('reads both families, and IPv4 in IPv6 as IPv4', () => {
    expect(addressOf('::ffff:192.0.2.1')).toBe(addressOf('192.0.2.1'));
    expect(addressOf('2001:db8::1')).toBe(0x20010db8000000000000000000000001n);
    for (const broken of ['', '1.2.3', '1.2.3.256', '1.2.3.4.5', ':::', '1::2::3', 'g::', '12345::'])
      expect(addressOf(broken)).toBeUndefined();
  });

  it('reads a range whatever host bits it carries', () => {
    expect(rangeOf('192.0.2.77/24')).toEqual(rangeOf('192.0.2.0/24'));
    for (const broken of ['192.0.2.0/33', '192.0.2.0/', '192.0.2.0/24/8', '2001:db8::/129'])
      expect(rangeOf(broken)).toBeUndefined();
  });
});

describe('STIX indicators', () => {
  it('finds addresses, ranges, alternatives and programs', () => {
    const feeds = feedsWith(
      indicator("[ipv4-addr:value = '203.0.113.9']"),
      indicator("[ipv4-addr:value ISSUBSET '192.0.2.0/24'] OR [ipv6-addr:value = '2001:db8::5']"),
      indicator("[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' LIKE '%EvilScanner%']"),
    );
    expect(feeds.match('203.0.113.9', undefined, now)).toBeCloseTo(0.8);
    expect(feeds.match('192.0.2.200', undefined, now)).toBeCloseTo(0.8);
    expect(feeds.match('2001:db8::5', undefined, now)).toBeCloseTo(0.8);
    expect(feeds.match(undefined, 'Mozilla evilscanner/2', now)).toBeCloseTo(0.8);
    expect(feeds.match('203.0.113.10', 'curl', now)).toBe(0);
  });

  it('honours validity, revocation, versions and red markings', () => {
    const pattern = "[ipv4-addr:value = '203.0.113.9']";
    const id = 'indicator--one';
    expect(
      feedsWith(indicator(pattern, { valid_until: '2026-03-02T00:00:00Z' })).match('203.0.113.9', undefined, now),
    ).toBe(0);
    expect(
      feedsWith(indicator(pattern, { valid_from: '2026-04-01T00:00:00Z' })).match('203.0.113.9', undefined, now),
    ).toBe(0);
    expect(
      feedsWith(
        indicator(pattern, { id }),
        indicator(pattern, { id, modified: '2026-03-03T00:00:00Z', revoked: true }),
      ).match('203.0.113.9', undefined, now),
    ).toBe(0);
    const red = { object_marking_refs: ['marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed'] };
    expect(feedsWith(indicator(pattern, red)).match('203.0.113.9', undefined, now)).toBe(0);
  });

  it('counts what it cannot check, and makes nothing of it', () => {
    const feeds = feedsWith(
      indicator("[file:hashes.MD5 = 'x']"),
      indicator("[ipv4-addr:value = '203.0.113.9' AND domain-name:value = 'x']"),
      indicator("[ipv4-addr:value = '203.0.113.9'] FOLLOWEDBY [ipv4-addr:value = '203.0.113.8']"),
    );
    expect(feeds.status(now)[0]).toMatchObject({ indicators: 0, unknownPatterns: 3 });
  });
});

describe('threat feeds', () => {
  it('never names private or own networks, even when a list does', () => {
    const feeds = new ThreatFeeds(['198.18.0.0/15'], 48);
    feeds.load(
      'bogons',
      readList('# remarks\n10.0.0.0/8\n192.168.1.4\n198.18.5.0/24\n0.0.0.0/0\n203.0.113.0/24 ; bad\nnonsense', 0.6),
      now,
    );
    expect(feeds.status(now)[0]).toMatchObject({ indicators: 1, excluded: 4, unknownPatterns: 1 });
    for (const inner of ['10.1.2.3', '192.168.1.4', '198.18.5.5', '127.0.0.1', '::1'])
      expect(feeds.match(inner, undefined, now)).toBe(0);
    expect(feeds.match('203.0.113.200', undefined, now)).toBeCloseTo(0.6);
  });

  it('finds the wide range around a narrow one', () => {
    const feeds = new ThreatFeeds([], 48);
    feeds.load('list', readList('203.0.0.0/16\n203.0.113.4/32\n203.0.113.9/32', 0.5), now);
    expect(feeds.match('203.0.113.200', undefined, now)).toBeCloseTo(0.5);
  });

  it('loses weight and is reported when it is not renewed', () => {
    const feeds = feedsWith(indicator("[ipv4-addr:value = '203.0.113.9']"));
    expect(feeds.status(now + 47 * hour)[0]).toMatchObject({ stale: false, weight: 1 });
    expect(feeds.status(now + 49 * hour)[0]?.stale).toBe(true);
    expect(feeds.match('203.0.113.9', undefined, now + 96 * hour)).toBeCloseTo(0.8 * 0.25);
  });
});
