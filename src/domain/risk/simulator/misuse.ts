import type { ContextFact } from '../event.ts';
import type { Desk, Mark, Seat } from './desk.ts';
import type { Dice } from './dice.ts';
import { shiftOf } from './duty.ts';
import { DAYS, HOURS, type Hospital, MINUTE, type Person, type Worker } from './hospital.ts';

export const misuseKinds = [
  'family',
  'household',
  'neighbour',
  'colleague',
  'celebrity',
  'former-partner',
  'own-record',
  'scrape',
  'slow-drip',
  'stolen-account',
  'former-staff',
  'dormant-account',
  'emergency-abuse',
  'name-probing',
  'mass-export',
  'service-misuse',
  'number-walk',
  'decoy-link',
  'beyond-cohort',
  'mimicry',
  'shared-password',
  'identity-theft',
] as const;
export type MisuseKind = (typeof misuseKinds)[number];

/** A case that goes on for days: what is still to happen. */
export interface Running {
  readonly day: number;
  play(): void;
}

export interface Stage {
  readonly hospital: Hospital;
  readonly desk: Desk;
  readonly dice: Dice;
  readonly facts: ContextFact[];
  readonly day: number;
  readonly last: number;
  readonly later: Running[];
}

const from = (dice: Dice, people: readonly Person[], wanted: (person: Person) => boolean): Person | undefined => {
  const begin = dice.whole(0, people.length - 1);
  for (let n = 0; n < people.length; n++) {
    const person = people[(begin + n) % people.length];
    if (person !== undefined && wanted(person)) return person;
  }
  return undefined;
};

