import { type Checkpoint, formatCheckpoint } from '../../domain/ledger/checkpoint.ts';
import { type NoteSigner, signNote } from '../../domain/ledger/note.ts';
import type { Clock } from '../../ports.ts';
import { broadcast } from './broadcast.ts';
import type { Control } from './control.ts';
import { type FileSystem, readText, under, writeBeside } from './file-system.ts';

/** A history of checkpoints for auditors: at most one a minute. */
const HISTORY_MS = 60_000;

/** The signed root that the world sees, and who is told when it moves. */
export interface Publication {
  readonly current: () => Checkpoint;
  /** The signed note of `current`. */
  readonly note: () => string;
  publish(size: number, root: Uint8Array): Promise<void>;
  onPublish(listener: (checkpoint: Checkpoint, note: string) => void): () => void;
}

/** How many bytes of a history are whole notes: each ends with its signatures and an empty line. */
const wholeNotes = (text: string): number => {
  const last = [...text.matchAll(/^— .*\n\n/gm)].at(-1);
  return last === undefined ? 0 : Buffer.byteLength(text.slice(0, last.index + last[0].length));
};

export const createPublication = async (options: {
  readonly files: FileSystem;
  readonly folder: string;
  readonly control: Control;
  readonly signers: readonly NoteSigner[];
  readonly clock: Clock;
  readonly current: Checkpoint;
  readonly note: string;
}): Promise<Publication> => {
  const { files, folder, control, signers, clock } = options;
  const tiles = under(folder, 'log');
  const path = under(tiles, 'checkpoint');
  const history = under(folder, 'checkpoints');
  const { on: onPublish, tell } = broadcast<[checkpoint: Checkpoint, note: string]>();
  let { current, note } = options;
  let historyEnd = wholeNotes((await readText(files, history)) ?? '');
  let historyAt = Number.NEGATIVE_INFINITY;

  const appendHistory = async (): Promise<void> => {
    if (clock.now() - historyAt < HISTORY_MS) return;
    const bytes = Buffer.from(`${note}\n`);
    const file = await files.openFile(history);
    try {
      // What a crash or a full disk left of a note is no part of the history.
      await file.truncate(historyEnd);
      await file.write(bytes, historyEnd);
      await file.sync();
      historyEnd += bytes.length;
      historyAt = clock.now();
    } finally {
      await file.close();
    }
  };

  return {
    current: () => current,
    note: () => note,
    publish: async (size, root) => {
      if (size === current.size && note !== '') return;
      const to: Checkpoint = { origin: current.origin, size, root };
      const signed = signNote(formatCheckpoint(to), signers);
      const beside = await writeBeside(files, path, Buffer.from(signed));
      control.publish(current.size, to, () => files.renameNow(beside, path));
      // Readers see it from here on, whatever becomes of the sync.
      note = signed;
      current = to;
      await files.syncFolder(tiles);
      tell(to, signed);
      await appendHistory();
    },
    onPublish,
  };
};
