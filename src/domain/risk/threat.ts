import { timeOf } from './time.ts';

/** One thing to look out for, from one feed. */
export interface Indicator {
  readonly kind: 'ip' | 'agent';
  /** Of `ip`: the range, both ends included, as 128-bit numbers (IPv4 mapped into ::ffff:0:0/96). */
  readonly from?: bigint;
  readonly to?: bigint;
  /** Of `agent`: lower case. */
  readonly agent?: string;
  readonly confidence: number;
  readonly validFrom: number;
  readonly validUntil: number;
}

const V4 = 0xffff00000000n;

/** The address as a 128-bit number; IPv4 is mapped. */
export const addressOf = (ip: string): bigint | undefined => {
  const text = ip.trim();
  if (!text.includes(':')) {
    const parts = text.split('.');
    if (parts.length !== 4) return undefined;
    let value = 0n;
    for (const part of parts) {
      if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return undefined;
      value = value * 256n + BigInt(part);
    }
    return V4 + value;
  }
  const bare = text.replace(/%.*$/, '');
  const last = bare.lastIndexOf(':');
  const tail = bare.slice(last + 1);
  if (tail.includes('.')) {
    const v4 = addressOf(tail);
    if (v4 === undefined) return undefined;
    const low = v4 - V4;
    return addressOf(`${bare.slice(0, last + 1)}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`);
  }
  const halves = bare.split('::');
  if (halves.length > 2) return undefined;
  const groups = (half: string | undefined): string[] => (half === undefined || half === '' ? [] : half.split(':'));
  const [front, back] = [groups(halves[0]), groups(halves[1])];
  const missing = 8 - front.length - back.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  let value = 0n;
  for (const group of [...front, ...new Array<string>(missing).fill('0'), ...back]) {
    if (!/^[0-9a-f]{1,4}$/i.test(group)) return undefined;
    value = (value << 16n) + BigInt(`0x${group}`);
  }
  return value;
};

/** An address, a CIDR range, or nothing. */
export const rangeOf = (text: string): { readonly from: bigint; readonly to: bigint } | undefined => {
  const [ip = '', length, more] = text.trim().split('/');
  const address = addressOf(ip);
  if (address === undefined || more !== undefined) return undefined;
  if (length === undefined) return { from: address, to: address };
  const most = ip.includes(':') ? 128 : 32;
  if (!/^\d{1,3}$/.test(length) || Number(length) > most) return undefined;
  const bits = BigInt(most - Number(length));
  const from = (address >> bits) << bits;
  return { from, to: from + (1n << bits) - 1n };
};

/** Networks that no list may name: lists of bogons hold them, and every hospital works in them. */
const neverListed = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '224.0.0.0/3',
  '::1',
  'fc00::/7',
  'fe80::/10',
];

export interface FeedStatus {
  readonly name: string;
  readonly indicators: number;
  readonly unknownPatterns: number;
  readonly excluded: number;
  readonly fetchedAt: number;
  readonly stale: boolean;
  readonly weight: number;
}

interface Feed {
  readonly ranges: readonly Indicator[];
  /** Greatest end of this and all ranges before it: where the search back may stop. */
  readonly ends: readonly bigint[];
  readonly agents: readonly Indicator[];
  readonly unknownPatterns: number;
  readonly excluded: number;
  readonly fetchedAt: number;
}

export interface FeedContent {
  readonly indicators: readonly Indicator[];
  readonly unknownPatterns: number;
}

const HOUR = 3_600_000;

/** All feeds, ready to be asked per call. A hit is a prior, never a verdict; a feed that is not renewed fades and is reported. */
export class ThreatFeeds {
  readonly #feeds = new Map<string, Feed>();
  readonly #own: readonly { readonly from: bigint; readonly to: bigint }[];
  readonly #staleAfter: number;