/** Begins one case of the kind on that day; false when the house has nobody for it. */
export const beginMisuse = (kind: MisuseKind, stage: Stage, name: string): boolean => {
  const { hospital, desk, dice, day, last } = stage;
  const { workers, people } = hospital;
  const midnight = hospital.start + day * DAYS;
  const mark: Mark = { label: 1, scenario: kind, case: name };
  const staffed = workers.filter((each) => each.work !== 'service');
  const onDuty = (
    wanted: (worker: Worker) => boolean = () => true,
  ): { worker: Worker; start: number; hours: number } | undefined => {
    for (let tries = 0; tries < 60; tries++) {
      const worker = dice.pick(staffed);
      const shift = wanted(worker) ? shiftOf(worker, midnight, day, hospital.habits.dayStart, dice) : undefined;
      if (shift !== undefined) return { worker, ...shift };
    }
    return undefined;
  };
  const sometime = (duty: { start: number; hours: number }): number =>
    duty.start + dice.between(0.3, duty.hours - 0.3) * HOURS;
  const peek = (worker: Worker, patient: string, at: number, seat?: Seat): number =>
    desk.open(worker, patient, at, mark, {
      reads: dice.whole(1, 6),
      writes: 0,
      search: 0.7,
      ...(seat === undefined ? {} : { seat }),
    });
  const days = (count: number, gap: number, play: (on: number) => void): void => {
    for (let n = 0; n < count; n++) {
      const on = day + Math.round(n * gap);
      if (on > last) break;
      if (n === 0) play(day);
      else stage.later.push({ day: on, play: () => play(on) });
    }
  };
  const evening = (): number => midnight + dice.between(7, 23) * HOURS;
  const strange = (): Seat => ({
    network: `${dice.whole(30, 200)}.${dice.whole(0, 250)}.${dice.whole(0, 250)}`,
    device: `x-${dice.whole(1e5, 1e6)}`,
    agent: dice.pick(['curl/8', 'python-requests/2', 'Mozilla/5.0 Chrome/119']),
  });

  const related = (wanted: (worker: Worker, person: Person) => boolean): boolean => {
    for (let tries = 0; tries < 25; tries++) {
      const duty = onDuty();
      if (duty === undefined) return false;
      const person = from(dice, people, (each) => each.id !== duty.worker.patientId && wanted(duty.worker, each));
      if (person === undefined) continue;
      days(dice.chance(0.5) ? 1 : dice.whole(2, 4), dice.between(1, 6), (on) =>
        peek(duty.worker, person.id, sometime(duty) + (on - day) * DAYS),
      );
      return true;
    }
    return false;
  };

  switch (kind) {
    case 'family':
      return related(
        (worker, person) => worker.surname === person.surname && worker.zip4.slice(0, 5) === person.zip4.slice(0, 5),
      );
    case 'household':
      return related((worker, person) => worker.address === person.address && worker.zip4 === person.zip4);
    case 'neighbour':
      return related((worker, person) => worker.zip4 === person.zip4 && worker.address !== person.address);
    case 'colleague': {
      const duty = onDuty();
      const others = workers.filter(
        (each) =>
          each.patientId !== undefined &&
          each !== duty?.worker &&
          (each.home === duty?.worker.home || dice.chance(0.1)),
      );
      if (duty === undefined || others.length === 0) return false;
      peek(duty.worker, dice.pick(others).patientId ?? '', sometime(duty));
      return true;
    }
    case 'celebrity': {
      const person = from(dice, people, (each) => each.vip);
      if (person === undefined) return false;
      for (let n = dice.whole(1, 5); n > 0; n--) {
        const duty = onDuty();
        if (duty !== undefined) peek(duty.worker, person.id, sometime(duty));
      }
      return true;
    }
    case 'former-partner': {
      const duty = onDuty();
      if (duty === undefined) return false;
      const patient = dice.pick(people).id;
      days(dice.whole(4, 9), dice.between(1, 5), (on) =>
        peek(duty.worker, patient, sometime(duty) + (on - day) * DAYS),
      );
      return true;
    }
    case 'own-record': {
      const duty = onDuty((worker) => worker.patientId !== undefined);
      if (duty === undefined) return false;
      peek(duty.worker, duty.worker.patientId ?? '', sometime(duty));
      return true;
    }
    case 'scrape': {
      const duty = onDuty();
      if (duty === undefined) return false;
      let at = evening();
      for (let n = dice.whole(25, 120); n > 0; n--)
        at = desk.open(duty.worker, dice.pick(people).id, at, mark, {
          reads: dice.whole(1, 2),
          writes: 0,
          search: 0.02,
        });
      return true;
    }
    case 'slow-drip': {
      const duty = onDuty();
      if (duty === undefined) return false;
      days(dice.whole(10, 30), 1, (on) => {
        for (let n = dice.whole(2, 6); n > 0; n--)
          peek(duty.worker, dice.pick(people).id, sometime(duty) + (on - day) * DAYS);
      });
      return true;
    }
    case 'stolen-account': {
      const worker = dice.pick(staffed);
      const seat = strange();
      let at = midnight + dice.between(0, 24) * HOURS;
      for (let n = dice.whole(6, 40); n > 0; n--)
        at = desk.open(worker, dice.pick(people).id, at, mark, {
          reads: dice.whole(1, 4),
          writes: 0,
          search: 0.4,
          seat,
        });
      return true;
    }
    case 'former-staff': {
      const gone = workers.filter((each) => each.left < midnight);
      if (gone.length === 0) return false;
      const worker = dice.pick(gone);
      let at = evening();
      for (let n = dice.whole(1, 8); n > 0; n--) at = peek(worker, dice.pick(people).id, at);
      return true;
    }
    case 'dormant-account': {
      const absent = workers.filter(
        (each) => each.away !== undefined && midnight > each.away.from + 10 * DAYS && midnight < each.away.until,
      );
      if (absent.length === 0) return false;
      const worker = dice.pick(absent);
      let at = evening();
      const seat = dice.chance(0.6) ? strange() : undefined;
      for (let n = dice.whole(3, 12); n > 0; n--) at = peek(worker, dice.pick(people).id, at, seat);
      return true;
    }
    case 'emergency-abuse': {
      const duty = onDuty((worker) => worker.work !== 'emergency');
      if (duty === undefined) return false;
      days(dice.whole(3, 8), dice.between(0.5, 4), (on) =>
        peek(duty.worker, dice.pick(people).id, sometime(duty) + (on - day) * DAYS, {
          breakGlass: dice.chance(0.5) ? '' : 'emergency',
        }),
      );
      return true;
    }
    case 'name-probing': {
      const duty = onDuty((worker) => worker.work !== 'desk');
      if (duty === undefined) return false;
      let at = sometime(duty);
      for (let n = dice.whole(8, 30); n > 0; n--) {
        at += dice.exponential(20_000) + 3_000;
        const hits = Array.from({ length: dice.whole(0, 6) }, () => dice.pick(people).id);
        desk.call(
          duty.worker,
          at,
          {
            interaction: 'search',
            type: 'Patient',
            patient: null,
            patients: hits,
            query: ['name'],
            results: hits.length,
          },
          mark,
        );
      }
      peek(duty.worker, dice.pick(people).id, at + MINUTE);
      return true;
    }
    case 'mass-export': {
      const duty = onDuty((worker) => worker.work !== 'research');
      if (duty === undefined) return false;
      const taken = Array.from({ length: dice.whole(40, 400) }, () => dice.pick(people).id);
      desk.call(
        duty.worker,
        evening(),
        {
          interaction: 'export',
          type: dice.pick(['Patient', 'Observation']),
          patient: null,
          patients: taken,
          results: taken.length * 9,
        },
        mark,
      );
      return true;
    }
    case 'service-misuse': {
      const worker = dice.pick(workers.filter((each) => each.work === 'service'));
      const seat = strange();
      let at = evening();
      for (let n = dice.whole(4, 20); n > 0; n--)
        at = desk.open(worker, dice.pick(people).id, at, mark, { reads: 2, writes: 0, search: 0.5, seat });
      return true;
    }
    case 'number-walk': {
      const duty = onDuty();
      if (duty === undefined) return false;
      const begin = dice.whole(0, Math.max(0, people.length - 80));
      let at = sometime(duty);
      for (let n = dice.whole(12, 50); n > 0; n--)
        at = desk.open(duty.worker, people[begin + n]?.id ?? '', at, mark, { reads: 1, writes: 0, search: 0 });
      return true;
    }
    case 'decoy-link': {
      const duty = onDuty((worker) => worker.role !== 'coder' && worker.role !== 'billing');
      if (duty === undefined) return false;
      const person = dice.pick(people);
      const at = sometime(duty);
      stage.facts.push({
        kind: dice.chance(0.5) ? 'appointment' : 'careteam',
        patient: person.id,
        staff: [duty.worker.id],
        department: duty.worker.department,
        start: new Date(at).toISOString(),
        recordedAt: new Date(at - 4 * MINUTE).toISOString(),
        recordedBy: duty.worker.id,
        ...(dice.chance(0.5) ? { cancelledAt: new Date(at + 20 * MINUTE).toISOString() } : {}),
      });
      peek(duty.worker, person.id, at);
      return true;
    }
    case 'beyond-cohort': {
      const duty = onDuty((worker) => worker.work === 'research');
      if (duty === undefined) return false;
      let at = sometime(duty);
      for (let n = dice.whole(5, 25); n > 0; n--)
        at = desk.open(duty.worker, dice.pick(people).id, at, mark, { reads: 3, writes: 0, search: 0.6 });
      return true;
    }
    case 'mimicry': {
      // A few strangers among the day's work, in hours and at a pace like everybody's.
      const duty = onDuty();
      if (duty === undefined) return false;
      for (let n = dice.whole(2, 5); n > 0; n--)
        desk.open(duty.worker, dice.pick(people).id, sometime(duty), mark, { writes: 0 });
      return true;
    }
    case 'shared-password': {
      const duty = onDuty();
      if (duty === undefined) return false;
      const other = dice.pick(staffed);
      let at = sometime(duty);
      for (let n = dice.whole(3, 10); n > 0; n--)
        at = desk.open(duty.worker, dice.pick(people).id, at, mark, {
          seat: { network: other.network, device: dice.pick(other.devices), agent: other.agent },
          writes: 0,
        });
      return true;
    }
    case 'identity-theft': {
      const duty = onDuty((worker) => worker.work === 'desk' || worker.work === 'coding');
      if (duty === undefined) return false;
      days(dice.whole(3, 12), 1, (on) => {
        for (let n = dice.whole(3, 9); n > 0; n--)
          desk.open(duty.worker, dice.pick(people).id, sometime(duty) + (on - day) * DAYS, mark, {
            reads: 2,
            writes: 0,
            search: 0.2,
          });
      });
      return true;
    }
    default:
      return kind satisfies never;
  }
};
