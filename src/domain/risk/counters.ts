import type { Call } from './call.ts';
import type { Others } from './explain.ts';
import { cell, MATRIX, type Pair, SCALES, scales, type UserProfile } from './profile.ts';
import { HOUR } from './time.ts';

/** What is known of a call before it is counted. */
export interface Counted {
  readonly call: Call;
  readonly time: number;
  readonly profile: UserProfile;
  readonly pair: Pair | undefined;
  readonly explained: boolean;
  /** Opened, not explained, in a house where relations are on record. */
  readonly bareAccess: boolean;
  readonly standing: number;
  readonly link: number;
  /** Of the patients that an answer lists: how many have a link to the user, or were opened before. */
  readonly others: Others;
}

/** The user's counters as they will be with this call taken in. */
export const count = (counted: Counted, next: Float64Array): void => {
  const { call, time, profile, pair, explained, bareAccess, standing, link, others } = counted;
  // A clock that jumps back counts as standing still.
  const passed = Number.isNaN(profile.last) ? 0 : Math.max(0, time - profile.last);
  for (let scale = 0; scale < SCALES; scale++) {
    const keep = passed === 0 ? 1 : Math.exp(-passed / (scales[scale] ?? HOUR));
    for (let index = scale; index < MATRIX; index += SCALES) next[index] = (profile.matrix[index] ?? 0) * keep;
  }
  const bulk = call.othersTotal;
  const strangers = others.seen === 0 ? 0 : 1 - (others.related + others.familiar) / others.seen;
  for (let scale = 0; scale < SCALES; scale++) {
    const add = (counter: Parameters<typeof cell>[0], amount: number): void => {
      const index = cell(counter, scale);
      next[index] = (next[index] ?? 0) + amount;
    };
    add('events', 1);
    if (call.nameSearch) add('searches', 1);
    if (call.nameSearch && !profile.searchOpened) add('probes', 1);
    if (call.broad) add('broad', 1);
    // A program that repeats one refused call is clumsy; refusals for many patients are a search.
    if (call.denied && (pair === undefined || time - pair.last > HOUR)) add('denied', 1);
    if (bulk > 0) {
      add('listed', Math.min(bulk, 5_000) * strangers);
      if (call.takesOut) {
        add('distinct', Math.min(bulk, 5_000));
        add('unexplained', Math.min(bulk, 5_000) * strangers);
      }
    }
    if (call.patient === undefined) continue;
    const since = pair === undefined ? Number.POSITIVE_INFINITY : time - pair.last;
    if (since <= (scales[scale] ?? HOUR)) continue;
    add('distinct', 1);
    if (pair === undefined) add('fresh', 1);
    if (call.breakGlass) add('breakGlass', 1);
    if (explained) continue;
    if (bareAccess) add(standing === 8 ? 'unknown' : 'unexplained', 1);
    else add('unknown', 0.5);
    if (link > 0.5) add('linked', link);
  }
};
