import type { PatientId } from '../fhir/interaction.ts';
import { groupNames } from './commitment.ts';
import type { LedgerEntry } from './entry.ts';

/** The fields of an entry by group; together they are the whole entry. */
type Grouped = readonly [
  actor: Pick<LedgerEntry, 'actor' | 'onBehalfOf'>,
  resource: Pick<LedgerEntry, 'interaction' | 'resources'>,
  purpose: Pick<LedgerEntry, 'purpose' | 'reason' | 'consent'>,
  outcome: Omit<
    LedgerEntry,
    'actor' | 'onBehalfOf' | 'interaction' | 'resources' | 'purpose' | 'reason' | 'consent' | 'risk' | 'patients'
  >,
  score: Pick<LedgerEntry, 'risk'>,
];

/** The text of each group, in the order of `groupNames`. Patients are groups of their own. */
export const groupTexts = (entry: LedgerEntry): string[] => {
  const { kind, at, requestId, decision, code, stage, policy, outcome, story, height } = entry;
  return [
    JSON.stringify({ actor: entry.actor, onBehalfOf: entry.onBehalfOf }),
    JSON.stringify({ interaction: entry.interaction, resources: entry.resources }),
    JSON.stringify({ purpose: entry.purpose, reason: entry.reason, consent: entry.consent }),
    JSON.stringify({ kind, at, requestId, decision, code, stage, policy, outcome, story, height }),
    JSON.stringify({ risk: entry.risk }),
  ];
};

/** The reverse of `groupTexts`; the texts come from a payload that was authenticated. */
export const entryOf = (texts: readonly string[], patients: readonly PatientId[]): LedgerEntry => {
  const [actor, resource, purpose, outcome, score] = texts
    .slice(0, groupNames.length)
    .map((text) => JSON.parse(text)) as unknown as Grouped;
  return { ...actor, ...resource, ...purpose, ...outcome, ...score, patients };
};

const ID = /[A-Za-z0-9.-]+|~/g;

/**
 * Where several patients share an entry, the shared groups name each as `~n`, so that they say nothing of a patient
 * whose key was destroyed. A tilde is no character of a FHIR id; one in the text becomes `~~`.
 */
export const hidePatients = (text: string, patients: readonly PatientId[]): string => {
  const slots = new Map<string, number>(patients.map((patient, slot) => [patient, slot]));
  return text.replace(ID, (word) => {
    if (word === '~') return '~~';
    const slot = slots.get(word);
    return slot === undefined ? word : `~${slot};`;
  });
};

export const ERASED = 'erased';

/** Slots without a patient are those that were erased. */
export const showPatients = (text: string, patients: readonly (PatientId | undefined)[]): string =>
  text.replace(/~(?:~|([0-9]+);)/g, (_, slot?: string) =>
    slot === undefined ? '~' : (patients[Number(slot)] ?? ERASED),
  );
