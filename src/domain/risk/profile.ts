import { DAY, HOUR } from './time.ts';

/** Counters that fade with these time constants: an hour, a day, a week, a month, a quarter. */
export const scales = [HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY] as const;
export const SCALES = scales.length;

export const counters = [
  'events',
  'distinct',
  'fresh',
  'unexplained',
  'unknown',
  'linked',
  'searches',
  'probes',
  'broad',
  'denied',
  'breakGlass',
  'listed',
] as const;
export type Counter = (typeof counters)[number];
const COUNTERS = counters.length;
export const MATRIX = COUNTERS * SCALES;
const counterIndex = Object.fromEntries(counters.map((name, index) => [name, index])) as Record<Counter, number>;

/** Cell of the counter at a scale (0 hour ... 4 quarter). */
export const cell = (counter: Counter, scale: number): number => counterIndex[counter] * SCALES + scale;

/** Statistics that are compared with peers and with the own past; each is log(1 + counter). */
export const measures = [
  ['events', 0],
  ['distinct', 0],
  ['distinct', 1],
  ['unexplained', 0],
  ['unexplained', 1],
  ['unexplained', 2],
  ['unexplained', 3],
  ['unexplained', 4],
  ['searches', 1],
  ['broad', 1],
  ['denied', 1],
  ['breakGlass', 3],
  ['listed', 1],
] as const satisfies readonly (readonly [Counter, number])[];
/** Two more that are not counters: records in the answer, kinds of records within the hour. */
export const MEASURES = measures.length + 2;
export const measureCells = measures.map(([counter, scale]) => cell(counter, scale));

/** What a peer group is assumed to look like before it is known: medians over simulated hospitals. */
export const priorMean = new Float64Array([
  2.6, 1.2, 2.2, 0.15, 0.45, 1.0, 1.6, 2.0, 0.8, 0.3, 0.1, 0.05, 0.6, 0.9, 1.3,
]);
export const priorSpread = new Float64Array([
  0.9, 0.6, 0.8, 0.3, 0.5, 0.8, 1.0, 1.1, 0.8, 0.6, 0.3, 0.2, 0.9, 0.7, 0.5,
]);

/** One user and one patient. */
export interface Pair {
  first: number;
  last: number;
  count: number;
  /** Last explained access; -Infinity without one. */
  legit: number;
  writes: number;
  /** Days with an access that nothing explained. */
  bareDays: number;
  lastBare: number;
}

/** Recently seen values of one kind (networks, devices ...); few are kept. */
const SEEN = 16;
export const PAIRS = 600;
const FORGOTTEN_AT_ONCE = 60;

export class UserProfile {
  first = Number.NaN;
  last = Number.NaN;
  count = 0;
  readonly matrix = new Float64Array(MATRIX);
  readonly mean = new Float64Array(MEASURES);
  measured = 0;
  readonly hours = new Float64Array(24);
  readonly pairs = new Map<string, Pair>();
  readonly seen = new Map<string, number>();
  readonly types = new Map<string, number>();
  groups = new Set<string>();
  lastSearch = Number.NEGATIVE_INFINITY;
  searchOpened = true;
  lastNumber = Number.NaN;
  run = 0;
  cusum = 0;
  network = '';
  networkAt = Number.NEGATIVE_INFINITY;
  switches = 0;

  pair(patient: string): Pair | undefined {
    return this.pairs.get(patient);
  }

  /** The pair is made when there is none. Those untouched longest go, many at once, so that a touch costs the same however many there are. */
  touchPair(patient: string, time: number): Pair {
    const known = this.pairs.get(patient);
    if (known !== undefined) return known;
    if (this.pairs.size >= PAIRS) {
      const oldest = [...this.pairs].sort(([, a], [, b]) => a.last - b.last);
      for (const [id] of oldest.slice(0, FORGOTTEN_AT_ONCE)) this.pairs.delete(id);
    }
    const pair = {
      first: time,
      last: Number.NEGATIVE_INFINITY,
      count: 0,
      legit: Number.NEGATIVE_INFINITY,
      writes: 0,
      bareDays: 0,
      lastBare: Number.NEGATIVE_INFINITY,
    };
    this.pairs.set(patient, pair);
    return pair;
  }

  touchSeen(value: string, time: number): void {
    this.seen.delete(value);
    this.seen.set(value, time);
    if (this.seen.size > SEEN * 4) dropOldest(this.seen);
  }