  constructor(ownNetworks: readonly string[], staleHours: number) {
    this.#own = [...neverListed, ...ownNetworks].map(rangeOf).filter((range) => range !== undefined);
    this.#staleAfter = staleHours * HOUR;
  }

  /** Replaces what the feed said before. Ranges that touch private or own networks are left out whole. */
  load(name: string, content: FeedContent, now: number): void {
    const ranges: Indicator[] = [];
    const agents: Indicator[] = [];
    let excluded = 0;
    for (const indicator of content.indicators) {
      const { from, to } = indicator;
      if (indicator.kind === 'agent') agents.push(indicator);
      else if (from !== undefined && to !== undefined) {
        if (this.#own.some((own) => from <= own.to && to >= own.from)) excluded++;
        else ranges.push(indicator);
      }
    }
    ranges.sort((a, b) => ((a.from ?? 0n) < (b.from ?? 0n) ? -1 : 1));
    const ends: bigint[] = [];
    for (const { to = 0n } of ranges) ends.push(ends.length > 0 && (ends.at(-1) ?? 0n) > to ? (ends.at(-1) ?? 0n) : to);
    this.#feeds.set(name, { ranges, ends, agents, unknownPatterns: content.unknownPatterns, excluded, fetchedAt: now });
  }

  /** Forgets a feed that is no longer given. */
  drop(name: string): void {
    this.#feeds.delete(name);
  }

  /** Confidence in [0,1] that the address or the program is a known threat at that time. */
  match(ip: string | undefined, agent: string | undefined, time: number): number {
    if (this.#feeds.size === 0) return 0;
    const address = ip === undefined ? undefined : addressOf(ip);
    const program = agent?.toLowerCase();
    let best = 0;
    for (const feed of this.#feeds.values()) {
      const weight = this.#weight(feed, time);
      if (weight <= best) continue;
      if (address !== undefined) best = Math.max(best, weight * inRanges(feed, address, time));
      if (program !== undefined)
        for (const each of feed.agents)
          if (each.agent !== undefined && program.includes(each.agent) && valid(each, time))
            best = Math.max(best, weight * each.confidence);
    }
    return best;
  }

  status(now: number): FeedStatus[] {
    return [...this.#feeds].map(([name, feed]) => ({
      name,
      indicators: feed.ranges.length + feed.agents.length,
      unknownPatterns: feed.unknownPatterns,
      excluded: feed.excluded,
      fetchedAt: feed.fetchedAt,
      stale: now - feed.fetchedAt > this.#staleAfter,
      weight: this.#weight(feed, now),
    }));
  }

  /** Full until it is stale, then halved for every further such time. */
  #weight(feed: Feed, now: number): number {
    const over = now - feed.fetchedAt - this.#staleAfter;
    return over <= 0 ? 1 : 0.5 ** (1 + over / this.#staleAfter);
  }
}

const valid = (indicator: Indicator, time: number): boolean =>
  time >= indicator.validFrom && time < indicator.validUntil;

const inRanges = (feed: Feed, address: bigint, time: number): number => {
  let low = 0;
  let high = feed.ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((feed.ranges[middle]?.from ?? 0n) <= address) low = middle + 1;
    else high = middle;
  }
  let best = 0;
  for (let index = low - 1; index >= 0 && (feed.ends[index] ?? 0n) >= address; index--) {
    const range = feed.ranges[index];
    if (range !== undefined && (range.to ?? 0n) >= address && valid(range, time))
      best = Math.max(best, range.confidence);
  }
  return best;
};

