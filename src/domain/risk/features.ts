import { BoundedMap } from '../bounded-map.ts';
import { type Call, isAutomatedRole } from './call.ts';
import type { RiskContext } from './context.ts';
import { at, FEATURES } from './feature-schema.ts';
import {
  cell,
  MATRIX,
  MEASURES,
  measureCells,
  type Pair,
  PeerProfile,
  priorMean,
  priorSpread,
  SCALES,
  scales,
  UserProfile,
} from './profile.ts';
import { type Departments, type Explanation, type Related, relate } from './relation.ts';
import { DAY, HOUR, hourOf } from './time.ts';

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
  readonly strangersDay: number;
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

/** What a department did with one patient lately. */
interface Team {
  /** Different people, fading over a week. */
  people: number;
  time: number;
  writer: string;
  wroteAt: number;
  /** Somebody beside that writer. */
  otherWroteAt: number;
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

/** Share of a role's patients in one state of care from which that state is the role's ordinary work. */
const ROLE_WORK = 0.12;

const squash = (value: number, half: number): number => (value > 0 ? value / (value + half) : 0);
const unit = (value: number): number => Math.min(1, Math.max(0, value));
const bare = new UserProfile();

const previous: Explanation = {
  code: 'previous-access',
  text: 'The user had a documented link to this record within the past 30 days (source: access history).',
};
const roleWork: Explanation = {
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

/**
 * Streaming features: constant work per call, bounded memory, no clock and no I/O. The same code serves the gateway and the files.
 * `look` changes nothing; `commit` after it takes the call into the profiles.
 */
export class RiskFeatures {
  readonly context: RiskContext;
  readonly users: BoundedMap<string, UserProfile>;
  readonly peers: BoundedMap<string, PeerProfile>;
  readonly #heat: BoundedMap<string, Heat>;
  readonly #teams: BoundedMap<string, Team>;
  /** How many users a network, device or application was seen with. */
  readonly #popular: BoundedMap<string, number>;
  readonly #vector = new Float64Array(FEATURES);
  readonly #next = new Float64Array(MATRIX);
  readonly #values = new Float64Array(MEASURES);
  readonly #relatedOthers = { related: 0, seen: 0 };
  #total = 0;
  #began = Number.NaN;

  constructor(context: RiskContext, limits: Partial<FeatureLimits> = {}) {
    const bounds = { ...usualLimits, ...limits };
    this.context = context;
    this.users = new BoundedMap(bounds.users);
    this.peers = new BoundedMap(bounds.groups);
    this.#heat = new BoundedMap(bounds.patients);
    this.#teams = new BoundedMap(bounds.patients);
    this.#popular = new BoundedMap(bounds.values);
  }

  get total(): number {
    return this.#total;
  }

  get sizes(): { readonly users: number; readonly patients: number; readonly groups: number; readonly values: number } {
    return { users: this.users.size, patients: this.#heat.size, groups: this.peers.size, values: this.#popular.size };
  }

  /** All that was learned, as plain values for a structured clone; nothing in it is shared with the running profiles. */
  state(): FeatureState {
    return structuredClone({
      version: STATE,
      users: [...this.users.entries()],
      peers: [...this.peers.entries()],
      heat: [...this.#heat.entries()],
      teams: [...this.#teams.entries()],
      popular: [...this.#popular.entries()],
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
    for (const [key, team] of known.teams) this.#teams.set(key, team);
    for (const [value, count] of known.popular) this.#popular.set(value, count);
    this.#total = known.total;
    this.#began = known.began;
    return true;
  }

  /** Of a patient who was erased; a walk over all profiles, for erasure is rare. */
  forgetPatient(id: string): void {
    this.context.forgetPatient(id);
    this.#heat.delete(id);
    for (const key of [...this.#teams.keys()]) if (key.startsWith(`${id}|`)) this.#teams.delete(key);
    for (const profile of this.users.values()) profile.pairs.delete(id);
  }

  user(id: string): UserProfile | undefined {
    return this.users.peek(id);
  }

  look(call: Call, time: number, profile: UserProfile = this.users.get(call.user) ?? bare): Look {
    const v = this.#vector.fill(0);
    const role = this.#peer(call.role);
    const group = this.#group(call, role);
    const staff = this.context.staff(call.user);
    const shift = this.context.shiftAt(call.user, time);
    const departments = { told: call.department, home: staff?.department, shift: shift?.department };
    const facts = call.patient === undefined ? undefined : this.context.patient(call.patient);
    const related = relate(facts, call.user, departments, time);
    const contextKnown = this.context.relatedPatients > 0;
    const pair = call.patient === undefined ? undefined : profile.pair(call.patient);
    const established = profile.count / (profile.count + 30);

    this.#place(call, profile, established, group.automated, time);
    this.#team(call, departments, pair, time);
    const explanation = this.#explain(call, time, profile, pair, related, departments, role, v);
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

    const link = this.#links(call, staff, facts, v);
    v[at.linkUnexplained] = explained ? 0 : link;
    this.#count(call, time, profile, pair, explained, bareAccess, related, link);
    this.#values[MEASURES - 2] = Math.log1p(call.results);
    this.#compare(profile, group, role, time, v);
    this.#habits(call, profile, role, shift, staff, time, v);
    return {
      vector: v,
      related,
      explained,
      documented: related.strength >= 0.55,
      explanation,
      evidence: {
        strangersHour: this.#next[cell('unexplained', 0)] ?? 0,
        unknownHour: this.#next[cell('unknown', 0)] ?? 0,
        strangersDay: this.#next[cell('unexplained', 1)] ?? 0,
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
  commit(call: Call, time: number, seen: Look): void {
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
    this.#rememberTeam(call, fresh === undefined || time - fresh.last > 7 * DAY, time);
    for (const value of placesOf(call))
      if (!profile.seen.has(value)) this.#popular.set(value, (this.#popular.get(value) ?? 0) + 1);
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
  commitTo(profile: UserProfile, call: Call, time: number, seen: Look): void {
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
    for (const value of placesOf(call)) profile.touchSeen(value, time);
    if (call.network !== undefined) {
      if (profile.network !== '' && profile.network !== call.network && time - profile.networkAt < 20 * 60_000)
        profile.switches = profile.switches * Math.exp(-(time - profile.networkAt) / HOUR) + 1;
      profile.network = call.network;
      profile.networkAt = time;
    }
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

  #place(call: Call, profile: UserProfile, established: number, automated: boolean, time: number): void {
    const v = this.#vector;
    v[at.newPlace] = this.#novelty('n', call.network, profile) * established;
    v[at.newDevice] = this.#novelty('d', call.device, profile) * established;
    v[at.newClient] = this.#novelty('c', call.client, profile) * established;
    const elsewhere =
      call.network !== undefined &&
      profile.network !== '' &&
      profile.network !== call.network &&
      time - profile.networkAt < 20 * 60_000;
    const faded = profile.switches * Math.exp(-Math.max(0, time - profile.networkAt) / HOUR);
    v[at.twoPlaces] = squash(faded + (elsewhere ? 1 : 0), 3);
    if (automated) {
      const odd = Math.max(v[at.newPlace] ?? 0, v[at.newDevice] ?? 0, v[at.newClient] ?? 0);
      v[at.serviceAsPerson] = unit(odd + (call.nameSearch ? 0.5 : 0));
    }
  }

  #novelty(kind: string, value: string | undefined, profile: UserProfile): number {
    if (value === undefined) return 0;
    const key = kind + value;
    if (profile.seen.has(key)) return 0;
    return 1 / (1 + 0.6 * Math.log1p(this.#popular.peek(key) ?? 0));
  }

  #explain(
    call: Call,
    time: number,
    profile: UserProfile,
    pair: Pair | undefined,
    related: Related,
    departments: Departments,
    role: PeerProfile,
    v: Float64Array,
  ): Explanation | undefined {
    const others = this.#relatedOthers;
    others.related = 0;
    others.seen = 0;
    if (call.patient === undefined) {
      for (const id of call.others) {
        others.seen++;
        const known = profile.pair(id);
        if (
          relate(this.context.patient(id), call.user, departments, time).strength >= 0.55 ||
          (known !== undefined && time - known.legit < 30 * DAY)
        )
          others.related++;
      }
      if (others.seen === 0) return call.broad || call.nameSearch || call.takesOut || call.denied ? undefined : nobody;
      if (others.related * 2 >= others.seen || (call.nameSearch && others.related > 0)) return found;
      return role.automated && this.#isRoutine(v) && profile.count > 200 ? routine : undefined;
    }
    if (related.strength >= 0.55) return related.explanation;
    if (pair !== undefined && time - pair.legit < 30 * DAY && time >= pair.legit) return previous;
    if ((v[at.teamCharts] ?? 0) > 0.5 && (v[at.teamActive] ?? 0) > 0.45 && !related.decoy) return team;
    const share = ((role.standing[related.standing] ?? 0) + 1) / (role.standings + 9);
    const odd = Math.max(v[at.newPlace] ?? 0, v[at.newDevice] ?? 0, v[at.newClient] ?? 0) > 0.5;
    const worked = related.standing >= 4 && related.standing <= 6 && role.standings >= 150 && role.users >= 3;
    if (worked && share >= ROLE_WORK && !call.breakGlass && !related.decoy && !role.automated && !odd) return roleWork;
    if (role.automated && this.#isRoutine(v) && profile.count > 200) return routine;
    return undefined;
  }

  #isRoutine(v: Float64Array): boolean {
    return (v[at.serviceAsPerson] ?? 0) < 0.2;
  }

  #team(call: Call, departments: Departments, pair: Pair | undefined, time: number): void {
    const key = teamKey(call, departments);
    const known = key === undefined ? undefined : this.#teams.get(key);
    if (known === undefined) return;
    const mine = pair !== undefined && time - pair.last < 7 * DAY ? 1 : 0;
    const others = known.people * Math.exp(-Math.max(0, time - known.time) / (7 * DAY)) - mine;
    this.#vector[at.teamActive] = squash(others, 2);
    const wrote = known.writer === call.user ? known.otherWroteAt : known.wroteAt;
    this.#vector[at.teamCharts] = wrote > 0 ? Math.exp(-Math.max(0, time - wrote) / (4 * DAY)) : 0;
  }

  #rememberTeam(call: Call, newThisWeek: boolean, time: number): void {
    const key = teamKey(call, {
      told: call.department,
      home: this.context.staff(call.user)?.department,
      shift: undefined,
    });
    if (key === undefined || call.denied) return;
    let known = this.#teams.get(key);
    if (known === undefined) {
      if (!newThisWeek && !call.write) return;
      known = { people: 0, time, writer: '', wroteAt: 0, otherWroteAt: 0 };
      this.#teams.set(key, known);
    }
    if (newThisWeek) {
      known.people = known.people * Math.exp(-Math.max(0, time - known.time) / (7 * DAY)) + 1;
      known.time = time;
    }
    if (!call.write) return;
    if (known.writer !== call.user) {
      known.otherWroteAt = known.wroteAt;
      known.writer = call.user;
    }
    known.wroteAt = time;
  }

  /** Private links; returns the strongest. */
  #links(
    call: Call,
    staff: ReturnType<RiskContext['staff']>,
    facts: ReturnType<RiskContext['patient']>,
    v: Float64Array,
  ): number {
    if (call.patient === undefined) return 0;
    let link = 0;
    const employee = this.context.employeeOf(call.patient);
    const isSelf = staff?.patientId === call.patient || employee === call.user;
    if (isSelf) {
      v[at.self] = 1;
      link = 0.7;
    } else if (employee !== undefined) {
      const near = this.context.staff(employee)?.department;
      v[at.coworker] = near !== undefined && (near === staff?.department || near === call.department) ? 1 : 0.7;
      link = 0.8;
    }
    if (facts === undefined) return link;
    if (facts.vip) {
      v[at.vip] = 1;
      link = Math.max(link, 0.7);
    }
    if (!isSelf && staff !== undefined) {
      if (staff.surname !== undefined && staff.surname === facts.surname) {
        const rare = this.context.surnameRarity(staff.surname);
        v[at.surname] = rare;
        link = Math.max(link, rare);
      }
      if (staff.address !== undefined && staff.address === facts.address) {
        v[at.household] = 1;
        link = 1;
      } else if (staff.zip4 !== undefined && staff.zip4 === facts.zip4) {
        const rare = this.context.zipRarity(staff.zip4);
        v[at.neighbour] = rare;
        link = Math.max(link, rare * 0.8);
      }
    }
    return link;
  }

  /** The counters as they will be with this call taken in. */
  #count(
    call: Call,
    time: number,
    profile: UserProfile,
    pair: Pair | undefined,
    explained: boolean,
    bareAccess: boolean,
    related: Related,
    link: number,
  ): void {
    const next = this.#next;
    // A clock that jumps back counts as standing still.
    const passed = Number.isNaN(profile.last) ? 0 : Math.max(0, time - profile.last);
    for (let scale = 0; scale < SCALES; scale++) {
      const keep = passed === 0 ? 1 : Math.exp(-passed / (scales[scale] ?? HOUR));
      for (let index = scale; index < MATRIX; index += SCALES) next[index] = (profile.matrix[index] ?? 0) * keep;
    }
    const heat = call.patient === undefined ? undefined : this.#heat.get(call.patient);
    if (heat !== undefined) {
      const others =
        heat.heat * Math.exp(-Math.max(0, time - heat.time) / (7 * DAY)) -
        (pair !== undefined && pair.bareDays > 0 ? 1 : 0);
      this.#vector[at.patientHeat] = squash(others, 3);
    }
    const bulk = call.othersTotal;
    const strangers = this.#relatedOthers.seen === 0 ? 0 : 1 - this.#relatedOthers.related / this.#relatedOthers.seen;
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
      if (bareAccess) add(related.standing === 8 ? 'unknown' : 'unexplained', 1);
      else add('unknown', 0.5);
      if (link > 0.5) add('linked', link);
    }
  }

  #compare(profile: UserProfile, group: PeerProfile, role: PeerProfile, time: number, v: Float64Array): void {
    const next = this.#next;
    const values = this.#values;
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
    const score = (index: number, useOwn: number): number => {
      const known = group.count / (group.count + 300);
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
  }

  #habits(
    call: Call,
    profile: UserProfile,
    role: PeerProfile,
    shift: ReturnType<RiskContext['shiftAt']>,
    staff: ReturnType<RiskContext['staff']>,
    time: number,
    v: Float64Array,
  ): void {
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
    if (staff !== undefined) {
      if (time < staff.from - DAY || time > staff.until + DAY) v[at.notEmployed] = 1;
      if (staff.role !== undefined && call.role !== '' && staff.role !== call.role) v[at.roleMismatch] = 1;
    }
    const began = Number.isNaN(this.#began) ? time : this.#began;
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
  }
}

const sum = (values: Float64Array): number => {
  let total = 0;
  for (let index = 0; index < values.length; index++) total += values[index] ?? 0;
  return total;
};

const teamKey = (call: Call, departments: Departments): string | undefined => {
  const department = departments.told ?? departments.home;
  return call.patient === undefined || department === undefined ? undefined : `${call.patient}|${department}`;
};

const placesOf = (call: Call): string[] => {
  const places: string[] = [];
  if (call.network !== undefined) places.push(`n${call.network}`);
  if (call.device !== undefined) places.push(`d${call.device}`);
  if (call.client !== undefined) places.push(`c${call.client}`);
  return places;
};

/** Share of an hour, with its neighbours, smoothed towards a prior share. */
const hourShare = (hours: Float64Array, total: number, hour: number, weight: number, prior: number): number => {
  const near = 0.5 * (hours[hour] ?? 0) + 0.25 * (hours[(hour + 1) % 24] ?? 0) + 0.25 * (hours[(hour + 23) % 24] ?? 0);
  return (near + weight * prior) / (total + weight);
};

/** The digits at the end of an id. */
const numberOf = (id: string): number => {
  const digits = /(\d{1,12})$/.exec(id);
  return digits?.[1] === undefined ? Number.NaN : Number(digits[1]);
};
