import type { Dice } from './dice.ts';
import { DAYS, HOURS, MINUTE, type Worker } from './hospital.ts';

export const present = (worker: Worker, time: number): boolean =>
  time >= worker.joined &&
  time < worker.left &&
  (worker.away === undefined || time < worker.away.from || time > worker.away.until);

export const shiftOf = (
  worker: Worker,
  midnight: number,
  day: number,
  dayStart: number,
  dice: Dice,
): { start: number; hours: number } | undefined => {
  const weekend = (Math.floor(midnight / DAYS) + 4) % 7 >= 5;
  const rounds = worker.work === 'ward' || worker.work === 'emergency';
  if (!present(worker, midnight + 12 * HOURS)) return undefined;
  if (rounds ? (day + worker.id.length + Number(worker.id.slice(1))) % 7 >= 5 : weekend) return undefined;
  if (dice.chance(0.04)) return undefined;
  const nights = worker.night || (worker.role === 'resident' && (day + Number(worker.id.slice(1))) % 6 === 0);
  const begin = nights ? 19 : dayStart + (worker.work === 'emergency' ? (Number(worker.id.slice(1)) % 3) * 5 : 0);
  return {
    start: midnight + begin * HOURS + dice.normal() * 10 * MINUTE,
    hours: rounds && worker.role === 'nurse' ? 12 : 9,
  };
};
