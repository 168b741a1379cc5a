import { member, stringOf } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import type { FhirInteraction, PatientId } from './interaction.ts';
import { type Bases, parseReference } from './references.ts';

/** Where a part of a Parameters body names a record. */
const naming = ['valueId', 'valueString', 'valueUri', 'valueUrl', 'valueCanonical'] as const;

const inBody = (tape: Tape, name: string): readonly (string | undefined)[] => {
  const list = member(tape, 0, 'parameter');
  if (list < 0 || tape.kind[list] !== KIND.array) return [];
  const found: (string | undefined)[] = [];
  const past = tape.next[list] as number;
  for (let part = list + 1; part < past; part = tape.next[part] as number) {
    if (stringOf(tape, member(tape, part, 'name')) !== name) continue;
    const reference = stringOf(tape, member(tape, member(tape, part, 'valueReference'), 'reference'));
    found.push(
      reference ?? naming.map((value) => stringOf(tape, member(tape, part, value))).find((one) => one !== undefined),
    );
  }
  return found;
};

/**
 * The patients that a parameter of an operation refers to, in the query or the Parameters body.
 * `undefined` where it is not given, or names anything but patients of this server: whose record that is cannot be told.
 */
export const patientsInParameter = (
  { query, body }: Extract<FhirInteraction, { kind: 'operation' }>,
  name: string,
  bases: Bases,
): readonly PatientId[] | undefined => {
  const given: (string | undefined)[] = query.criteria
    .filter((criterion) => criterion.code === name)
    .flatMap(({ values }) => [...values]);
  if (body !== undefined) given.push(...inBody(body, name));
  const ids: PatientId[] = [];
  for (const value of given) {
    if (value === undefined) return undefined;
    const reference = parseReference(value.includes('/') ? value : `Patient/${value}`, bases);
    if (reference.kind !== 'local' || reference.type !== 'Patient') return undefined;
    ids.push(reference.id as string as PatientId);
  }
  return ids.length === 0 ? undefined : ids;
};
