import { BoundedMap } from '../bounded-map.ts';
import type { Call } from './call.ts';
import { at } from './feature-schema.ts';
import type { PeerProfile, UserProfile } from './profile.ts';
import { squash, unit } from './scale.ts';
import { HOUR } from './time.ts';

/** A record opened so soon after a search by name was found by it. */
const OPENED_AFTER = 10 * 60_000;
/** Two networks within such a time are two places. */
const AT_ONCE = 20 * 60_000;
/** Systems name roles differently: two names that go together for so many people mean one role. */
const SAME_TITLE = 3;

/** Networks, devices, programs and titles: how many people each was seen with, and what is new to one. */
export class Places {
  readonly #popular: BoundedMap<string, number>;

  constructor(limit: number) {
    this.#popular = new BoundedMap(limit);
  }

  get size(): number {
    return this.#popular.size;
  }

  entries(): IterableIterator<[string, number]> {
    return this.#popular.entries();
  }

  restore(popular: readonly (readonly [string, number])[]): void {
    for (const [value, count] of popular) this.#popular.set(value, count);
  }

  look(call: Call, profile: UserProfile, role: PeerProfile, time: number, v: Float64Array): void {
    const established = profile.count / (profile.count + 30);
    v[at.newPlace] = this.#novelty('n', call.network, profile) * established;
    v[at.newDevice] = this.#novelty('d', call.device, profile) * established;
    v[at.newClient] = this.#novelty('c', call.client, profile) * established;
    const elsewhere =
      call.network !== undefined &&
      profile.network !== '' &&
      profile.network !== call.network &&
      time - profile.networkAt < AT_ONCE;
    const faded = profile.switches * Math.exp(-Math.max(0, time - profile.networkAt) / HOUR);
    v[at.twoPlaces] = squash(faded + (elsewhere ? 1 : 0), 3);
    if (!role.automated) return;
    const odd = Math.max(v[at.newPlace] ?? 0, v[at.newDevice] ?? 0, v[at.newClient] ?? 0);
    const found = call.patient !== undefined && time - profile.lastSearch < OPENED_AFTER;
    // Programs that never look people up by name do not begin to.
    const unheard = role.count > 300 && role.interactions.share('search', 30, 0.15) < 0.05;
    v[at.serviceAsPerson] = unit(odd + (unheard && (call.nameSearch || found) ? 0.8 : call.nameSearch ? 0.5 : 0));
  }

  /** 1 when the role of the call is not that of the staff list, nor the same under another name. */
  mismatch(listed: string | undefined, told: string): number {
    if (listed === undefined || told === '' || listed === told) return 0;
    return (this.#popular.peek(titles(listed, told)) ?? 0) < SAME_TITLE ? 1 : 0;
  }

  /** Counts what is new to this user. MUST precede `seen` of the same call. */
  count(call: Call, profile: UserProfile, listed: string | undefined, told: string, time: number): void {
    for (const value of placesOf(call)) if (!profile.seen.has(value)) this.#add(value);
    if (listed === undefined || told === '' || listed === told) return;
    const title = titles(listed, told);
    if (!profile.seen.has(title)) this.#add(title);
    profile.touchSeen(title, time);
  }

  #add(value: string): void {
    this.#popular.set(value, (this.#popular.get(value) ?? 0) + 1);
  }

  #novelty(kind: string, value: string | undefined, profile: UserProfile): number {
    if (value === undefined) return 0;
    const key = kind + value;
    if (profile.seen.has(key)) return 0;
    return 1 / (1 + 0.6 * Math.log1p(this.#popular.peek(key) ?? 0));
  }
}

/** The user's own memory of them. */
export const rememberPlaces = (call: Call, profile: UserProfile, time: number): void => {
  for (const value of placesOf(call)) profile.touchSeen(value, time);
  if (call.network === undefined) return;
  if (profile.network !== '' && profile.network !== call.network && time - profile.networkAt < AT_ONCE)
    profile.switches = profile.switches * Math.exp(-(time - profile.networkAt) / HOUR) + 1;
  profile.network = call.network;
  profile.networkAt = time;
};

const titles = (listed: string, told: string): string => `r${listed}|${told}`;

const placesOf = (call: Call): string[] => {
  const places: string[] = [];
  if (call.network !== undefined) places.push(`n${call.network}`);
  if (call.device !== undefined) places.push(`d${call.device}`);
  if (call.client !== undefined) places.push(`c${call.client}`);
  return places;
};
