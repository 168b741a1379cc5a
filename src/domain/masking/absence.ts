import { primitiveTypes, typeSchema } from '../fhir/schema.ts';

const ABSENT_LIST = '[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]';
/** Data-absent-reason `masked`: what stands where a value may not. */
export const ABSENT = `{"extension":${ABSENT_LIST}}`;
const absences = new Map<string, string>();

/** The mark in place of an element of the type: what the type requires is marked too, or it would not be valid. */
export const absenceOf = (type: string): string => {
  let known = absences.get(type);
  if (known === undefined) {
    const parts = [`"extension":${ABSENT_LIST}`];
    for (const element of typeSchema(type)?.elements.values() ?? []) {
      if (!element.required || element.choice) continue;
      const primitive = primitiveTypes.has(element.type);
      const mark = primitive ? ABSENT : absenceOf(element.type);
      parts.push(`"${primitive ? '_' : ''}${element.name}":${element.list ? `[${mark}]` : mark}`);
    }
    known = `{${parts.join(',')}}`;
    absences.set(type, known);
  }
  return known;
};
