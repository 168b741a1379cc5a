import type { AccessEvent, ContextFact } from './event.ts';

/** One thing that the profiles were taught. */
export type Learnt =
  | { readonly at: number; readonly event: AccessEvent }
  | { readonly fact: ContextFact }
  /** A patient who was erased. */
  | { readonly forgotten: string };

/** Where a snapshot of the profiles stands in the journal; its own words, kept with the snapshot. */
export type JournalMark = Readonly<Record<string, string | number>>;

/**
 * What the profiles were taught since their last snapshot, so that a crash loses none of it; where several gateways share one journal, each is
 * taught what the others saw.
 */
export interface RiskJournal {
  /** Teaches what is kept and not in the snapshot. To be called once, before anything is added; counts what it taught. */
  replay(since: JournalMark | undefined): Promise<number>;
  /** Never waits and never throws: what cannot be kept is told as trouble. */
  add(item: Learnt): void;
  /** To be taken in one turn with the state of the profiles: what is added from then on is not in the snapshot. */
  mark(): JournalMark;
  /** The snapshot of that mark is safe: what it holds need not be kept for this gateway. */
  settle(mark: JournalMark): Promise<void>;
  /** Resolves when what was added is kept, and what others kept before is taught. */
  sync(): Promise<void>;
  /** Removes what names the patient, and has the other gateways forget too. */
  forget(patient: string): Promise<void>;
  close(): Promise<void>;
}

/** Patients whom the item names. */
export const namedIn = (item: Learnt): readonly string[] => {
  if ('forgotten' in item) return [];
  if ('fact' in item) {
    const { fact } = item;
    if (fact.kind === 'patient') return [fact.id];
    return 'patient' in fact && fact.patient !== undefined ? [fact.patient] : [];
  }
  const { patient, patients = [] } = item.event;
  return typeof patient === 'string' ? [patient, ...patients] : patients;
};

/** `undefined` for what no journal wrote. */
export const learntOf = (text: string | undefined): Learnt | undefined => {
  if (text === undefined) return undefined;
  const item = JSON.parse(text) as unknown;
  return typeof item === 'object' && item !== null && ('event' in item || 'fact' in item || 'forgotten' in item)
    ? (item as Learnt)
    : undefined;
};
