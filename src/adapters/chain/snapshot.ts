import { ConsentFold } from '../../domain/consent/replica.ts';
import { decodeRecord, foldRecord } from './event-codec.ts';
import type { EventLog, PlacedMark } from './event-log.ts';

/** Blocks for which a fork can be taken back step by step; a deeper one starts over. */
export const journalBlocks = 64;

export interface Restored {
  readonly fold: ConsentFold;
  readonly events: number;
  /** Oldest first; the fold stands at the last one and can go back to the others. Empty when the file holds nothing. */
  readonly marks: readonly PlacedMark[];
}

/**
 * Folds the events of the file, up to the last mark whose accumulator they meet. Whether that is the chain's truth only
 * the chain's proof tells. Throws when the file holds what no registry ever issued.
 */
export function restore(file: EventLog, start: PlacedMark, torn = false): Restored {
  const fold = new ConsentFold();
  let { accumulator } = start;
  let marks: PlacedMark[] = [];
  // What is settled anyway need not be remembered step by step.
  const last = torn ? undefined : file.lastMarked();
  const settled = last === undefined ? Number.NEGATIVE_INFINITY : last - journalBlocks;
  fold.commit(settled);
  let events = 0;
  let marked = 0;
  let newest = start.number;
  let ordered = true;
  file.load(
    (record, block) => {
      accumulator = foldRecord(accumulator, record);
      fold.apply(decodeRecord(record, block));
      events++;
      ordered &&= block >= newest && block > (marks.at(-1)?.number ?? start.number);
      newest = block;
    },
    (mark) => {
      // The accumulator does not cover the blocks' numbers.
      if (!mark.accumulator.equals(accumulator) || !ordered || mark.number < newest) return false;
      newest = mark.number;
      marked = events;
      marks.push(mark);
      marks = marks.filter((one) => one.number >= settled || one === mark);
      return true;
    },
  );
  // What came after the last mark was torn off in the writing.
  const end = marks.at(-1)?.number ?? start.number;
  // Its bytes can look like a mark.
  if (events > marked && end < settled) return restore(file, start, true);
  if (!ordered) throw new Error('The blocks of the file are out of order.');
  fold.rollback(end, 0);
  return { fold, events: marked, marks };
}
