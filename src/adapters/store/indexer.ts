import type { PatientId } from '../../domain/fhir/interaction.ts';
import type { LedgerEntry } from '../../domain/ledger/entry.ts';
import type { Hash } from '../../domain/ledger/merkle.ts';
import type { Durable } from './appender.ts';
import type { EntryQuery, LedgerIndex, Location, Tally } from './ledger-index.ts';

/** What an entry carries beside its bytes until it is indexed. */
export interface Note {
  readonly entry: LedgerEntry;
  readonly hash: Hash;
}

/** Bound of the entries kept in memory while the index cannot be written. */
const MOST_WAITING = 200_000;
const SLICE = 64;

/** Brings durable entries into the index beside the requests, and answers for them until they are there. */
export interface Indexer {
  add(batch: readonly Durable<Note>[]): void;
  /** Starts unless it runs; resolves when what was known then is indexed, or cannot be. */
  soon(): Promise<void>;
  recent(requestId: string): Durable<Note> | undefined;
  ofRequest(requestId: string): number | undefined;
  locate(index: number): Location | undefined;
  patientsOf(index: number): readonly PatientId[];
  find(query: EntryQuery): Promise<readonly number[]>;
  tally(query: Omit<EntryQuery, 'limit'>, offsetMs: number): Promise<Tally>;
  forget(patient: PatientId): Promise<void>;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const createIndexer = (index: LedgerIndex, failed: (error: unknown) => void): Indexer => {
  const recent = new Map<string, Durable<Note>>();
  let waiting: Durable<Note>[] = [];
  let running: Promise<void> | undefined;
  /** Entries were dropped: nothing more goes in, and the next start indexes from where it stands. */
  let broken = false;

  const forgetRecent = (batch: readonly Durable<Note>[]): void => {
    for (const one of batch) {
      const { requestId } = one.note.entry;
      if (recent.get(requestId)?.index === one.index) recent.delete(requestId);
    }
  };

  /** In slices, so that requests run between them; in one transaction, so that a page is written once. */
  const run = async (): Promise<void> => {
    const batch = waiting.slice();
    if (batch.length === 0) return;
    try {
      index.begin();
      for (let at = 0; at < batch.length; at += SLICE) {
        const slice = batch.slice(at, at + SLICE);
        index.add(
          slice.map(({ index: number, note, at: location }) => ({ index: number, entry: note.entry, at: location })),
        );
        await turn();
      }
      index.commit();
    } catch (error) {
      index.rollback();
      failed(error);
      if (waiting.length <= MOST_WAITING) return;
      broken = true;
      forgetRecent(waiting);
      waiting = [];
      return;
    }
    waiting = waiting.slice(batch.length);
    forgetRecent(batch);
  };

  const soon = (): Promise<void> => {
    running ??= run().finally(() => {
      running = undefined;
    });
    return running;
  };
  const upToDate = async (): Promise<void> => {
    await running;
    if (waiting.length > 0) await soon();
  };

  return {
    soon,
    add: (batch) => {
      if (broken) return;
      for (const one of batch) {
        waiting.push(one);
        recent.set(one.note.entry.requestId, one);
      }
    },
    recent: (requestId) => recent.get(requestId),
    ofRequest: index.ofRequest,
    locate: (number) => waiting.find((one) => one.index === number)?.at ?? index.locate(number),
    patientsOf: (number) =>
      waiting.find((one) => one.index === number)?.note.entry.patients ?? index.patientsOf(number),
    find: async (query) => {
      await upToDate();
      return index.find(query);
    },
    tally: async (query, offsetMs) => {
      await upToDate();
      return index.tally(query, offsetMs);
    },
    forget: async (patient) => {
      await upToDate();
      for (const [requestId, { note }] of recent) if (note.entry.patients.includes(patient)) recent.delete(requestId);
      index.forget(patient);
    },
  };
};
