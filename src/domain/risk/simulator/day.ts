import type { ContextFact } from '../event.ts';
import { chores } from './chores.ts';
import { type Desk, moments } from './desk.ts';
import type { Dice } from './dice.ts';
import { present, shiftOf } from './duty.ts';
import { DAYS, HOURS, type Hospital, MINUTE, type Worker } from './hospital.ts';
import { type House, iso, plain, relation, type Stay } from './house.ts';

/** One ordinary day of the whole house. */
export const liveDay = (hospital: Hospital, house: House, desk: Desk, dice: Dice, day: number): void => {
  const { habits, workers, people, departments } = hospital;
  const midnight = hospital.start + day * DAYS;
  const clerks = workers.filter((each) => each.work === 'desk' && present(each, midnight));
  const clerk = (): Worker => (clerks.length > 0 ? dice.pick(clerks) : dice.pick(workers));
  const wards = departments.filter((each) => each.work === 'ward');
  const patientsToday: { readonly patient: string; readonly at: number }[] = [];
  const fact = (each: ContextFact): void => {
    if (!dice.chance(habits.missingContext)) house.facts.push(each);
  };

  for (const worker of workers)
    if (worker.rotating && day > 0 && (day + Number(worker.id.slice(1))) % 30 === 0)
      worker.department = dice.pick(wards).name;

  // Admissions keep the wards about full.
  const beds = Math.round(workers.filter((each) => each.work === 'ward' && each.role === 'nurse').length * 1.6);
  house.stays = house.stays.filter((stay) => {
    if (stay.until > midnight) return true;
    house.discharged.push({ patient: stay.patient, day });
    return false;
  });
  if (house.discharged.length > 3_000) house.discharged.splice(0, 1_000);
  while (house.stays.length < beds) {
    const ward = dice.pick(wards).name;
    const doctors = workers.filter(
      (each) => each.work === 'ward' && each.role !== 'nurse' && each.department === ward && present(each, midnight),
    );
    const attending =
      doctors.length > 0
        ? dice.pick(doctors)
        : dice.pick(workers.filter((each) => each.work === 'ward' && each.role !== 'nurse'));
    const patient = dice.pick(people).id;
    const start = midnight + dice.between(0, 20) * HOURS;
    const until = midnight + Math.ceil(dice.exponential(4)) * DAYS + 14 * HOURS;
    const registrar = clerk();
    house.stays.push({ patient, ward, attending, until, known: true });
    fact(
      relation(
        'encounter',
        patient,
        [attending.id],
        ward,
        start,
        until,
        start - dice.between(-1, 1) * habits.recordLag * MINUTE,
        registrar.id,
      ),
    );
    patientsToday.push({ patient, at: start });
    if (dice.chance(0.7))
      house.facts.push(
        relation(
          'order',
          patient,
          [],
          dice.pick(['laboratory', 'radiology', 'pharmacy']),
          start + HOURS,
          start + 2 * DAYS,
          start + HOURS,
          attending.id,
        ),
      );
  }

  const byDepartment = new Map<string, Stay[]>();
  for (const stay of house.stays) {
    const list = byDepartment.get(stay.ward);
    if (list === undefined) byDepartment.set(stay.ward, [stay]);
    else list.push(stay);
  }
  const orders: { readonly patient: string; readonly department: string; readonly at: number }[] = [];

  for (const worker of workers) {
    const shift =
      worker.work === 'service'
        ? { start: midnight, hours: 24 }
        : shiftOf(worker, midnight, day, habits.dayStart, dice);
    if (shift === undefined) continue;
    const { start, hours } = shift;
    if (worker.float) worker.department = dice.chance(0.7) ? dice.pick(wards).name : worker.home;
    if (habits.rosterKnown && worker.work !== 'service')
      house.facts.push({
        kind: 'shift',
        user: worker.id,
        department: worker.department,
        start: iso(start),
        end: iso(start + hours * HOURS),
      });
    work(hospital, house, desk, dice, day, worker, start, hours, byDepartment, orders, patientsToday, clerk);
    chores(hospital, house, desk, dice, worker, start, hours, byDepartment);
  }
};

