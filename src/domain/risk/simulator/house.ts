import type { ContextFact } from '../event.ts';
import type { Worker } from './hospital.ts';

export interface Stay {
  readonly patient: string;
  readonly ward: string;
  readonly attending: Worker;
  readonly until: number;
  readonly known: boolean;
}

/** What lies in the house from one day to the next. */
export interface House {
  stays: Stay[];
  discharged: { readonly patient: string; readonly day: number }[];
  readonly facts: ContextFact[];
}

export const plain = { label: 0 } as const;
export const iso = (time: number): string => new Date(time).toISOString();

export const relation = (
  kind: 'encounter' | 'appointment' | 'referral' | 'order' | 'careteam',
  patient: string,
  staff: readonly string[],
  department: string | undefined,
  start: number,
  end: number | undefined,
  recordedAt: number,
  recordedBy: string | undefined,
): ContextFact => ({
  kind,
  patient,
  staff: [...staff],
  ...(department === undefined ? {} : { department }),
  start: iso(start),
  ...(end === undefined ? {} : { end: iso(end) }),
  recordedAt: iso(recordedAt),
  ...(recordedBy === undefined ? {} : { recordedBy }),
});
