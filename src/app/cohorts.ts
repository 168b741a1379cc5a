import { createHmac } from 'node:crypto';
import { openCountBook } from '../adapters/store/count-book.ts';
import type { OpenLines } from '../ports.ts';
import { type CohortParts, type Cohorts, cohorts } from '../stages/cohorts.ts';

/** Counts of cohorts, with the book of what was told to whom. */
export async function openCohorts(
  parts: Omit<CohortParts, 'book' | 'tag'> & { readonly lines: OpenLines; readonly key: Uint8Array },
): Promise<Cohorts & { close(): Promise<void> }> {
  const book = await openCountBook(parts.lines);
  const tag = (text: string): string => createHmac('sha256', parts.key).update(text).digest('base64url').slice(0, 16);
  return { ...cohorts({ ...parts, book, tag }), close: () => book.close() };
}
