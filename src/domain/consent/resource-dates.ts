import { member, stringOf } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { type TimeSpan, timeSpan } from './fhir-time.ts';
import type { EpochSeconds } from './grant.ts';

/** When the care happened comes before when it was written down. Names are those of top-level elements. */
const order = [
  'effectiveDateTime',
  'effectivePeriod',
  'effectiveInstant',
  'performedDateTime',
  'performedPeriod',
  'occurrenceDateTime',
  'occurrencePeriod',
  'onsetDateTime',
  'onsetPeriod',
  'period',
  'actualPeriod',
  'started',
  'servicedDate',
  'servicedPeriod',
  'billablePeriod',
  'collectedDateTime',
  'start',
  'date',
  'authoredOn',
  'authored',
  'dateAsserted',
  'recordedDate',
  'assertedDate',
  'whenHandedOver',
  'whenPrepared',
  'sent',
  'created',
  'issued',
  'recorded',
  'dateTime',
] as const;
const ranks: ReadonlyMap<string, number> = new Map(order.map((name, rank) => [name, rank]));
const ends: ReadonlyMap<string, string> = new Map([
  ['onsetDateTime', 'abatementDateTime'],
  ['start', 'end'],
]);

export interface DateSpan {
  readonly from: EpochSeconds;
  /** Inclusive. */
  readonly to: EpochSeconds;
}

/** Past the year 9999: an encounter without an end goes on. */
const openEnd = 253_402_300_800_000;

const spanOf = (start: string | undefined, end: string | undefined, open: boolean): TimeSpan | undefined => {
  const first = start === undefined ? undefined : timeSpan(start);
  const last = end === undefined ? undefined : timeSpan(end);
  if ((start !== undefined && first === undefined) || (end !== undefined && last === undefined)) return undefined;
  if (first === undefined && last === undefined) return undefined;
  return { from: first?.from ?? 0, until: last?.until ?? (open ? openEnd : (first?.until ?? openEnd)) };
};

/** The time of a resource by its most telling element, or undefined when it has none that can be read. */
export const resourceSpan = (tape: Tape, resource: number): TimeSpan | undefined => {
  const { next } = tape;
  const past = next[resource] as number;
  let best: number = order.length;
  let value = -1;
  for (let key = resource + 1; key < past; key = next[key] as number) {
    const rank = rankOf(tape, key);
    if (rank < best) {
      best = rank;
      value = key + 1;
    }
  }
  const name = order[best];
  if (name === undefined) return undefined;
  if (tape.kind[value] === KIND.object) {
    return spanOf(stringOf(tape, member(tape, value, 'start')), stringOf(tape, member(tape, value, 'end')), true);
  }
  const end = ends.get(name);
  return spanOf(
    stringOf(tape, value),
    end === undefined ? undefined : stringOf(tape, member(tape, resource, end)),
    false,
  );
};

/** The same in the seconds of the contract, widened to whole ones. */
export const resourceDates = (tape: Tape, resource: number): DateSpan | undefined => {
  const span = resourceSpan(tape, resource);
  if (span === undefined) return undefined;
  return {
    from: Math.floor(span.from / 1000) as EpochSeconds,
    to: (Math.ceil(span.until / 1000) - 1) as EpochSeconds,
  };
};

const quote = 0x22;
const longest = Math.max(...order.map((name) => name.length));

/** Most keys are no dates: their first letter and length settle it without making a string. */
const byFirst = new Set(order.map((name) => name.charCodeAt(0)));
const rankOf = (tape: Tape, key: number): number => {
  const from = (tape.start[key] as number) + 1;
  const to = (tape.end[key] as number) - 1;
  if (tape.bytes[from - 1] !== quote || to - from > longest || !byFirst.has(tape.bytes[from] as number)) {
    return order.length;
  }
  let name = '';
  for (let at = from; at < to; at += 1) name += String.fromCharCode(tape.bytes[at] as number);
  return ranks.get(name) ?? order.length;
};
