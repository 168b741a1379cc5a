import { BoundedMap } from '../bounded-map.ts';
import { type Call, isAutomatedRole } from './call.ts';
import { compare } from './comparison.ts';
import type { RiskContext, StaffFact } from './context.ts';
import { count } from './counters.ts';
import { explain, roleWork } from './explain.ts';
import { at, FEATURES } from './feature-schema.ts';
import { habits } from './habits.ts';
import { Places, rememberPlaces } from './places.ts';
import { privateLinks } from './private-links.ts';
import { cell, MATRIX, MEASURES, type Pair, PeerProfile, UserProfile } from './profile.ts';
import { type Explanation, type Related, relate } from './relation.ts';
import { squash, unit } from './scale.ts';
import { type Team, Teams } from './teams.ts';
import { DAY, hourOf } from './time.ts';

export interface FeatureLimits {
  readonly users: number;
  readonly patients: number;
  readonly groups: number;
  readonly values: number;
}

const usualLimits: FeatureLimits = { users: 50_000, patients: 500_000, groups: 4_000, values: 200_000 };

/** Counts behind the rules, in plain numbers. */
export interface Evidence {
  /** Different patients within about an hour without a link, whose care is documented with others. */
  readonly strangersHour: number;
  /** The same for patients of whom nothing is on record. */
  readonly unknownHour: number;
  /** Patients without a link that search answers listed within about an hour; the same ones again count again. */
  readonly listedHour: number;
  readonly broadHour: number;
  readonly probesHour: number;
  readonly deniedHour: number;
  readonly run: number;
  readonly breakGlassMonth: number;
  /** Events of this user, and of all, that were seen before. */
  readonly history: number;
  readonly total: number;
  readonly automated: boolean;
  /** Applications are registered, and this is none of them. */
  readonly strangeClient: boolean;
  readonly contextKnown: boolean;
}

/** What one call looks like. The vector is the extractor's own buffer: copy it to keep it. */
export interface Look {
  readonly vector: Float64Array;
  readonly related: Related;
  readonly explained: boolean;
  /** A relation on record, as opposed to habit or role: such access is never hard-blocked. */
  readonly documented: boolean;
  readonly explanation: Explanation | undefined;
  readonly evidence: Evidence;
}

/** Raised when the profiles take another shape. */
const STATE = `profiles/1/${FEATURES}/${MATRIX}/${MEASURES}`;

export interface FeatureState {
  readonly version: string;
  readonly users: readonly (readonly [string, object])[];
  readonly peers: readonly (readonly [string, object])[];
  readonly heat: readonly (readonly [string, Heat])[];
  readonly teams: readonly (readonly [string, Team])[];
  readonly popular: readonly (readonly [string, number])[];
  readonly total: number;
  readonly began: number;
}

interface Heat {
  heat: number;
  time: number;
}

const bare = new UserProfile();

/**
 * Streaming features: constant work per call, bounded memory, no clock and no I/O. The same code serves the gateway and the files.
 * `look` changes nothing; `commit` after it takes the call into the profiles.
 */
export class RiskFeatures {
  readonly context: RiskContext;
  readonly users: BoundedMap<string, UserProfile>;
  readonly peers: BoundedMap<string, PeerProfile>;
  readonly #heat: BoundedMap<string, Heat>;
  readonly #teams: Teams;
  readonly #places: Places;
  readonly #vector = new Float64Array(FEATURES);
  readonly #next = new Float64Array(MATRIX);
  readonly #values = new Float64Array(MEASURES);
  readonly #relatedOthers = { related: 0, familiar: 0, seen: 0 };
  #total = 0;
  #began = Number.NaN;

  constructor(context: RiskContext, limits: Partial<FeatureLimits> = {}) {
    const bounds = { ...usualLimits, ...limits };
    this.context = context;
    this.users = new BoundedMap(bounds.users);
    this.peers = new BoundedMap(bounds.groups);
    this.#heat = new BoundedMap(bounds.patients);
    this.#teams = new Teams(bounds.patients);
    this.#places = new Places(bounds.values);
  }

  get total(): number {
    return this.#total;
  }

