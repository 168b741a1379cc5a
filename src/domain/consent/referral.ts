import { member, stringOf } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { conditionBit } from './bits.ts';
import { timeSpan } from './fhir-time.ts';
import type { EpochSeconds, Grant, GranteeKey, GranteeKind } from './grant.ts';
import { fhirReference } from './reference.ts';

/** A ServiceRequest as far as consent goes: who sends which patient to whom, and whether it stands. */
export interface Referral {
  readonly id: string;
  readonly patient: string;
  /** `Practitioner/p1`, `Organization/o1`, `CareTeam/t1`. */
  readonly performers: readonly string[];
  readonly state: 'open' | 'closed';
  /** End of the period it was ordered for. */
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

/** Undefined for anything but a ServiceRequest about a patient. */
export const referralOf = (tape: Tape, resource: number): Referral | undefined => {
  if (stringOf(tape, member(tape, resource, 'resourceType')) !== 'ServiceRequest') return undefined;
  const id = stringOf(tape, member(tape, resource, 'id'));
  const subject = reference(tape, member(tape, resource, 'subject'));
  if (id === undefined || subject === undefined || !subject.startsWith('Patient/')) return undefined;
  const performers: string[] = [];
  const list = member(tape, resource, 'performer');
  if (list >= 0 && tape.kind[list] === KIND.array) {
    for (let one = list + 1; one < (tape.next[list] as number); one = tape.next[one] as number) {
      const name = reference(tape, one);
      if (name !== undefined) performers.push(name);
    }
  }
  const status = stringOf(tape, member(tape, resource, 'status')) ?? '';
  const intent = stringOf(tape, member(tape, resource, 'intent')) ?? '';
  const end = stringOf(tape, member(tape, member(tape, resource, 'occurrencePeriod'), 'end'));
  const span = end === undefined ? undefined : timeSpan(end);
  return {
    id,
    patient: subject.slice('Patient/'.length),
    performers,
    state: standing.has(status) && ordered.has(intent) ? 'open' : 'closed',
    ...(span === undefined ? {} : { until: Math.floor(span.until / 1000) as EpochSeconds }),
  };
};

const kinds: Readonly<Record<string, GranteeKind>> = {
  Practitioner: 'person',
  PractitionerRole: 'person',
  Organization: 'organisation',
  CareTeam: 'care-team',
};

const referralBit = conditionBit('REFERRAL');

/** The patient's grants that wait for a referral to one of these performers. */
export const grantsAwaiting = (
  grants: readonly Grant[],
  performers: readonly string[],
  name: (kind: GranteeKind, reference: string) => GranteeKey,
): readonly Grant[] => {
  const keys = new Set(
    performers.flatMap((performer) => {
      const kind = kinds[performer.slice(0, performer.indexOf('/'))];
      return kind === undefined ? [] : [`${kind}|${name(kind, performer)}`];
    }),
  );
  return grants.filter(
    (grant) => (grant.conditions & referralBit) !== 0 && keys.has(`${grant.granteeKind}|${grant.grantee}`),
  );
};
