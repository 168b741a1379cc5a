import type { Instant } from '../instant.ts';

/** 45 CFR 164.316(b)(2)(i) asks for six years; less must be said to be meant. */
export const LEAST_YEARS = 6;

/** Until when the last entry of a log that ended at `closed` is kept. A leap day is kept until 1 March. */
export const keptUntil = (closed: Instant, years: number): Instant => {
  const date = new Date(closed);
  date.setUTCFullYear(date.getUTCFullYear() + years);
  return date.getTime() as Instant;
};
