import type { PatientId } from '../fhir/interaction.ts';
import type { Principal } from './principal.ts';

/** Whose record is the caller's own. */
export const ownPatient = (principal: Principal): PatientId | undefined =>
  principal.fhirUser?.startsWith('Patient/') === true
    ? (principal.fhirUser.slice('Patient/'.length) as PatientId)
    : undefined;

/** A guardian or delegate who opened the patient's record; on chain their own signature counts. */
export const standsFor = (principal: Principal, patient: PatientId): boolean =>
  principal.fhirUser?.startsWith('RelatedPerson/') === true && principal.launchPatient === patient;
