import type { Desk } from './desk.ts';
import type { Dice } from './dice.ts';
import { DAYS, HOURS, type Hospital, MINUTE, type Worker } from './hospital.ts';
import { type House, plain, relation, type Stay } from './house.ts';

/** What is legitimate and leaves no trace in the records, and what only looks like misuse. */
export const chores = (
  hospital: Hospital,
  house: House,
  desk: Desk,
  dice: Dice,
  worker: Worker,
  start: number,
  hours: number,
  byDepartment: ReadonlyMap<string, readonly Stay[]>,
): void => {
  const { habits, people } = hospital;
  const some = (): number => start + dice.roll() * hours * HOURS;
  if (worker.work === 'service') return;
  // A colleague asks in the corridor, a relative rings, a name is clicked that was the wrong one.
  if (dice.chance(habits.loose)) {
    const patient = dice.chance(0.6) && house.stays.length > 0 ? dice.pick(house.stays).patient : dice.pick(people).id;
    desk.open(
      worker,
      patient,
      some(),
      { label: 0, scenario: 'alike:corridor' },
      { reads: dice.whole(1, 3), writes: 0 },
    );
  }
  if (dice.chance(habits.chores) && worker.work === 'ward') {
    const other = dice.pick([...byDepartment.values()]);
    for (const stay of other.slice(0, dice.whole(2, 4)))
      desk.open(worker, stay.patient, some(), { label: 0, scenario: 'alike:cover' });
  }
  if (worker.role === 'physician' && dice.chance(0.01)) {
    // On call from home, at night, from another device; the consultation is entered the next morning.
    const patient = dice.pick(house.stays).patient;
    const at = start + dice.between(11, 18) * HOURS;
    house.facts.push(
      relation(
        'referral',
        patient,
        [worker.id],
        worker.department,
        at,
        at + 3 * DAYS,
        dice.chance(0.7) ? at - 10 * MINUTE : at + 9 * HOURS,
        undefined,
      ),
    );
    desk.open(
      worker,
      patient,
      at,
      { label: 0, scenario: 'alike:on-call' },
      { seat: { network: `86.${worker.id.length}.${Number(worker.id.slice(1)) % 250}`, device: `home-${worker.id}` } },
    );
  }
  if (dice.chance(0.004)) {
    worker.devices = [...worker.devices.slice(-3), `new-${worker.id}-${Math.floor(start / DAYS)}`];
  }
  if (dice.chance(0.003)) {
    // Own family, properly on the ward.
    const here = byDepartment.get(worker.department) ?? [];
    if (here.length > 0 && worker.work === 'ward') desk.open(worker, dice.pick(here).patient, some(), plain);
  }
};
