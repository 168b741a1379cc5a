import { describe, expect, it } from '@jest/globals';
import { mayCallFrom } from '../../../src/domain/identity/origins.ts';
import { TokenBuckets } from '../../../src/domain/identity/rate-limit.ts';

describe('a bucket of calls', () => {
  const rate = { requests: 3, seconds: 6 };

  it('lets so many through at once, says how many are left, and when there is one again', () => {
    const buckets = new TokenBuckets(rate);
    const taken = [0, 0, 0, 0].map((now) => buckets.take('a', now));
    expect(taken.map(({ ok, remaining }) => [ok, remaining])).toEqual([
      [true, 2],
      [true, 1],
      [true, 0],
      [false, 0],
    ]);
    expect(taken.map(({ retryAfter }) => retryAfter)).toEqual([0, 0, 2, 2]);
    expect(taken.map(({ reset }) => reset)).toEqual([2, 4, 6, 6]);
  });

  it('fills with time, to the brim and no further', () => {
    const buckets = new TokenBuckets(rate);
    for (let call = 0; call < 4; call += 1) buckets.take('a', 0);
    expect(buckets.take('a', 1999).ok).toBe(false);
    expect(buckets.take('a', 4000).ok).toBe(true);
    expect(buckets.take('a', 3_600_000)).toMatchObject({ ok: true, remaining: 2 });
  });

  it('of one caller is not that of another', () => {
    const buckets = new TokenBuckets({ requests: 1, seconds: 60 });
    expect([buckets.take('a', 0).ok, buckets.take('a', 0).ok, buckets.take('b', 0).ok]).toEqual([true, false, true]);
  });

  it.each([[Number.NaN], [-1_000_000], [Number.NEGATIVE_INFINITY]])('fills nothing at the time %p', (now) => {
    const buckets = new TokenBuckets({ requests: 1, seconds: 60 });
    buckets.take('a', 0);
    expect(buckets.take('a', now).ok).toBe(false);
  });
});

describe('the page that calls', () => {
  const apps = [{ client: 'ward-app', origins: ['https://ward.example'] }];

  it.each([
    ['no page', 'ward-app', undefined, true],
    ['its own page', 'ward-app', 'https://ward.example', true],
    ['another page', 'ward-app', 'https://other.example', false],
    ['a page of another port', 'ward-app', 'https://ward.example:8443', false],
    ['a page without an origin', 'ward-app', 'null', false],
    ['two pages at once', 'ward-app', ['https://ward.example', 'https://ward.example'], false],
    ['a page of a registered app, as another', 'other-app', 'https://ward.example', false],
    ['any other page, as an app that is not registered', 'other-app', 'https://other.example', true],
  ])('%s: %s', (_title, client, origin, may) => {
    expect(mayCallFrom(apps, client, origin)).toBe(may);
  });
});
