import type { ContextFact } from '../event.ts';
import { liveDay } from './day.ts';
import { Desk, type Told } from './desk.ts';
import { Dice } from './dice.ts';
import { buildHospital, DAYS, type Habits, habitsOf } from './hospital.ts';
import type { House } from './house.ts';
import { beginMisuse, type MisuseKind, misuseKinds, type Running } from './misuse.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly users: number;
  readonly patients: number;
  readonly days: number;
  /** RFC 3339; the first day. */
  readonly start: string;
  /** Which kind of hospital: another number, other habits. */
  readonly world: number;
  /** Cases begun per day and 1,000 users. */
  readonly misusePerDay: number;
  readonly kinds?: readonly MisuseKind[];
  /** Days at the beginning without misuse. */
  readonly calmDays?: number;
  readonly habits?: Partial<Habits>;
}

export const usualSimulation: SimulationOptions = {
  seed: 1,
  users: 1_000,
  patients: 20_000,
  days: 90,
  start: '2026-01-05T00:00:00Z',
  world: 1,
  misusePerDay: 1,
};

export type Simulated =
  | { readonly kind: 'fact'; readonly fact: ContextFact }
  /** In the order of time within a day; `line` counts from 1. */
  | { readonly kind: 'event'; readonly line: number; readonly told: Told };

/**
 * A hospital day by day, with its facts and its misuse. One day is held at a time. Overnight work and the preparation of the next day are
 * carried over, so that the events come out in the order of time.
 */
export function* simulate(options: SimulationOptions): Generator<Simulated> {
  const habits = { ...habitsOf(options.world), ...options.habits };
  const start = Date.parse(options.start);
  const hospital = buildHospital({
    users: options.users,
    patients: options.patients,
    days: options.days,
    start,
    seed: options.seed,
    habits,
  });
  const dice = new Dice(options.seed * 31 + options.world);
  const crime = new Dice(options.seed * 17 + 5);
  for (const fact of hospital.facts) yield { kind: 'fact', fact };
  const house: House = { stays: [], discharged: [], facts: [] };
  const later: Running[] = [];
  const kinds = options.kinds ?? misuseKinds;
  const desk = new Desk(hospital, dice);
  let line = 0;
  let cases = 0;
  let waiting: Told[] = [];
  for (let day = 0; day < options.days; day++) {
    liveDay(hospital, house, desk, dice, day);
    if (day >= (options.calmDays ?? 0)) {
      const stage = { hospital, desk, dice: crime, facts: house.facts, day, last: options.days - 1, later };
      for (const running of later.filter((each) => each.day === day)) running.play();
      const count = crime.poisson((options.misusePerDay * options.users) / 1_000);
      for (let n = 0; n < count; n++) if (beginMisuse(crime.pick(kinds), stage, `case-${cases + 1}`)) cases++;
    }
    for (const fact of house.facts.splice(0)) yield { kind: 'fact', fact };
    // Work that was prepared a day ahead lies before midnight: two days are enough to bring all in order.
    const until = start + (day - 1) * DAYS;
    waiting.push(...desk.events.splice(0));
    waiting.sort((a, b) => a.time - b.time);
    let ready = 0;
    while (ready < waiting.length && ((waiting[ready]?.time ?? 0) < until || day === options.days - 1)) ready++;
    for (const told of waiting.slice(0, ready)) yield { kind: 'event', line: ++line, told };
    waiting = waiting.slice(ready);
  }
}
