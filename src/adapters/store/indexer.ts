import type { PatientId } from '../../domain/fhir/interaction.ts';
import { entryKinds, type LedgerEntry } from '../../domain/ledger/entry.ts';
import { decodeLeaf } from '../../domain/ledger/leaf.ts';
import type { Hash } from '../../domain/ledger/merkle.ts';
import type { Durable } from './appender.ts';
import type { IndexThread } from './index-thread.ts';
import type { EntryQuery, IndexRow, IndexTally, Location, Tally } from './ledger-index.ts';

/** What an entry carries beside its bytes until it is indexed. */
export interface Note {
  readonly entry: LedgerEntry;
  readonly hash: Hash;
}

/** Bound of the entries kept in memory while the index cannot be written. */
const MOST_WAITING = 200_000;

/** Brings durable entries into the index beside the requests, and answers for them until they are there. */
export interface Indexer {
  add(batch: readonly Durable<Note>[]): void;
  /** Starts unless it runs; resolves when what was known then is indexed, or cannot be. */
  soon(): Promise<void>;
  recent(requestId: string): Durable<Note> | undefined;
  ofRequest(requestId: string): Promise<number | undefined>;
  locate(index: number): Promise<Location | undefined>;
  patientsOf(index: number): Promise<readonly PatientId[]>;
  find(query: EntryQuery): Promise<readonly number[]>;
  tally(query: Omit<EntryQuery, 'limit'>, offsetMs: number): Promise<IndexTally>;
  forget(patient: PatientId): Promise<void>;
}

/** `entry`: absent when its keys are gone; what the leaf tells remains. */
export const rowOf = (
  index: number,
  place: Location,
  leafBytes: Uint8Array,
  entry: LedgerEntry | undefined,
): IndexRow => {
  if (entry === undefined) {
    const leaf = decodeLeaf(leafBytes);
    return {
      index,
      place,
      at: (leaf?.second ?? 0) * 1000,
      kind: leaf === undefined ? -1 : entryKinds.indexOf(leaf.kind),
      permit: leaf?.decision === 'permit',
    };
  }
  return {
    index,
    place,
    at: entry.at,
    kind: entryKinds.indexOf(entry.kind),
    permit: entry.decision === 'permit',
    named: {
      user: entry.actor?.user,
      client: entry.actor?.client,
      organisation: entry.actor?.organisation,
      purpose: entry.purpose,
      type: entry.interaction?.type,
      code: entry.code,
      request: entry.requestId,
      patients: entry.patients,
      resources: entry.resources,
    },
  };
};

/** Who makes the picture: nobody looks at a table of thousands. */
const MOST_USERS = 40;

/** The index counts users without knowing them: one entry of each of the busiest is opened for the name. */
export const namedUsers = async (
  users: IndexTally['users'],
  open: (index: number) => Promise<{ readonly entry: LedgerEntry } | undefined>,
): Promise<Tally['users']> => {
  const totals = new Map<number, number>();
  for (const { sample, count } of users) totals.set(sample, (totals.get(sample) ?? 0) + count);
  const busiest = [...totals].sort(([, a], [, b]) => b - a).slice(0, MOST_USERS);
  const names = new Map(
    await Promise.all(busiest.map(async ([sample]) => [sample, (await open(sample))?.entry.actor?.user] as const)),
  );
  return users.flatMap(({ sample, hour, count }) => {
    const user = names.get(sample);
    return user === undefined ? [] : [{ user, hour, count }];
  });
};

export const createIndexer = (index: IndexThread, failed: (error: unknown) => void): Indexer => {
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
  /** They follow one another in the log. */
  const waitingAt = (number: number): Durable<Note> | undefined => waiting[number - (waiting[0]?.index ?? 0)];

  const run = async (): Promise<void> => {
    const batch = waiting.slice();
    if (batch.length === 0) return;
    try {
      await index.add(batch.map(({ index: number, at, leaf, note }) => rowOf(number, at, leaf, note.entry)));
    } catch (error) {
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
    locate: async (number) => waitingAt(number)?.at ?? index.locate(number),
    patientsOf: async (number) => waitingAt(number)?.note.entry.patients ?? index.patientsOf(number),
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
      await index.forget(patient);
    },
  };
};