/** A plain list: an address or range a line, `#` and `;` begin remarks. */
export const readList = (text: string, confidence: number): FeedContent => {
  const indicators: Indicator[] = [];
  let unknownPatterns = 0;
  for (const raw of text.split('\n')) {
    const line = raw.replace(/[#;].*$/, '').trim();
    if (line === '') continue;
    const range = rangeOf(line.split(/\s+/)[0] ?? '');
    if (range === undefined) unknownPatterns++;
    else
      indicators.push({
        kind: 'ip',
        ...range,
        confidence,
        validFrom: Number.NEGATIVE_INFINITY,
        validUntil: Number.POSITIVE_INFINITY,
      });
  }
  return { indicators, unknownPatterns };
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** STIX 2.1 section 6.14: markings that forbid what a gateway does with an indicator. */
const tlpRed = 'marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed';

/** One comparison of a pattern (STIX 2.1 section 9.6), of the few kinds that a gateway can check. */
const comparison =
  /^\s*\(*\s*(ipv4-addr:value|ipv6-addr:value|network-traffic:src_ref\.value|network-traffic:extensions\.'http-request-ext'\.request_header\.'User-Agent')\s*(=|ISSUBSET|LIKE)\s*'((?:[^'\\]|\\.)*)'\s*\)*\s*$/;

/** Indicators of a bundle or of an envelope of a collection. Later versions of an object replace earlier ones; what is revoked is gone. */
export const readStix = (objects: readonly unknown[]): FeedContent => {
  const newest = new Map<string, Record<string, unknown>>();
  let unknownPatterns = 0;
  for (const object of objects) {
    if (!isRecord(object) || object.type !== 'indicator' || typeof object.id !== 'string') continue;
    const before = newest.get(object.id);
    if (before === undefined || (timeOf(object.modified) ?? 0) >= (timeOf(before.modified) ?? 0))
      newest.set(object.id, object);
  }
  const indicators: Indicator[] = [];
  for (const object of newest.values()) {
    if (object.revoked === true) continue;
    const markings: unknown = object.object_marking_refs;
    if (Array.isArray(markings) && markings.includes(tlpRed)) continue;
    const pattern = object.pattern;
    if (typeof pattern !== 'string' || (object.pattern_type !== undefined && object.pattern_type !== 'stix')) {
      unknownPatterns++;
      continue;
    }
    const validity = {
      confidence: typeof object.confidence === 'number' ? Math.min(1, Math.max(0, object.confidence / 100)) : 0.5,
      validFrom: timeOf(object.valid_from) ?? Number.NEGATIVE_INFINITY,
      validUntil: timeOf(object.valid_until) ?? Number.POSITIVE_INFINITY,
    };
    const parts = alternatives(pattern);
    const read = parts?.map((part) => indicatorOf(part, validity));
    if (read === undefined || read.some((each) => each === undefined)) unknownPatterns++;
    else for (const each of read) if (each !== undefined) indicators.push(each);
  }
  return { indicators, unknownPatterns };
};

/** Observations joined by OR, each of comparisons joined by OR. Anything else (AND, FOLLOWEDBY, qualifiers) is unknown. */
const alternatives = (pattern: string): string[] | undefined => {
  const bracketed = /^\s*\[([^[\]]+)\](?:\s+OR\s+\[([^[\]]+)\])*\s*$/.test(pattern);
  if (!bracketed) return undefined;
  return [...pattern.matchAll(/\[([^[\]]+)\]/g)].flatMap((each) => (each[1] ?? '').split(/\s+OR\s+/));
};

const indicatorOf = (
  part: string,
  validity: Pick<Indicator, 'confidence' | 'validFrom' | 'validUntil'>,
): Indicator | undefined => {
  const found = comparison.exec(part);
  if (found === null) return undefined;
  const [, object = '', operator, literal = ''] = found;
  const value = literal.replace(/\\(.)/g, '$1');
  if (object.endsWith("'User-Agent'")) {
    const agent = value.replaceAll('%', '').trim().toLowerCase();
    return agent.length < 4 || operator === 'ISSUBSET' ? undefined : { kind: 'agent', agent, ...validity };
  }
  const range = operator === 'LIKE' ? undefined : rangeOf(value);
  return range === undefined ? undefined : { kind: 'ip', ...range, ...validity };
};
