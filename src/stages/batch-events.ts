import type { PatientId } from '../domain/fhir/interaction.ts';
import type { AccessEvent } from '../domain/risk/event.ts';
import { eventOf } from './assess.ts';
import type { Judged } from './judge.ts';

export interface Outcome {
  readonly patients: readonly PatientId[];
  readonly results: number;
  readonly status: number;
}

/**
 * What a call was, for the profiles: each entry of a batch is an access of its own, permitted or refused, so that records taken by the batch
 * count like records taken one by one.
 */
export function eventsOfParts(
  judged: Judged,
  named: readonly PatientId[],
  outcome: Outcome,
  now: number,
): AccessEvent[] {
  const asked = judged.parts.flatMap((part) => (part.kind === 'permitted' ? [part.value.accessEvent] : []));
  if (judged.shape === 'single') return asked.map((event) => ({ ...event, ...outcome }));
  const alone = new Set<string>(asked.flatMap(({ patient }) => (typeof patient === 'string' ? [patient] : [])));
  // Of the patients in the answer, those whom no entry names by themselves came from its wider searches.
  const found = outcome.patients.filter((patient) => !alone.has(patient));
  const given = new Set<string>(outcome.patients);
  const results = Math.ceil(outcome.results / Math.max(1, asked.length));
  const permitted = asked.map((event) => ({
    ...event,
    patients: typeof event.patient === 'string' ? [event.patient] : found,
    results,
    status: outcome.status,
  }));
  const refused = named
    .filter((patient) => !alone.has(patient) && !given.has(patient))
    .map((patient) => ({ ...eventOf(judged.exchange, [patient], now), patients: [patient], results: 0, status: 403 }));
  return [...permitted, ...refused];
}
