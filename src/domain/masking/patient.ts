import { member, stringOf } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';

/** Members by which resources of R4 name the patient they are about. */
const naming = ['subject', 'patient', 'beneficiary', 'individual', 'for', 'who', 'recipient', 'policyHolder'];

const patientIn = (tape: Tape, reference: number): string | undefined => {
  const text = stringOf(tape, member(tape, reference, 'reference'));
  if (text === undefined) return undefined;
  if (text.startsWith('urn:uuid:')) return text.slice(9);
  return /(?:^|\/)Patient\/([A-Za-z0-9.-]{1,64})(?:\/_history\/.*)?$/.exec(text)?.[1];
};

/** The logical id of the patient a resource is about: its own when it is one. */
export const patientNamed = (tape: Tape, resource: number): string | undefined => {
  if (stringOf(tape, member(tape, resource, 'resourceType')) === 'Patient') {
    return stringOf(tape, member(tape, resource, 'id'));
  }
  for (const name of naming) {
    let value = member(tape, resource, name);
    if (value >= 0 && tape.kind[value] === KIND.array) value += 1;
    const patient = value < 0 ? undefined : patientIn(tape, value);
    if (patient !== undefined) return patient;
  }
  return undefined;
};