  get sizes(): { readonly users: number; readonly patients: number; readonly groups: number; readonly values: number } {
    return { users: this.users.size, patients: this.#heat.size, groups: this.peers.size, values: this.#places.size };
  }

  /** All that was learned, as plain values for a structured clone; nothing in it is shared with the running profiles. */
  state(): FeatureState {
    return structuredClone({
      version: STATE,
      users: [...this.users.entries()],
      peers: [...this.peers.entries()],
      heat: [...this.#heat.entries()],
      teams: [...this.#teams.entries()],
      popular: [...this.#places.entries()],
      total: this.#total,
      began: this.#began,
    });
  }

  /** False, and nothing is changed, when the state is of another version: profiles then begin anew. */
  restore(state: unknown): boolean {
    if (typeof state !== 'object' || state === null || !('version' in state) || state.version !== STATE) return false;
    const known = state as FeatureState;
    for (const [id, plain] of known.users) this.users.set(id, Object.assign(new UserProfile(), plain));
    for (const [key, plain] of known.peers) this.peers.set(key, PeerProfile.from(plain));
    for (const [patient, heat] of known.heat) this.#heat.set(patient, heat);
    this.#teams.restore(known.teams);
    this.#places.restore(known.popular);
    this.#total = known.total;
    this.#began = known.began;
    return true;
  }

  /** Of a patient who was erased; a walk over all profiles, for erasure is rare. */
  forgetPatient(id: string): void {
    this.context.forgetPatient(id);
    this.#heat.delete(id);
    this.#teams.forgetPatient(id);
    for (const profile of this.users.values()) profile.pairs.delete(id);
  }

  user(id: string): UserProfile | undefined {
    return this.users.peek(id);
  }

  look(told: Call, time: number, profile: UserProfile = this.users.get(told.user) ?? bare): Look {
    const v = this.#vector.fill(0);
    const staff = this.context.staff(told.user);
    const call = placed(told, staff);
    const role = this.#peer(call.role);
    const group = this.#group(call, role);
    const shift = this.context.shiftAt(call.user, time);
    const departments = { told: call.department, home: staff?.department, shift: shift?.department };
    const facts = call.patient === undefined ? undefined : this.context.patient(call.patient);
    const related = relate(facts, call.user, departments, time);
    const contextKnown = this.context.relatedPatients > 0;
    const pair = call.patient === undefined ? undefined : profile.pair(call.patient);

    this.#places.look(call, profile, role, time, v);
    this.#teams.look(call, departments, pair, time, v);
    const explanation = explain(
      this.context,
      call,
      time,
      profile,
      pair,
      related,
      departments,
      role,
      v,
      this.#relatedOthers,
    );
    const explained = explanation !== undefined;
    // What a role usually does explains less than a link on record.
    const strength = related.strength > 0 ? related.strength : explanation === roleWork ? 0.5 : explained ? 0.6 : 0;
    const opens = call.patient !== undefined;
    const bareAccess = opens && !explained && contextKnown;
    v[at.unexplained] = opens ? (contextKnown ? 1 - strength : 0.5) : call.othersTotal > 0 && !explained ? 0.5 : 0;
    v[at.directNow] = related.standing === 0 ? 1 : 0;
    v[at.directPast] = related.standing === 1 ? Math.exp(-related.days / 30) : 0;
    v[at.departmentNow] = related.standing === 2 ? 1 : 0;
    v[at.departmentPast] = related.standing === 3 ? Math.exp(-related.days / 14) : 0;
    v[at.activeElsewhere] = related.standing === 4 ? 1 : related.standing === 5 || related.standing === 6 ? 0.6 : 0;
    v[at.inactivePatient] = related.standing === 7 ? 1 : 0;
    v[at.unknownPatient] = opens && related.standing === 8 && contextKnown ? 1 : 0;
    if (opens) {
      const share = ((role.standing[related.standing] ?? 0) + 5) / (role.standings + 45);
      v[at.standingRarity] = unit(-Math.log(share) / 6);
    }
    v[at.decoy] = related.decoy ? 1 : 0;
    if (pair !== undefined) {
      v[at.pairKnown] = squash(pair.count, 3);
      v[at.pairLegit] = pair.legit > 0 ? Math.exp(-Math.max(0, time - pair.legit) / (30 * DAY)) : 0;
      v[at.pairRepeat] = explained ? 0 : squash(pair.bareDays, 2);
      v[at.pairWrites] = squash(pair.writes, 1);
    }
    if (related.department !== undefined)
      v[at.departmentLift] = unit(group.departments.share(related.department, 20, 0.1) * 2);

    const link = privateLinks(this.context, call, staff, facts, v);
    v[at.linkUnexplained] = explained ? 0 : link;
    this.#heatOf(call, time, pair);
    count(
      {
        call,
        time,
        profile,
        pair,
        explained,
        bareAccess,
        standing: related.standing,
        link,
        others: this.#relatedOthers,
      },
      this.#next,
    );
    this.#values[MEASURES - 2] = Math.log1p(call.results);
    compare(profile, group, role, time, this.#next, this.#values, v);
    habits(call, profile, role, shift, staff, time, Number.isNaN(this.#began) ? time : this.#began, v);
    v[at.roleMismatch] = this.#places.mismatch(staff?.role, told.role);
    return {
      vector: v,
      related,
      explained,
      documented: related.strength >= 0.55,
      explanation,
      evidence: {
        strangersHour: this.#next[cell('unexplained', 0)] ?? 0,
        unknownHour: this.#next[cell('unknown', 0)] ?? 0,
        listedHour: this.#next[cell('listed', 0)] ?? 0,
        broadHour: this.#next[cell('broad', 0)] ?? 0,
        probesHour: this.#next[cell('probes', 0)] ?? 0,
        deniedHour: this.#next[cell('denied', 0)] ?? 0,
        run: profile.run,
        breakGlassMonth: this.#next[cell('breakGlass', 3)] ?? 0,
        history: profile.count,
        total: this.#total,
        automated: group.automated,
        strangeClient: this.context.isStrange(call.application),
        contextKnown,
      },
    };
  }

  /** Takes the call that was just looked at into the profiles. MUST follow `look` of the same call. */
  commit(told: Call, time: number, seen: Look): void {
    const staff = this.context.staff(told.user);
    const call = placed(told, staff);
    if (Number.isNaN(this.#began)) this.#began = time;
    this.#total++;
    let profile = this.users.get(call.user);
    if (profile === undefined) {
      profile = new UserProfile();
      this.users.set(call.user, profile);
    }
    const fresh = call.patient === undefined ? undefined : profile.pair(call.patient);
    const newToday = call.patient !== undefined && (fresh === undefined || time - fresh.last > DAY);
    const firstBare =
      !seen.explained && newToday && seen.evidence.contextKnown && (fresh === undefined || time - fresh.last > 7 * DAY);
    this.#teach(call, time, profile, seen, newToday);
    this.#teams.remember(call, staff?.department, fresh === undefined || time - fresh.last > 7 * DAY, time);
    this.#places.count(call, profile, staff?.role, told.role, time);
    this.commitTo(profile, call, time, seen);
    if (firstBare && call.patient !== undefined) {
      const known = this.#heat.get(call.patient);
      if (known === undefined) this.#heat.set(call.patient, { heat: 1, time });
      else {
        known.heat = known.heat * Math.exp(-Math.max(0, time - known.time) / (7 * DAY)) + 1;
        known.time = time;
      }
    }
  }

  /** The part of `commit` that concerns the user alone; planted misuse uses it on a copy of a profile. */
  commitTo(profile: UserProfile, told: Call, time: number, seen: Look): void {
    const call = placed(told, this.context.staff(told.user));
    if (Number.isNaN(profile.first)) profile.first = time;
    profile.matrix.set(this.#next);
    const own = 1 / Math.min(profile.measured + 1, 1_500);
    for (let index = 0; index < MEASURES; index++) {
      const mean = profile.mean[index] ?? 0;
      profile.mean[index] = mean + own * ((this.#values[index] ?? 0) - mean);
    }
    profile.measured++;
    profile.last = time;
    profile.count++;
    const hour = hourOf(time);
    profile.hours[hour] = (profile.hours[hour] ?? 0) + 1;
    if (profile.count % 2_000 === 0)
      for (let slot = 0; slot < 24; slot++) profile.hours[slot] = (profile.hours[slot] ?? 0) / 2;
    rememberPlaces(call, profile, time);
    profile.touchType(call.type, time);
    if (call.nameSearch) {
      profile.lastSearch = time;
      profile.searchOpened = false;
    } else if (call.patient !== undefined) profile.searchOpened = true;
    if (call.patient === undefined) return;
    this.#commitPatient(profile, call, call.patient, time, seen);
  }

  #commitPatient(profile: UserProfile, call: Call, patient: string, time: number, seen: Look): void {
    const pair = profile.touchPair(patient, time);
    const again = time - pair.last <= DAY;
    if (!again) {
      const number = numberOf(patient);
      const step = number - profile.lastNumber;
      profile.run = step >= 1 && step <= 3 ? profile.run + 1 : profile.run * 0.5;
      profile.lastNumber = number;
      if (seen.evidence.contextKnown)
        profile.cusum = Math.min(
          60,
          Math.max(0, profile.cusum + (seen.explained ? 0 : 1) - this.#expectedBare(call) - 0.1),
        );
    }
    // A habit does not renew itself: only a link on record does.
    if (seen.explained) {
      if (seen.documented) pair.legit = time;
    } else if (seen.evidence.contextKnown && time - pair.lastBare > DAY / 2) {
      pair.bareDays++;
      pair.lastBare = time;
    }
    pair.count++;
    pair.last = time;
    if (call.write && !call.denied) pair.writes++;
  }

  #peer(role: string): PeerProfile {
    return this.#peerOf(role, role);
  }

  #group(call: Call, role: PeerProfile): PeerProfile {
    return call.department === undefined ? role : this.#peerOf(`${call.role}|${call.department}`, call.role);
  }

  #peerOf(key: string, role: string): PeerProfile {
    let peer = this.peers.get(key);
    if (peer === undefined) {
      peer = new PeerProfile(isAutomatedRole(role));
      this.peers.set(key, peer);
    }
    return peer;
  }

  #expectedBare(call: Call): number {
    const role = this.#peer(call.role);
    let bareCount = 0;
    for (let standing = 4; standing < 9; standing++) bareCount += role.standing[standing] ?? 0;
    return (bareCount + 3) / (role.standings + 60);
  }

  #teach(call: Call, time: number, profile: UserProfile, seen: Look, newToday: boolean): void {
    const role = this.#peer(call.role);
    const group = this.#group(call, role);
    for (const key of [call.role, `${call.role}|${call.department ?? ''}`])
      if (!profile.groups.has(key) && profile.groups.size < 32) {
        profile.groups.add(key);
        (key === call.role ? role : group).users++;
      }
    // A caller at machine speed teaches its peers only now and then: volume must not buy a new normal.
    const rate = profile.matrix[cell('events', 0)] ?? 0;
    if (rate > 120 && profile.count % 16 !== 0) return;
    const hour = hourOf(time);
    role.learn(this.#values, hour);
    if (group !== role) group.learn(this.#values, hour);
    role.types.add(call.type);
    role.interactions.add(call.interaction);
    role.purposes.add(call.purpose);
    if (!newToday) return;
    role.learnStanding(seen.related.standing);
    if (group !== role) group.learnStanding(seen.related.standing);
    if (seen.related.department !== undefined && seen.related.strength > 0)
      group.departments.add(seen.related.department);
  }

  #heatOf(call: Call, time: number, pair: Pair | undefined): void {
    const heat = call.patient === undefined ? undefined : this.#heat.get(call.patient);
    if (heat !== undefined) {
      const others =
        heat.heat * Math.exp(-Math.max(0, time - heat.time) / (7 * DAY)) -
        (pair !== undefined && pair.bareDays > 0 ? 1 : 0);
      this.#vector[at.patientHeat] = squash(others, 3);
    }
  }
}

/** What the call leaves out of role and department the staff list may know; colleagues of an unknown role are those of the department. */
const placed = (call: Call, staff: StaffFact | undefined): Call => {
  if (call.role !== '' && (call.department !== undefined || staff?.department === undefined)) return call;
  const department = call.department ?? staff?.department;
  const role = call.role !== '' ? call.role : (staff?.role ?? (department === undefined ? '' : `in ${department}`));
  return { ...call, role, department };
};

/** The digits at the end of an id. */
const numberOf = (id: string): number => {
  const digits = /(\d{1,12})$/.exec(id);
  return digits?.[1] === undefined ? Number.NaN : Number(digits[1]);
};
