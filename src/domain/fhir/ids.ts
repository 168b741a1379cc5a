import { resourceTypes } from './generated/resource-types.ts';
import type { PatientId, ResourceId, ResourceType } from './interaction.ts';

const known: ReadonlySet<string> = new Set(resourceTypes);

/** A resource type of R4, spelt as R4 spells it. */
export const resourceType = (text: string | undefined): ResourceType | undefined =>
  text !== undefined && known.has(text) ? (text as ResourceType) : undefined;

/** Per ASCII unit: 1 where a FHIR id may have it (R4 datatypes.html#id). */
const idUnit: Uint8Array = Uint8Array.from({ length: 128 }, (_, unit) =>
  /[A-Za-z0-9.-]/.test(String.fromCharCode(unit)) ? 1 : 0,
);

export const isId = (text: string): boolean => {
  if (text.length === 0 || text.length > 64) return false;
  for (let i = 0; i < text.length; i += 1) if (idUnit[text.charCodeAt(i)] !== 1) return false;
  // As path segments these would climb.
  return text !== '.' && text !== '..';
};

export const resourceId = (text: string | undefined): ResourceId | undefined =>
  text !== undefined && isId(text) ? (text as ResourceId) : undefined;

export const patientId = (text: string | undefined): PatientId | undefined =>
  text !== undefined && isId(text) ? (text as PatientId) : undefined;
