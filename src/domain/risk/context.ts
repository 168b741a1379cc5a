import { BoundedMap } from '../bounded-map.ts';
import type { ContextFact } from './event.ts';
import { DAY, HOUR, timeOf } from './time.ts';

export type RelationKind = 'encounter' | 'appointment' | 'careteam' | 'referral' | 'order';

export interface Relation {
  readonly kind: RelationKind;
  readonly staff: readonly string[];
  readonly department: string | undefined;
  readonly start: number;
  readonly end: number;
  readonly open: boolean;
  readonly recordedAt: number;
  readonly recordedBy: string | undefined;
  readonly cancelledAt: number;
}

export interface StaffFact {
  readonly role: string | undefined;
  readonly department: string | undefined;
  readonly surname: string | undefined;
  readonly address: string | undefined;
  readonly zip4: string | undefined;
  readonly from: number;
  readonly until: number;
  readonly patientId: string | undefined;
}

export interface PatientFacts {
  surname: string | undefined;
  address: string | undefined;
  zip4: string | undefined;
  vip: boolean;
  /** Newest last; the oldest go first when there are too many. */
  relations: Relation[];
}

interface Shift {
  readonly start: number;
  readonly end: number;
  readonly department: string | undefined;
}

interface Shifts {
  list: Shift[];
  sorted: boolean;
}

export interface ContextState {
  readonly version: string;
  readonly staff: readonly (readonly [string, StaffFact])[];
  readonly patients: readonly (readonly [string, PatientFacts])[];
  readonly shifts: readonly (readonly [string, Shifts])[];
  readonly applications: readonly string[];
}

export interface ContextLimits {
  readonly patients: number;
  readonly staff: number;
  readonly relationsPerPatient: number;
  readonly shiftsPerUser: number;
}

const usualLimits: ContextLimits = { patients: 1_000_000, staff: 200_000, relationsPerPatient: 96, shiftsPerUser: 800 };

/** How long a relation of unknown end is taken to last. */
const openFor: Readonly<Record<RelationKind, number>> = {
  encounter: 30 * DAY,
  appointment: 12 * HOUR,
  careteam: 3650 * DAY,
  referral: 60 * DAY,
  order: 30 * DAY,
};

const text = (value: unknown): string | undefined => {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
};
const folded = (value: unknown): string | undefined => text(value)?.trim().toLowerCase();
const texts = (value: unknown): string[] => {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string').slice(0, 200) : [];
};

const tally = (counts: Map<string, number>, key: string | undefined, by: number): void => {
  if (key === undefined) return;
  const next = (counts.get(key) ?? 0) + by;
  if (next > 0) counts.set(key, next);
  else counts.delete(key);
};

/** What is known of staff, patients and their relations. Bounded in every direction; nothing here reads a clock. */
export class RiskContext {
  readonly #staff: BoundedMap<string, StaffFact>;
  readonly #patients: BoundedMap<string, PatientFacts>;
  readonly #shifts: BoundedMap<string, Shifts>;
  /** patient id -> staff id: the patient works here. */
  readonly #employees = new Map<string, string>();
  readonly #applications = new Set<string>();
  readonly #surnames = new Map<string, number>();
  readonly #zips = new Map<string, number>();
  readonly #limits: ContextLimits;
  /** Patients that carry a relation: none means that "no relation" says nothing. */
  #related = 0;
  #ignored = 0;

  constructor(limits: Partial<ContextLimits> = {}) {
    this.#limits = { ...usualLimits, ...limits };
    this.#staff = new BoundedMap(this.#limits.staff);
    this.#patients = new BoundedMap(this.#limits.patients);
    this.#shifts = new BoundedMap(this.#limits.staff);
  }

  get relatedPatients(): number {
    return this.#related;
  }

