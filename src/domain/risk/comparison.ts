import { at } from './feature-schema.ts';
import {
  cell,
  MEASURES,
  measureCells,
  type PeerProfile,
  priorMean,
  priorSpread,
  SCALES,
  type UserProfile,
} from './profile.ts';
import { squash, unit } from './scale.ts';
import { HOUR } from './time.ts';

const FEW = 6;

/** Each counter against the colleagues' and the user's own mean, in their spread; newcomers lean on the colleagues. */
export const compare = (
  profile: UserProfile,
  group: PeerProfile,
  role: PeerProfile,
  time: number,
  next: Float64Array,
  values: Float64Array,
  v: Float64Array,
): void => {
  for (let index = 0; index < measureCells.length; index++) {
    const which = measureCells[index] ?? 0;
    let value = next[which] ?? 0;
    // Patients of whom nothing is on record count as unexplained too.
    if (index >= 3 && index <= 7) value += next[which + SCALES] ?? 0;
    values[index] = Math.log1p(value);
  }
  let kinds = 0;
  for (const seen of profile.types.values()) if (time - seen < HOUR) kinds++;
  values[MEASURES - 1] = Math.log1p(kinds);
  const own = profile.measured / (profile.measured + 200);
  // A group of few is mostly the one who is measured against it: there the whole role counts more.
  const known = (group.count / (group.count + 300)) * (group.users / (group.users + FEW));
  const score = (index: number, useOwn: number): number => {
    const mean = known * (group.mean[index] ?? 0) + (1 - known) * (role.mean[index] ?? priorMean[index] ?? 0);
    const spread = Math.sqrt(known * (group.spread[index] ?? 0) + (1 - known) * (role.spread[index] ?? 0));
    const expected = useOwn === 0 ? mean : useOwn * (profile.mean[index] ?? 0) + (1 - useOwn) * mean;
    const sd = Math.max(spread, 0.5 * (priorSpread[index] ?? 1), 0.25);
    return unit(((values[index] ?? 0) - expected) / sd / 10);
  };
  v[at.burst] = score(0, 0);
  v[at.distinctHour] = score(1, 0);
  v[at.distinctDay] = score(2, 0);
  v[at.distinctOwn] = score(2, own);
  v[at.unexplainedHour] = score(3, 0);
  v[at.unexplainedDay] = score(4, 0);
  v[at.unexplainedWeek] = score(5, 0);
  v[at.unexplainedMonth] = score(6, 0);
  v[at.unexplainedQuarter] = score(7, 0);
  v[at.unexplainedOwn] = score(5, own);
  v[at.searchRate] = score(8, own * 0.5);
  v[at.breakGlassRate] = score(11, 0);
  v[at.listed] = score(12, own * 0.5);
  v[at.records] = score(13, 0);
  v[at.breadth] = score(14, own * 0.5);
  const distinct = next[cell('distinct', 1)] ?? 0;
  v[at.freshShare] = (next[cell('fresh', 1)] ?? 0) / (distinct + 2);
  v[at.unexplainedShare] = unit(
    ((next[cell('unexplained', 1)] ?? 0) + (next[cell('unknown', 1)] ?? 0)) / (distinct + 2),
  );
  v[at.linkDrip] = squash(next[cell('linked', 4)] ?? 0, 3);
  v[at.cusum] = squash(profile.cusum, 8);
  v[at.probing] = squash(next[cell('probes', 0)] ?? 0, 4);
  v[at.broadSearch] = squash(next[cell('broad', 0)] ?? 0, 5);
  v[at.denied] = squash(next[cell('denied', 1)] ?? 0, 8);
  v[at.sequence] = squash(profile.run, 4);
};