const work = (
  hospital: Hospital,
  house: House,
  desk: Desk,
  dice: Dice,
  day: number,
  worker: Worker,
  start: number,
  hours: number,
  byDepartment: ReadonlyMap<string, readonly Stay[]>,
  orders: { readonly patient: string; readonly department: string; readonly at: number }[],
  patientsToday: { readonly patient: string; readonly at: number }[],
  clerk: () => Worker,
): void => {
  const { habits, people } = hospital;
  const fact = (each: ContextFact): void => {
    if (!dice.chance(habits.missingContext)) house.facts.push(each);
  };
  switch (worker.work) {
    case 'ward': {
      const here = byDepartment.get(worker.department) ?? [];
      if (here.length === 0) return;
      desk.list(
        worker,
        here.map((stay) => stay.patient),
        start + 5 * MINUTE,
        plain,
      );
      const mine = here
        .filter((stay) => worker.role === 'nurse' || stay.attending === worker || dice.chance(0.4))
        .slice(0, 14);
      const count = Math.min(mine.length, worker.role === 'nurse' ? 6 : 10);
      const from = dice.whole(0, Math.max(0, mine.length - count));
      for (const stay of mine.slice(from, from + count)) {
        const visits = 1 + dice.poisson(1.1 * worker.pace);
        for (const at of moments(dice, start, hours - 0.5, visits)) desk.open(worker, stay.patient, at, plain);
        if (dice.chance(0.03)) {
          // A consultation: the colleague of another house part is asked in.
          const colleague = dice.pick(hospital.workers.filter((each) => each.role === 'physician'));
          const asked = start + dice.between(1, 5) * HOURS;
          fact(
            relation(
              'referral',
              stay.patient,
              [colleague.id],
              colleague.department,
              asked,
              asked + 5 * DAYS,
              asked,
              worker.id,
            ),
          );
          if (present(colleague, asked))
            desk.open(colleague, stay.patient, asked + dice.between(0.3, 3) * HOURS, {
              label: 0,
              scenario: 'alike:consultation',
            });
        }
      }
      // What was done is looked after: results come in after the patient has gone home.
      if (worker.role !== 'nurse') {
        for (const stay of mine) if (stay.until - start < DAYS) worker.recent.push({ patient: stay.patient, day });
        followUp(desk, dice, worker, start, hours, day);
      }
      return;
    }
    case 'clinic': {
      const count = worker.role === 'nurse' ? 6 : dice.whole(6, 12);
      const list: string[] = [];
      for (let n = 0; n < count; n++) {
        const patient =
          dice.chance(0.3) && worker.recent.length > 0 ? dice.pick(worker.recent).patient : dice.pick(people).id;
        const at = start + 0.5 * HOURS + (n * (hours - 1.5) * HOURS) / count;
        const booked = at - dice.between(1, 30) * DAYS;
        list.push(patient);
        const registrar = clerk();
        fact(
          relation(
            'appointment',
            patient,
            dice.chance(0.85) ? [worker.id] : [],
            worker.department,
            at,
            at + 30 * MINUTE,
            booked,
            registrar.id,
          ),
        );
        if (dice.chance(0.9))
          house.facts.push(
            relation(
              'encounter',
              patient,
              [worker.id],
              worker.department,
              at,
              at + HOURS,
              at - 10 * MINUTE,
              registrar.id,
            ),
          );
        if (dice.chance(0.3))
          desk.open(worker, patient, at - dice.between(15, 26) * HOURS, plain, { reads: 2, writes: 0 });
        desk.open(worker, patient, at, plain, { writes: dice.whole(0, 2) });
        worker.recent.push({ patient, day });
        patientsToday.push({ patient, at });
        if (dice.chance(0.25)) {
          const department = dice.pick(['laboratory', 'radiology', 'pharmacy']);
          house.facts.push(relation('order', patient, [], department, at, at + 7 * DAYS, at + 5 * MINUTE, worker.id));
          orders.push({ patient, department, at });
        }
      }
      desk.list(worker, list, start, plain);
      followUp(desk, dice, worker, start, hours, day);
      return;
    }
    case 'emergency': {
      for (const at of moments(dice, start, hours - 1, dice.poisson(7 * worker.pace))) {
        const patient = dice.pick(people).id;
        const team = dice.chance(0.6) ? [worker.id] : [];
        const rushed = dice.chance(habits.emergencyCare);
        fact(
          relation(
            'encounter',
            patient,
            team,
            'emergency',
            at - 10 * MINUTE,
            at + 5 * HOURS,
            at + (rushed ? 20 : -8) * MINUTE,
            clerk().id,
          ),
        );
        desk.open(
          worker,
          patient,
          at,
          rushed ? { label: 0, scenario: 'alike:emergency' } : plain,
          rushed ? { seat: { breakGlass: 'unconscious, needs history' } } : {},
        );
        desk.open(worker, patient, at + dice.between(0.5, 3) * HOURS, plain);
        patientsToday.push({ patient, at });
      }
      return;
    }
    case 'desk': {
      const near = patientsToday.filter((each) => each.at > start && each.at < start + hours * HOURS);
      for (const at of moments(dice, start, hours, Math.round(dice.between(15, 35) * worker.pace))) {
        const patient = near.length > 3 && dice.chance(0.55) ? dice.pick(near).patient : dice.pick(people).id;
        // Who rings to book: the appointment follows the look-up.
        if (dice.chance(0.85))
          fact(
            relation(
              'appointment',
              patient,
              [],
              worker.department,
              at + dice.between(0.1, 20) * DAYS,
              undefined,
              at - dice.between(-3, 600) * MINUTE,
              dice.chance(0.4) ? worker.id : clerk().id,
            ),
          );
        desk.open(worker, patient, at, plain, { reads: dice.whole(1, 3) });
      }
      return;
    }
    case 'coding': {
      const pool = house.discharged.filter((each) => day - each.day < 25);
      const backlog = dice.chance(0.03);
      const count = Math.round((backlog ? 45 : 16) * worker.pace);
      if (pool.length > 0)
        for (const at of moments(dice, start, hours, count))
          desk.open(
            worker,
            dice.pick(pool).patient,
            at,
            backlog ? { label: 0, scenario: 'alike:coding-backlog' } : plain,
            { reads: dice.whole(2, 5) },
          );
      return;
    }
    case 'orders':
    case 'pharmacy': {
      const stays = house.stays;
      for (const at of moments(dice, start, hours, Math.round(16 * worker.pace))) {
        const asked = orders.filter((each) => each.department === worker.department);
        const patient = asked.length > 0 && dice.chance(0.6) ? dice.pick(asked).patient : dice.pick(stays).patient;
        if (dice.chance(0.8))
          fact(relation('order', patient, [], worker.department, at - HOURS, at + DAYS, at - HOURS, undefined));
        desk.open(worker, patient, at, plain, { reads: dice.whole(1, 3) });
      }
      return;
    }
    case 'research': {
      for (const at of moments(dice, start, hours, Math.round(14 * worker.pace)))
        desk.open(
          worker,
          dice.pick(worker.cohort),
          at,
          { label: 0, scenario: 'alike:study' },
          { reads: dice.whole(1, 4), writes: 0, search: 0.02 },
        );
      if (dice.chance(0.02))
        desk.call(
          worker,
          start + 2 * HOURS,
          {
            interaction: 'export',
            patient: null,
            patients: worker.cohort.slice(0, 40),
            results: worker.cohort.length * 12,
            type: 'Observation',
          },
          { label: 0, scenario: 'alike:study' },
        );
      return;
    }
    case 'office': {
      for (const at of moments(dice, start, hours, 6))
        if (house.discharged.length > 0)
          desk.open(
            worker,
            dice.pick(house.discharged).patient,
            at,
            { label: 0, scenario: 'alike:chart-audit' },
            { writes: 0 },
          );
      return;
    }
    case 'service': {
      const night = start + 2 * HOURS;
      const count = Math.round(60 * worker.pace);
      for (let n = 0; n < count; n++) {
        const source =
          dice.chance(0.7) && patientsToday.length > 0 ? dice.pick(patientsToday).patient : dice.pick(people).id;
        desk.call(
          worker,
          night + n * 20_000,
          {
            interaction: dice.chance(0.7) ? 'read' : 'search',
            type: dice.pick(['Observation', 'Encounter', 'Patient']),
            patient: source,
            patients: [source],
            results: 1 + dice.poisson(3),
          },
          plain,
        );
      }
      return;
    }
    default:
      worker.work satisfies never;
  }
};

const followUp = (desk: Desk, dice: Dice, worker: Worker, start: number, hours: number, day: number): void => {
  while (worker.recent.length > 200) worker.recent.shift();
  for (const at of moments(dice, start, hours, dice.poisson(2))) {
    const past = worker.recent.filter((each) => day - each.day < 35);
    if (past.length > 0) desk.open(worker, dice.pick(past).patient, at, plain, { reads: 2, writes: 0 });
  }
};
