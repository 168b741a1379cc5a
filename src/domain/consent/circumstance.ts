import { member, stringOf } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { conditionBit } from './bits.ts';
import { timeSpan } from './fhir-time.ts';
import type { EpochSeconds, Grant, GranteeKey, GranteeKind } from './grant.ts';
import { fhirReference } from './reference.ts';

/** A fact of care that opens a condition of a grant: an order that sends a patient to somebody, a visit under way. */
export interface Circumstance {
  readonly condition: 'REFERRAL' | 'ENCOUNTER_ACTIVE';
  /** `ServiceRequest/sr1` */
  readonly id: string;
  readonly patient: string;
  /** `Practitioner/p1`, `Organization/o1`, `CareTeam/t1`: who was asked, or takes part. */
  readonly performers: readonly string[];
  readonly state: 'open' | 'closed';
  /** End of the period it was ordered or planned for. */
  readonly until?: EpochSeconds;
}

/** A ServiceRequest stands while it is active and was ordered; a proposal or a plan refers nobody. */
const standing: ReadonlySet<string> = new Set(['active']);
const ordered: ReadonlySet<string> = new Set([
  'order',
  'original-order',
  'reflex-order',
  'filler-order',
  'instance-order',
]);

const reference = (tape: Tape, node: number): string | undefined => {
  const text = stringOf(tape, member(tape, node, 'reference'));
  const found = text === undefined ? undefined : fhirReference(text);
  return found === undefined || found.name.startsWith('#') ? undefined : found.name;
};

/** A visit is under way from arrival to its end; while the patient is on leave it is not. */
const present: ReadonlySet<string> = new Set(['arrived', 'triaged', 'in-progress']);

const patientOf = (tape: Tape, resource: number): string | undefined => {
  const subject = reference(tape, member(tape, resource, 'subject'));
  return subject?.startsWith('Patient/') === true ? subject.slice('Patient/'.length) : undefined;
};

/** The references in a list of References, or of objects that hold one. */
const referencesIn = (tape: Tape, list: number, ...within: readonly string[]): readonly string[] => {
  const found: string[] = [];
  if (list < 0 || tape.kind[list] !== KIND.array) return found;
  for (let one = list + 1; one < (tape.next[list] as number); one = tape.next[one] as number) {
    for (const node of within.length === 0 ? [one] : within.map((name) => member(tape, one, name))) {
      const name = reference(tape, node);
      if (name !== undefined) found.push(name);
    }
  }
  return found;
};

const endOf = (tape: Tape, period: number): { readonly until?: EpochSeconds } => {
  const end = stringOf(tape, member(tape, period, 'end'));
  const span = end === undefined ? undefined : timeSpan(end);
  return span === undefined ? {} : { until: Math.floor(span.until / 1000) as EpochSeconds };
};

/** Undefined for anything but a ServiceRequest or an Encounter about a patient. */
export const circumstanceOf = (tape: Tape, resource: number): Circumstance | undefined => {
  const type = stringOf(tape, member(tape, resource, 'resourceType'));
  if (type !== 'ServiceRequest' && type !== 'Encounter') return undefined;
  const id = stringOf(tape, member(tape, resource, 'id'));
  const patient = patientOf(tape, resource);
  if (id === undefined || patient === undefined) return undefined;
  const status = stringOf(tape, member(tape, resource, 'status')) ?? '';
  const about = { id: `${type}/${id}`, patient };
  if (type === 'Encounter') {
    const provider = reference(tape, member(tape, resource, 'serviceProvider'));
    // R4 calls the participant `individual`, R5 `actor`.
    const people = referencesIn(tape, member(tape, resource, 'participant'), 'individual', 'actor');
    return {
      ...about,
      condition: 'ENCOUNTER_ACTIVE',
      performers: provider === undefined ? people : [...people, provider],
      state: present.has(status) ? 'open' : 'closed',
      ...endOf(tape, member(tape, resource, 'period')),
    };
  }
  const intent = stringOf(tape, member(tape, resource, 'intent')) ?? '';
  return {
    ...about,
    condition: 'REFERRAL',
    performers: referencesIn(tape, member(tape, resource, 'performer')),
    state: standing.has(status) && ordered.has(intent) ? 'open' : 'closed',
    ...endOf(tape, member(tape, resource, 'occurrencePeriod')),
  };
};

const kinds: Readonly<Record<string, GranteeKind>> = {
  Practitioner: 'person',
  PractitionerRole: 'person',
  Organization: 'organisation',
  CareTeam: 'care-team',
};

/** The patient's grants to one of these performers that wait for such a circumstance. */
export const grantsAwaiting = (
  grants: readonly Grant[],
  { condition, performers }: Pick<Circumstance, 'condition' | 'performers'>,
  name: (kind: GranteeKind, reference: string) => GranteeKey,
): readonly Grant[] => {
  const bit = conditionBit(condition);
  const waiting = grants.filter((grant) => (grant.conditions & bit) !== 0);
  if (waiting.length === 0) return waiting;
  const keys = new Set(
    performers.flatMap((performer) => {
      const kind = kinds[performer.slice(0, performer.indexOf('/'))];
      return kind === undefined ? [] : [`${kind}|${name(kind, performer)}`];
    }),
  );
  return waiting.filter((grant) => keys.has(`${grant.granteeKind}|${grant.grantee}`));
};
