import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import { equalBytes, hmac } from '../../domain/ledger/hash.ts';
import { nodeHashing } from './node-hash.ts';

/**
 * What an index of the ledger holds in the place of values. Equal values of one column have equal names, so that they can be
 * looked up; without the key nobody can even test a guess.
 */
export interface IndexNames {
  of(column: NamedColumn, value: string): Uint8Array;
  /** Whoever has the key reads the patient from it: the patient's own key must be found to open an entry. */
  ofPatient(patient: PatientId): Uint8Array;
  /** `undefined`: made with another key, or altered. */
  patientOf(name: Uint8Array): PatientId | undefined;
}

export type NamedColumn = 'user' | 'client' | 'organisation' | 'purpose' | 'type' | 'code' | 'request' | 'resource';

const NAME = 16;
const REMEMBERED = 10_000;
const utf8 = new TextEncoder();

/** `Type/id` of `Type/id/_history/version`. */
const unversioned = (reference: string): string => {
  const end = reference.indexOf('/_history/');
  return end < 0 ? reference : reference.slice(0, end);
};

export const indexNames = (key: Uint8Array): IndexNames => {
  const encryption = hmac(nodeHashing, key, utf8.encode('consentry ledger index patients v1'));
  const labels = new Map<string, Uint8Array>();
  const labelOf = (column: string): Uint8Array => {
    const known = labels.get(column) ?? utf8.encode(`consentry ledger index v1 ${column}\0`);
    labels.set(column, known);
    return known;
  };
  const mac = (column: string, value: string): Uint8Array =>
    hmac(nodeHashing, key, labelOf(column), utf8.encode(value)).subarray(0, NAME);
  /** Few users ask much, of patients who are there now; requests and resources seldom come twice. */
  const remembered = new Map<string, Uint8Array>();
  const patients = new Map<PatientId, Uint8Array>();

  return {
    of: (column, value) => {
      if (column === 'resource') return mac(column, unversioned(value));
      if (column === 'request') return mac(column, value);
      const place = `${column} ${value}`;
      const known = remembered.get(place);
      if (known !== undefined) return known;
      const made = mac(column, value);
      if (remembered.size >= REMEMBERED) remembered.clear();
      remembered.set(place, made);
      return made;
    },
    // RFC 5297 in shape: the HMAC of the value is the counter block under which the value is encrypted.
    ofPatient: (patient) => {
      const known = patients.get(patient);
      if (known !== undefined) return known;
      const name = mac('patient', patient);
      const cipher = createCipheriv('aes-256-ctr', encryption, name);
      const made = Buffer.concat([name, cipher.update(patient), cipher.final()]);
      if (patients.size >= REMEMBERED) patients.clear();
      patients.set(patient, made);
      return made;
    },
    patientOf: (name) => {
      if (name.length < NAME) return undefined;
      const iv = name.subarray(0, NAME);
      const decipher = createDecipheriv('aes-256-ctr', encryption, iv);
      const patient = Buffer.concat([decipher.update(name.subarray(NAME)), decipher.final()]).toString('utf8');
      return equalBytes(mac('patient', patient), iv) ? (patient as PatientId) : undefined;
    },
  };
};
