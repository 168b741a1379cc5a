import type { Call } from './call.ts';
import type { RiskContext } from './context.ts';
import { at } from './feature-schema.ts';
import type { Pair, PeerProfile, UserProfile } from './profile.ts';
import { type Departments, type Explanation, type Related, relate } from './relation.ts';
import { DAY } from './time.ts';

/** Share of a role's patients in one state of care from which that state is the role's ordinary work. */
const ROLE_WORK = 0.12;

/** So many people answer to one name; a longer list is no longer a search for one of them. */
const NAMESAKES = 12;

const previous: Explanation = {
  code: 'previous-access',
  text: 'The user had a documented link to this record within the past 30 days (source: access history).',
};
export const roleWork: Explanation = {
  code: 'role-work',
  text: 'Records in this state of care are the ordinary work of this role (source: access history of colleagues).',
};
const team: Explanation = {
  code: 'team',
  text: 'Colleagues of the department are writing in this record (source: access history of the department).',
};
const routine: Explanation = {
  code: 'service-routine',
  text: 'A service account doing its usual work from its usual place (source: access history).',
};
const found: Explanation = {
  code: 'search-own',
  text: 'The search returned a patient of the user (source: relations of the patients returned).',
};
const nobody: Explanation = { code: 'no-patient', text: 'The call touches no patient (source: the answer).' };

/** Counts of the patients that an answer lists, as `explain` leaves them. */
export interface Others {
  related: number;
  /** Without a link, but opened by the user on an earlier day. */
  familiar: number;
  seen: number;
}

/** Why the access is in order, if anything says so: a link on record first, then habit and role. */
export const explain = (
  context: RiskContext,
  call: Call,
  time: number,
  profile: UserProfile,
  pair: Pair | undefined,
  related: Related,
  departments: Departments,
  role: PeerProfile,
  v: Float64Array,
  others: Others,
): Explanation | undefined => {
  others.related = 0;
  others.familiar = 0;
  others.seen = 0;
  if (call.patient === undefined) {
    for (const id of call.others) {
      others.seen++;
      const known = profile.pair(id);
      if (
        relate(context.patient(id), call.user, departments, time).strength >= 0.55 ||
        (known !== undefined && time - known.legit < 30 * DAY)
      )
        others.related++;
      else if (known !== undefined && time - known.first > DAY) others.familiar++;
    }
    if (others.seen === 0) return call.broad || call.nameSearch || call.takesOut || call.denied ? undefined : nobody;
    const few = call.nameSearch && others.related > 0 && call.othersTotal <= NAMESAKES;
    if (others.related * 2 >= others.seen || few) return found;
    return role.automated && isRoutine(v) && profile.count > 200 ? routine : undefined;
  }
  if (related.strength >= 0.55) return related.explanation;
  if (pair !== undefined && time - pair.legit < 30 * DAY && time >= pair.legit) return previous;
  if ((v[at.teamCharts] ?? 0) > 0.5 && (v[at.teamActive] ?? 0) > 0.45 && !related.decoy) return team;
  const share = ((role.standing[related.standing] ?? 0) + 1) / (role.standings + 9);
  const odd = Math.max(v[at.newPlace] ?? 0, v[at.newDevice] ?? 0, v[at.newClient] ?? 0) > 0.5;
  const worked = related.standing >= 4 && related.standing <= 6 && role.standings >= 150 && role.users >= 3;
  if (worked && share >= ROLE_WORK && !call.breakGlass && !related.decoy && !role.automated && !odd) return roleWork;
  if (role.automated && isRoutine(v) && profile.count > 200) return routine;
  return undefined;
};

const isRoutine = (v: Float64Array): boolean => (v[at.serviceAsPerson] ?? 0) < 0.2;
