import type { Call } from './call.ts';
import type { RiskContext } from './context.ts';
import { at } from './feature-schema.ts';
import type { PeerProfile, UserProfile } from './profile.ts';
import { squash, unit } from './scale.ts';
import { DAY, hourOf } from './time.ts';

/** Hours, shift, kinds of records and calls, purpose, emergency, employment: against the user's own past and the colleagues'. */
export const habits = (
  call: Call,
  profile: UserProfile,
  role: PeerProfile,
  shift: ReturnType<RiskContext['shiftAt']>,
  staff: ReturnType<RiskContext['staff']>,
  time: number,
  began: number,
  v: Float64Array,
): void => {
  const hour = hourOf(time);
  const peerShare = hourShare(role.hours, sum(role.hours), hour, 50, 1 / 24);
  v[at.hourPeer] = unit(-Math.log(peerShare) / 7);
  v[at.hourOwn] = unit(-Math.log(hourShare(profile.hours, sum(profile.hours), hour, 40, peerShare)) / 7);
  v[at.offShift] = shift === null ? 1 : 0;
  v[at.typeRarity] = unit(-Math.log(role.types.share(call.type, 30, 0.1)) / 8);
  v[at.interactionRarity] = unit(-Math.log(role.interactions.share(call.interaction, 30, 0.15)) / 8);
  v[at.purposeRarity] = unit(-Math.log(role.purposes.share(call.purpose, 30, 0.3)) / 8);
  v[at.export] = call.takesOut
    ? 1
    : call.interaction === 'operation'
      ? 0.4
      : call.results > 200
        ? squash(Math.log(call.results / 200), 2)
        : 0;
  const recent = time - profile.lastSearch < 10 * 60_000;
  v[at.nameSearch] = call.nameSearch ? 1 : 0;
  v[at.openedFromSearch] = recent && call.patient !== undefined && !call.nameSearch ? 1 : 0;
  v[at.breakGlass] = call.breakGlass ? 1 : 0;
  v[at.breakGlassBare] = call.breakGlass && !call.reasonGiven ? 1 : 0;
  const silent = Number.isNaN(profile.last) ? 0 : (time - profile.last) / DAY;
  v[at.dormant] = silent > 14 ? unit((silent - 14) / 46) : 0;
  if (staff !== undefined && (time < staff.from - DAY || time > staff.until + DAY)) v[at.notEmployed] = 1;
  const since =
    staff !== undefined && Number.isFinite(staff.from)
      ? time - staff.from
      : Number.isNaN(profile.first)
        ? time - began < 7 * DAY
          ? 30 * DAY
          : 0
        : profile.first - began < 7 * DAY
          ? 30 * DAY
          : time - profile.first;
  v[at.newcomer] = unit(1 - since / (30 * DAY));
};

const sum = (values: Float64Array): number => {
  let total = 0;
  for (let index = 0; index < values.length; index++) total += values[index] ?? 0;
  return total;
};

/** Share of an hour, with its neighbours, smoothed towards a prior share. */
const hourShare = (hours: Float64Array, total: number, hour: number, weight: number, prior: number): number => {
  const near = 0.5 * (hours[hour] ?? 0) + 0.25 * (hours[(hour + 1) % 24] ?? 0) + 0.25 * (hours[(hour + 23) % 24] ?? 0);
  return (near + weight * prior) / (total + weight);
};