  /** Of a patient who was erased. */
  forgetPatient(id: string): void {
    const known = this.#patients.peek(id);
    if (known === undefined) return;
    if (known.relations.length > 0) this.#related--;
    tally(this.#surnames, known.surname, -1);
    tally(this.#zips, known.zip4, -1);
    this.#patients.delete(id);
    this.#employees.delete(id);
  }

  /** Facts that made no sense and were left out. */
  get ignored(): number {
    return this.#ignored;
  }

  get sizes(): { readonly staff: number; readonly patients: number } {
    return { staff: this.#staff.size, patients: this.#patients.size };
  }

  add(fact: ContextFact): void {
    // The facts come from files and servers of others: the type is a hope, each field is read for what it is.
    const kind = (fact as { readonly kind?: unknown } | null)?.kind;
    if (kind === 'staff') this.#addStaff(fact as Extract<ContextFact, { kind: 'staff' }>);
    else if (kind === 'patient') this.#addPatient(fact as Extract<ContextFact, { kind: 'patient' }>);
    else if (kind === 'shift') this.#addShift(fact as Extract<ContextFact, { kind: 'shift' }>);
    else if (kind === 'client') this.#addClient(fact as Extract<ContextFact, { kind: 'client' }>);
    else if (typeof kind === 'string' && Object.hasOwn(openFor, kind))
      this.#addRelation(fact as Extract<ContextFact, { kind: RelationKind }>);
    else this.#ignored++;
  }

  staff(id: string): StaffFact | undefined {
    return this.#staff.peek(id);
  }

  patient(id: string): PatientFacts | undefined {
    return this.#patients.peek(id);
  }

  /** All facts, as plain values for a structured clone. */
  state(): ContextState {
    return structuredClone({
      version: 'context/1',
      staff: [...this.#staff.entries()],
      patients: [...this.#patients.entries()],
      shifts: [...this.#shifts.entries()],
      applications: [...this.#applications],
    });
  }

  /** False, and nothing is changed, when the state is of another version. */
  restore(state: unknown): boolean {
    if (typeof state !== 'object' || state === null || !('version' in state) || state.version !== 'context/1')
      return false;
    const known = state as ContextState;
    for (const [id, fact] of known.staff) {
      this.#staff.set(id, fact);
      if (fact.patientId !== undefined) this.#employees.set(fact.patientId, id);
    }
    for (const [id, facts] of known.patients) {
      this.#patients.set(id, facts);
      if (facts.relations.length > 0) this.#related++;
      tally(this.#surnames, facts.surname, 1);
      tally(this.#zips, facts.zip4, 1);
    }
    for (const [id, shifts] of known.shifts) this.#shifts.set(id, shifts);
    for (const application of known.applications) this.#applications.add(application);
    return true;
  }

  /** All patients of whom anything is known. */
  eachPatient(): IterableIterator<[string, PatientFacts]> {
    return this.#patients.entries();
  }

  /** Staff id by the patient id under which the person is treated here. */
  eachEmployee(): IterableIterator<[string, string]> {
    return this.#employees.entries();
  }

  employeeOf(patient: string): string | undefined {
    return this.#employees.get(patient);
  }

  /** True when applications are registered and this is none of them. */
  isStrange(application: string | undefined): boolean {
    return application !== undefined && this.#applications.size > 0 && !this.#applications.has(application);
  }

  /** 0 for a name that everybody has, towards 1 for a rare one. */
  surnameRarity(surname: string): number {
    return rarity(this.#surnames.get(surname) ?? 0, this.#patients.size);
  }

  zipRarity(zip4: string): number {
    return rarity(this.#zips.get(zip4) ?? 0, this.#patients.size);
  }

  /** The department of the user's shift at that time; `null` off shift; `undefined` when no shifts near are known. */
  shiftAt(user: string, time: number): { readonly department: string | undefined } | null | undefined {
    const shifts = this.#shifts.peek(user);
    if (shifts === undefined || shifts.list.length === 0) return undefined;
    if (!shifts.sorted) {
      shifts.list.sort((a, b) => a.start - b.start);
      shifts.sorted = true;
    }
    const list = shifts.list;
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((list[middle]?.start ?? 0) <= time + HOUR) low = middle + 1;
      else high = middle;
    }
    // Three back: shifts of a person may overlap (on call beside the ordinary one).
    for (let at = low - 1; at >= 0 && at >= low - 3; at--) {
      const shift = list[at];
      if (shift !== undefined && time <= shift.end + 1.5 * HOUR) return { department: shift.department };
    }
    const before = list[low - 1];
    const after = list[low];
    const near =
      (before !== undefined && time - before.end < 21 * DAY) || (after !== undefined && after.start - time < 21 * DAY);
    return near ? null : undefined;
  }

  #addStaff(fact: Extract<ContextFact, { kind: 'staff' }>): void {
    const id = text(fact.id);
    if (id === undefined) {
      this.#ignored++;
      return;
    }
    const patientId = text(fact.patientId);
    // Several resources may speak of one person: what one leaves out, another may have said.
    const known = this.#staff.get(id);
    this.#staff.set(id, {
      role: text(fact.role) ?? known?.role,
      department: text(fact.department) ?? known?.department,
      surname: folded(fact.surname) ?? known?.surname,
      address: folded(fact.address) ?? known?.address,
      zip4: folded(fact.zip4) ?? known?.zip4,
      from: timeOf(fact.from) ?? known?.from ?? Number.NEGATIVE_INFINITY,
      until: endOf(fact.until) ?? known?.until ?? Number.POSITIVE_INFINITY,
      patientId: patientId ?? known?.patientId,
    });
    if (patientId !== undefined && this.#employees.size < this.#limits.staff) this.#employees.set(patientId, id);
  }

  #facts(id: string): PatientFacts {
    let facts = this.#patients.get(id);
    if (facts === undefined) {
      facts = { surname: undefined, address: undefined, zip4: undefined, vip: false, relations: [] };
      this.#patients.set(id, facts);
    }
    return facts;
  }

  #addPatient(fact: Extract<ContextFact, { kind: 'patient' }>): void {
    const id = text(fact.id);
    if (id === undefined) {
      this.#ignored++;
      return;
    }
    const facts = this.#facts(id);
    tally(this.#surnames, facts.surname, -1);
    tally(this.#zips, facts.zip4, -1);
    facts.surname = folded(fact.surname);
    facts.address = folded(fact.address);
    facts.zip4 = folded(fact.zip4);
    facts.vip = fact.vip === true;
    tally(this.#surnames, facts.surname, 1);
    tally(this.#zips, facts.zip4, 1);
  }

  #addRelation(fact: Extract<ContextFact, { kind: RelationKind }>): void {
    const patient = text(fact.patient);
    const recordedAt = timeOf(fact.recordedAt);
    const start = timeOf(fact.start) ?? recordedAt ?? Number.NEGATIVE_INFINITY;
    if (patient === undefined) {
      this.#ignored++;
      return;
    }
    const end = endOf(fact.end);
    const relation: Relation = {
      kind: fact.kind,
      staff: texts(fact.staff),
      department: text(fact.department),
      start,
      end: end !== undefined && end >= start ? end : start + openFor[fact.kind],
      open: end === undefined,
      recordedAt: recordedAt ?? Number.NEGATIVE_INFINITY,
      recordedBy: text(fact.recordedBy),
      cancelledAt: timeOf(fact.cancelledAt) ?? Number.POSITIVE_INFINITY,
    };
    const { relations } = this.#facts(patient);
    if (relations.length === 0) this.#related++;
    // A resource that is read again tells the same relation again, perhaps with its end.
    const known = relations.findIndex(
      (other) =>
        other.kind === relation.kind &&
        other.start === relation.start &&
        other.department === relation.department &&
        other.recordedBy === relation.recordedBy &&
        other.staff.length === relation.staff.length &&
        other.staff.every((id) => relation.staff.includes(id)),
    );
    if (known >= 0) relations[known] = relation;
    else relations.push(relation);
    if (relations.length > this.#limits.relationsPerPatient) {
      let oldest = 0;
      for (let at = 1; at < relations.length; at++)
        if ((relations[at]?.end ?? 0) < (relations[oldest]?.end ?? 0)) oldest = at;
      relations.splice(oldest, 1);
    }
  }

  #addClient(fact: Extract<ContextFact, { kind: 'client' }>): void {
    const id = text(fact.id);
    if (id === undefined || this.#applications.size >= 10_000) this.#ignored++;
    else this.#applications.add(id);
  }

  #addShift(fact: Extract<ContextFact, { kind: 'shift' }>): void {
    const user = text(fact.user);
    const start = timeOf(fact.start);
    const end = endOf(fact.end);
    if (user === undefined || start === undefined || end === undefined || end < start || end - start > 7 * DAY) {
      this.#ignored++;
      return;
    }
    let shifts = this.#shifts.get(user);
    if (shifts === undefined) {
      shifts = { list: [], sorted: true };
      this.#shifts.set(user, shifts);
    }
    const last = shifts.list.at(-1);
    if (last !== undefined && last.start > start) shifts.sorted = false;
    shifts.list.push({ start, end, department: text(fact.department) });
    if (shifts.list.length > this.#limits.shiftsPerUser) shifts.list.shift();
  }
}

/** A date alone ends with its last moment. */
const endOf = (value: unknown): number | undefined => {
  const time = timeOf(value);
  return time !== undefined && typeof value === 'string' && value.length === 10 ? time + DAY - 1 : time;
};

const rarity = (count: number, total: number): number => {
  if (total < 2) return 0.5;
  const share = Math.max(count, 1) / total;
  return Math.min(1, Math.max(0, -Math.log(share) / Math.log(total)));
};
