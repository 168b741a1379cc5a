import type { ConsentFold } from '../../domain/consent/replica.ts';
import { decodeRecord, foldRecord } from './event-codec.ts';
import type { EventLog, PlacedMark } from './event-log.ts';

/** Blocks for which a fork can be taken back step by step; a deeper one starts over. */
export const journalBlocks = 64;

export interface Restored {
  readonly events: number;
  /** Oldest first; the fold stands at the last one and can go back to the others. Empty when the file holds nothing. */
  readonly marks: readonly PlacedMark[];
}

/**
 * Folds the events of the file, up to the last mark whose accumulator they meet. Whether that is the chain's truth only
 * the chain's proof tells. Throws when the file holds what no registry ever issued.
 */
export function restore(file: EventLog, fold: ConsentFold, start: PlacedMark): Restored {
  let { accumulator } = start;
  let marks: PlacedMark[] = [];
  let events = 0;
  let marked = 0;
  file.load(
    (record, block) => {
      accumulator = foldRecord(accumulator, record);
      fold.apply(decodeRecord(record, block));
      events++;
    },
    (mark) => {
      if (!mark.accumulator.equals(accumulator)) return false;
      marked = events;
      marks.push(mark);
      const keepFrom = marks.findLastIndex((one) => one.number <= mark.number - journalBlocks);
      if (keepFrom > 0) marks = marks.slice(keepFrom);
      if (marks[0] && keepFrom >= 0) fold.commit(marks[0].number);
      return true;
    },
  );
  // What came after the last mark was torn off in the writing.
  fold.rollback(marks.at(-1)?.number ?? start.number, 0);
  return { events: marked, marks };
}
