import { quasiRow } from './reidentification.ts';

type Json = Readonly<Record<string, unknown>>;

const word = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What people can be counted by: each of few values, and none of them an identifier. */
export const cohortAttributes = ['gender', 'birth-decade', 'state', 'race', 'marital-status', 'deceased'] as const;
export type CohortAttribute = (typeof cohortAttributes)[number];

/** Of a Patient as the FHIR server has it. What is not there is the empty value. */
export const attributesOf = (patient: Json): Readonly<Record<CohortAttribute, string>> => {
  const { gender = '', birth = '', state = '', race = '' } = quasiRow(patient);
  const marital = (patient.maritalStatus as Json | undefined)?.coding;
  return {
    gender,
    'birth-decade': /^\d{3}/.test(birth) ? `${birth.slice(0, 3)}0` : '',
    state,
    race,
    'marital-status': Array.isArray(marital) ? word((marital[0] as Json | undefined)?.code) : '',
    deceased: String(patient.deceasedBoolean === true || patient.deceasedDateTime !== undefined),
  };
};
