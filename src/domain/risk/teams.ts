import { BoundedMap } from '../bounded-map.ts';
import type { Call } from './call.ts';
import { at } from './feature-schema.ts';
import type { Pair } from './profile.ts';
import type { Departments } from './relation.ts';
import { squash } from './scale.ts';
import { DAY } from './time.ts';

/** What a department did with one patient lately. */
export interface Team {
  /** Different people, fading over a week. */
  people: number;
  time: number;
  writer: string;
  wroteAt: number;
  /** Somebody beside that writer. */
  otherWroteAt: number;
}

const WEEK = 7 * DAY;

/** Which departments are at work on which patients, by what their people open and write. */
export class Teams {
  readonly #teams: BoundedMap<string, Team>;

  constructor(limit: number) {
    this.#teams = new BoundedMap(limit);
  }

  entries(): IterableIterator<[string, Team]> {
    return this.#teams.entries();
  }

  restore(teams: readonly (readonly [string, Team])[]): void {
    for (const [key, team] of teams) this.#teams.set(key, team);
  }

  forgetPatient(id: string): void {
    for (const key of [...this.#teams.keys()]) if (key.startsWith(`${id}|`)) this.#teams.delete(key);
  }

  look(call: Call, departments: Departments, pair: Pair | undefined, time: number, v: Float64Array): void {
    const key = keyOf(call, departments.told ?? departments.home);
    const known = key === undefined ? undefined : this.#teams.get(key);
    if (known === undefined) return;
    const mine = pair !== undefined && time - pair.last < WEEK ? 1 : 0;
    const others = known.people * Math.exp(-Math.max(0, time - known.time) / WEEK) - mine;
    v[at.teamActive] = squash(others, 2);
    const wrote = known.writer === call.user ? known.otherWroteAt : known.wroteAt;
    v[at.teamCharts] = wrote > 0 ? Math.exp(-Math.max(0, time - wrote) / (4 * DAY)) : 0;
  }

  remember(call: Call, home: string | undefined, newThisWeek: boolean, time: number): void {
    const key = keyOf(call, call.department ?? home);
    if (key === undefined || call.denied) return;
    let known = this.#teams.get(key);
    if (known === undefined) {
      if (!newThisWeek && !call.write) return;
      known = { people: 0, time, writer: '', wroteAt: 0, otherWroteAt: 0 };
      this.#teams.set(key, known);
    }
    if (newThisWeek) {
      known.people = known.people * Math.exp(-Math.max(0, time - known.time) / WEEK) + 1;
      known.time = time;
    }
    if (!call.write) return;
    if (known.writer !== call.user) {
      known.otherWroteAt = known.wroteAt;
      known.writer = call.user;
    }
    known.wroteAt = time;
  }
}

const keyOf = (call: Call, department: string | undefined): string | undefined =>
  call.patient === undefined || department === undefined ? undefined : `${call.patient}|${department}`;