  touchType(type: string, time: number): void {
    this.types.delete(type);
    this.types.set(type, time);
    if (this.types.size > 24) dropOldest(this.types);
  }

  /** An independent copy: planted misuse is played on it, and never on the profile itself. */
  clone(): UserProfile {
    const copy = new UserProfile();
    copy.first = this.first;
    copy.last = this.last;
    copy.count = this.count;
    copy.matrix.set(this.matrix);
    copy.mean.set(this.mean);
    copy.measured = this.measured;
    copy.hours.set(this.hours);
    for (const [patient, pair] of this.pairs) copy.pairs.set(patient, { ...pair });
    for (const [value, time] of this.seen) copy.seen.set(value, time);
    for (const [type, time] of this.types) copy.types.set(type, time);
    copy.groups = new Set(this.groups);
    copy.lastSearch = this.lastSearch;
    copy.searchOpened = this.searchOpened;
    copy.lastNumber = this.lastNumber;
    copy.run = this.run;
    copy.cusum = this.cusum;
    copy.network = this.network;
    copy.networkAt = this.networkAt;
    copy.switches = this.switches;
    return copy;
  }
}

const dropOldest = (map: Map<string, unknown>): void => {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
};

/** Counts of a few named things, with a share that is smoothed by `weight` imagined ones. */
class Shares {
  readonly counts = new Map<string, number>();
  total = 0;

  add(key: string): void {
    const known = this.counts.get(key);
    if (known === undefined && this.counts.size >= 96) return;
    this.counts.set(key, (known ?? 0) + 1);
    if (++this.total < 40_000) return;
    // Halving lets a group change its ways, and keeps one season from ruling for ever.
    this.total = 0;
    for (const [name, count] of this.counts) {
      this.counts.set(name, count / 2);
      this.total += count / 2;
    }
  }

  share(key: string, weight: number, prior: number): number {
    return ((this.counts.get(key) ?? 0) + weight * prior) / (this.total + weight);
  }
}

const STEADY = 20_000;

/** What people of one role, or of one role in one department, usually do. */
export class PeerProfile {
  count = 0;
  users = 0;
  readonly mean = Float64Array.from(priorMean);
  readonly spread = priorSpread.map((sd) => sd * sd);
  readonly hours = new Float64Array(24);
  readonly standing = new Float64Array(9);
  standings = 0;
  readonly types = new Shares();
  readonly interactions = new Shares();
  readonly purposes = new Shares();
  readonly departments = new Shares();
  readonly automated: boolean;

  constructor(automated: boolean) {
    this.automated = automated;
  }

  /** From the plain copy of a peer profile. */
  static from(plain: object): PeerProfile {
    const copy = plain as PeerProfile;
    const peer = new PeerProfile(copy.automated);
    const { types, interactions, purposes, departments, ...rest } = copy;
    Object.assign(peer, rest);
    Object.assign(peer.types, types);
    Object.assign(peer.interactions, interactions);
    Object.assign(peer.purposes, purposes);
    Object.assign(peer.departments, departments);
    return peer;
  }

  learn(values: Float64Array, hour: number): void {
    this.count++;
    // The prior counts as 200 observations; later the group forgets slowly.
    const rate = 1 / Math.min(this.count + 200, STEADY);
    for (let index = 0; index < MEASURES; index++) {
      const mean = this.mean[index] ?? 0;
      const variance = this.spread[index] ?? 0;
      // One wild user must not move what counts as usual for all.
      const ceiling = mean + 3 * Math.sqrt(variance) + 0.5;
      const value = Math.min(values[index] ?? 0, ceiling);
      const delta = value - mean;
      this.mean[index] = mean + rate * delta;
      this.spread[index] = (1 - rate) * (variance + rate * delta * delta);
    }
    this.hours[hour] = (this.hours[hour] ?? 0) + 1;
    if (this.count % STEADY === 0) for (let at = 0; at < 24; at++) this.hours[at] = (this.hours[at] ?? 0) / 2;
  }

  learnStanding(standing: number): void {
    this.standing[standing] = (this.standing[standing] ?? 0) + 1;
    this.standings++;
    if (this.standings < STEADY) return;
    this.standings = 0;
    for (let index = 0; index < this.standing.length; index++) {
      const half = (this.standing[index] ?? 0) / 2;
      this.standing[index] = half;
      this.standings += half;
    }
  }
}
