import { member, stringOf } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { resourceType } from './ids.ts';
import type { ResourceType } from './interaction.ts';

export interface BulkFile {
  readonly type: ResourceType;
  /** Where the upstream has it. */
  readonly url: string;
}

/** What an upstream says of a finished export (Bulk Data Access 2.0, "Response - Complete Status"). */
export interface BulkManifest {
  readonly transactionTime: string;
  readonly files: readonly BulkFile[];
}

const objects = (tape: Tape, list: number): readonly number[] => {
  if (list < 0 || tape.kind[list] !== KIND.array) return [];
  const found: number[] = [];
  const past = tape.next[list] as number;
  for (let each = list + 1; each < past; each = tape.next[each] as number) found.push(each);
  return found;
};

/**
 * Undefined: not a manifest, or one that names a file of no R4 type. Files of errors and of deleted resources are left
 * out: they name resources that nobody can judge any more.
 */
export const readManifest = (tape: Tape): BulkManifest | undefined => {
  const transactionTime = stringOf(tape, member(tape, 0, 'transactionTime'));
  if (transactionTime === undefined || member(tape, 0, 'output') < 0) return undefined;
  const files: BulkFile[] = [];
  for (const each of objects(tape, member(tape, 0, 'output'))) {
    const type = resourceType(stringOf(tape, member(tape, each, 'type')));
    const url = stringOf(tape, member(tape, each, 'url'));
    if (type === undefined || url === undefined) return undefined;
    files.push({ type, url });
  }
  return { transactionTime, files };
};

/**
 * The manifest for the caller. `link` seals the upstream's address into one of the gateway's own that only this caller
 * can use; a file for which it gives none is left out. Counts are absent: they would tell how much is withheld.
 */
export const writeManifest = (
  manifest: BulkManifest,
  request: string,
  link: (file: BulkFile) => string | undefined,
): string =>
  JSON.stringify({
    transactionTime: manifest.transactionTime,
    request,
    requiresAccessToken: true,
    output: manifest.files.flatMap((file) => {
      const url = link(file);
      return url === undefined ? [] : [{ type: file.type, url }];
    }),
    error: [],
  });
