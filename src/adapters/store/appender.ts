import type { Clock } from '../../ports.ts';
import { type FileSystem, type OpenFile, under } from './file-system.ts';
import type { Location } from './ledger-index.ts';
import { encodeRecord, SEGMENT_HEADER, segmentHeader, segmentName } from './segment.ts';

/** No entry can be made durable at the moment, or ever again by this process. The gateway answers 503. */
export class LedgerUnavailable extends Error {}

/** The log is closed for good; the one that follows it takes the entry. */
export class LedgerFrozen extends LedgerUnavailable {}

/** One leaf and payload on its way to the disk. */
export interface Unwritten<Note> {
  readonly leaf: Uint8Array;
  readonly payload: Uint8Array;
  readonly note: Note;
}

export interface Durable<Note> extends Unwritten<Note> {
  readonly index: number;
  readonly at: Location;
}

export interface AppenderOptions<Note> {
  readonly files: FileSystem;
  /** Of the segments. */
  readonly folder: string;
  readonly epoch: number;
  readonly next: number;
  readonly clock: Clock;
  readonly limits: { readonly pending: number; readonly segmentBytes: number; readonly retryMs: number };
  /** Asked after the sync and before anyone is told: an owner that was replaced while it slept must not acknowledge. */
  holds(): boolean;
  /** Called in index order, once per batch, before the appends resolve. */
  durable(batch: readonly Durable<Note>[]): void;
}

export interface Appender<Note> {
  /** Starts a segment unless one is open: a proof that the disk takes writes. */
  begin(): Promise<void>;
  append(entry: Unwritten<Note>): Promise<number>;
  next(): number;
  /** Resolves when nothing is on its way any more. */
  close(): Promise<void>;
}

interface Waiting<Note> {
  readonly entry: Unwritten<Note>;
  readonly resolve: (index: number) => void;
  readonly reject: (error: Error) => void;
}

interface Segment {
  readonly name: string;
  readonly file: OpenFile;
  end: number;
}

/**
 * Group commit. Whatever came while the last sync ran goes to the disk with one write and one sync; an idle log waits
 * for nobody. After any error the segment is left behind: what a failed sync kept is unknown, so the next batch starts a
 * new segment, whose first index tells readers to ignore what the old one may hold beyond it.
 */
export const createAppender = <Note>(options: AppenderOptions<Note>): Appender<Note> => {
  const { files, folder, epoch, clock, limits } = options;
  let next = options.next;
  let serial = 0;
  let batchNumber = 0;
  let segment: Segment | undefined;
  let waiting: Waiting<Note>[] = [];
  let running: Promise<void> | undefined;
  let fenced = false;
  let closed = false;
  let retryAt = 0;

  const startSegment = async (): Promise<Segment> => {
    const name = segmentName(next, epoch, serial++);
    const file = await files.openFile(under(folder, name));
    try {
      await file.write(segmentHeader(next), 0);
      await file.sync();
      await files.syncFolder(folder);
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
    batchNumber = 0;
    return { name, file, end: SEGMENT_HEADER };
  };

  const abandonSegment = async (): Promise<void> => {
    const left = segment;
    segment = undefined;
    // Best effort: readers do not depend on it.
    await left?.file.truncate(left.end).catch(() => undefined);
    await left?.file.close().catch(() => undefined);
  };

  const writeBatch = async (batch: readonly Waiting<Note>[]): Promise<void> => {
    try {
      if (segment !== undefined && segment.end > limits.segmentBytes) {
        await segment.file.close();
        segment = undefined;
      }
      segment ??= await startSegment();
      const { name, file } = segment;
      let at = segment.end;
      const records: Buffer[] = [];
      const durable: Durable<Note>[] = [];
      for (const { entry } of batch) {
        const record = encodeRecord(entry.leaf, entry.payload, batchNumber, records.length === 0);
        durable.push({
          ...entry,
          index: next + records.length,
          at: { segment: name, offset: at, length: record.length },
        });
        records.push(record);
        at += record.length;
      }
      await file.write(
        records.length === 1 && records[0] !== undefined ? records[0] : Buffer.concat(records),
        segment.end,
      );
      await file.sync();
      if (!options.holds()) {
        fenced = true;
        throw new LedgerUnavailable('Another process took this ledger over.');
      }
      batchNumber++;
      segment.end = at;
      next += batch.length;
      options.durable(durable);
      batch.forEach(({ resolve }, i) => {
        resolve(durable[i]?.index ?? next);
      });
    } catch (error) {
      retryAt = clock.now() + limits.retryMs;
      await abandonSegment();
      const refusal =
        error instanceof LedgerUnavailable
          ? error
          : new LedgerUnavailable('The ledger cannot be written.', { cause: error });
      for (const { reject } of batch) reject(refusal);
    }
  };

  const run = async (): Promise<void> => {
    // One turn of the event loop, so that requests which arrived together share the first sync too.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await writeBatch(batch);
    }
    // In the same turn as the last look at `waiting`: whoever comes next must start a run of its own.
    running = undefined;
  };

  const startUnlessOpen = async (): Promise<void> => {
    if (fenced || !options.holds()) throw new LedgerUnavailable('Another process took this ledger over.');
    segment ??= await startSegment();
  };
  const resume = (): void => {
    running = waiting.length > 0 ? run() : undefined;
  };

  return {
    begin: async () => {
      while (running !== undefined) await running;
      const begun = startUnlessOpen();
      // Appends that come meanwhile wait for it, then run.
      running = begun.then(resume, resume);
      await begun;
    },
    next: () => next,
    append: (entry) => {
      if (fenced) return Promise.reject(new LedgerUnavailable('Another process took this ledger over.'));
      if (closed) return Promise.reject(new LedgerUnavailable('The ledger is closed.'));
      if (segment === undefined && clock.now() < retryAt) {
        return Promise.reject(new LedgerUnavailable('The ledger cannot be written.'));
      }
      if (waiting.length >= limits.pending) return Promise.reject(new LedgerUnavailable('The ledger is overloaded.'));
      return new Promise<number>((resolve, reject) => {
        waiting.push({ entry, resolve, reject });
        running ??= run();
      });
    },
    close: async () => {
      closed = true;
      await running;
      await segment?.file.close();
      segment = undefined;
    },
  };
};
