import type { PatientId } from '../fhir/interaction.ts';
import { type AuditEvent, type AuditSource, auditEventOf } from './audit-event.ts';
import type { EntryKind, LedgerEntry } from './entry.ts';

/** One line of what a patient is told about who looked, in words without codes. */
export interface Disclosure {
  readonly entry: number;
  readonly at: string;
  readonly sentence: string;
}

const purposes: Readonly<Record<string, string>> = {
  TREAT: 'to treat you',
  ETREAT: 'in an emergency',
  HPAYMT: 'for payment',
  HOPERAT: 'to run the hospital',
  HRESCH: 'for research',
  CLINTRCH: 'for a clinical trial',
  PATRQT: 'because you asked for it',
  FAMRQT: 'because your family asked for it',
  PUBHLTH: 'for public health',
  CAREMGT: 'to plan your care',
  COVERAGE: 'to check your insurance',
  HMARKT: 'for marketing',
  HCOMPL: 'to check that the rules are kept',
};

const records: Readonly<Record<string, string>> = {
  Patient: 'your personal details',
  Observation: 'your measurements and test results',
  Condition: 'your diagnoses',
  MedicationRequest: 'your prescriptions',
  MedicationStatement: 'your medicines',
  AllergyIntolerance: 'your allergies',
  Immunization: 'your vaccinations',
  Encounter: 'your visits',
  Procedure: 'your procedures',
  DiagnosticReport: 'your reports',
  ImagingStudy: 'your images',
  DocumentReference: 'your documents',
  CarePlan: 'your care plan',
  Claim: 'your claims',
  Coverage: 'your insurance',
  Appointment: 'your appointments',
  Consent: 'your consents',
  AuditEvent: 'the record of who looked',
};

const verbs: Partial<Record<EntryKind, string>> = {
  read: 'looked at',
  search: 'looked at',
  'break-glass': 'looked at',
  write: 'changed',
  denied: 'was refused',
};

/** The kinds of entries that tell of an access. */
export const disclosureKinds = Object.keys(verbs) as readonly EntryKind[];

const whatOf = ({ interaction, resources }: LedgerEntry): string => {
  const types = [...new Set(resources.map((reference) => reference.split('/')[0] ?? ''))];
  const named = types.length > 0 ? types : [interaction?.type ?? ''];
  const words = [...new Set(named.map((type) => records[type] ?? 'your record'))];
  return words.length < 2 ? (words[0] ?? 'your record') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
};

const whoOf = ({ actor }: LedgerEntry, self: boolean): string => {
  if (self) return 'You';
  if (actor === undefined) return 'Somebody who gave no name';
  const role = actor.roles[0];
  const person = `${role === undefined ? '' : `${role.replaceAll('-', ' ')} `}${actor.fhirUser ?? actor.user}`;
  const named = actor.organisation === undefined ? person : `${person} of ${actor.organisation}`;
  return named.charAt(0).toUpperCase() + named.slice(1);
};

/** `undefined` for an entry that is about no access to this patient's record. */
export const disclosureOf = (entry: LedgerEntry, index: number, patient: PatientId): Disclosure | undefined => {
  const verb = verbs[entry.kind];
  if (verb === undefined || !entry.patients.includes(patient)) return undefined;
  const at = new Date(entry.at).toISOString();
  const self = entry.actor?.fhirUser === `Patient/${patient}`;
  const purpose =
    entry.purpose === undefined ? '' : ` ${purposes[entry.purpose] ?? `for the purpose ${entry.purpose}`}`;
  const parts = [
    `${whoOf(entry, self)} ${verb} ${entry.kind === 'denied' ? `access to ${whatOf(entry)}` : whatOf(entry)}${purpose} on ${at.slice(0, 10)} at ${at.slice(11, 16)} UTC.`,
  ];
  if (entry.kind === 'break-glass') parts.push('This was an emergency access, and it is reviewed.');
  if (entry.kind === 'denied') return { entry: index, at, sentence: [...parts, 'Nothing was shown.'].join(' ') };
  if (entry.outcome.masked > 0)
    parts.push(`${entry.outcome.masked} ${entry.outcome.masked === 1 ? 'value was' : 'values were'} hidden.`);
  if (entry.consent?.basis === 'grant') parts.push('You allowed it.');
  return { entry: index, at, sentence: parts.join(' ') };
};

const hiddenWhat = ({ policy }: LedgerEntry, { hiddenBy }: AuditSource) =>
  [...new Set((policy?.rules ?? []).flatMap((rule) => hiddenBy?.(rule) ?? []))].map((valueString) => ({
    type: 'hidden',
    valueString,
  }));

/**
 * The entry as an AuditEvent about this patient alone, with the sentence as its description: who else was in the same
 * answer is no part of a patient's accounting.
 */
export const disclosureEventOf = (
  entry: LedgerEntry,
  index: number,
  patient: PatientId,
  source: AuditSource,
): AuditEvent | undefined => {
  const disclosure = disclosureOf(entry, index, patient);
  if (disclosure === undefined) return undefined;
  const { consent: _consent, interaction, ...shared } = entry;
  const reduced: LedgerEntry =
    entry.patients.length === 1
      ? entry
      : {
          ...shared,
          resources: [],
          ...(interaction === undefined
            ? {}
            : {
                interaction: {
                  kind: interaction.kind,
                  ...(interaction.type === undefined ? {} : { type: interaction.type }),
                },
              }),
        };
  const story = [{ stage: 'record', rule: 'disclosure', text: disclosure.sentence }];
  const event = auditEventOf({ ...reduced, patients: [patient], story }, source, String(index));
  // Of a call that touched others too the rules may have been about them.
  const hidden = entry.patients.length === 1 && entry.outcome.masked > 0 ? hiddenWhat(entry, source) : [];
  if (hidden.length === 0) return event;
  return {
    ...event,
    entity: event.entity.map((entity) =>
      entity.detail === undefined ? entity : { ...entity, detail: [...entity.detail, ...hidden] },
    ),
  };
};
