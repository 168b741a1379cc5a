import type { PatientId } from '../../domain/fhir/interaction.ts';
import type { AuditSource } from '../../domain/ledger/audit-event.ts';
import { type Checkpoint, parseCheckpoint } from '../../domain/ledger/checkpoint.ts';
import { type FieldGroup, type GroupName, openGroup } from '../../domain/ledger/commitment.ts';
import { consistencyProof, type Hash, inclusionProof } from '../../domain/ledger/merkle.ts';
import { parseNote } from '../../domain/ledger/note.ts';
import { formatProofFile } from '../../domain/ledger/receipt.ts';
import { type FileSystem, isMissing, nodeFileSystem, under } from './file-system.ts';
import { ledgerFolder } from './folder-audit.ts';
import { nodeHashing } from './node-hash.ts';
import type { PayloadKeys } from './payload-keys.ts';
import { listSpans, type Recovered, readSpan } from './recovery.ts';
import { logFolders } from './rotating-files.ts';
import { type OpenedPayload, openPayload, type Recipient, recipientOf } from './seal.ts';
import { createTileStore } from './tile-store.ts';

/** Reads a log that another process may be writing: nothing is locked and nothing changes. */
export interface LedgerReader {
  readonly source: AuditSource;
  checkpoint(): Promise<{ readonly note: string; readonly checkpoint: Checkpoint }>;
  /** The published entries from `from` on, in order. */
  records(from?: number): AsyncGenerator<Recovered>;
  record(index: number): Promise<Recovered | undefined>;
  /** `undefined`: its keys were destroyed, or are not at hand. */
  opened(record: Recovered): OpenedPayload | undefined;
  path(index: number, size: number): Promise<readonly Hash[]>;
  consistency(from: number, to: number): Promise<readonly Hash[]>;
  /** A file that proves one entry and shows the named groups of it; of its subjects only `patient`, where given. */
  prove(index: number, show: readonly GroupName[], patient?: PatientId): Promise<string | undefined>;
}

const isOf = ({ name, text }: FieldGroup, patient: PatientId | undefined): boolean =>
  name !== 'subject' || patient === undefined || text === JSON.stringify({ patient });

export interface ReaderOptions {
  /** Of one log. */
  readonly folder: string;
  /** Where its `payload.key` is. */
  readonly keysFolder: string;
  /** Without them nothing sealed for a patient opens. */
  readonly payloadKeys?: PayloadKeys;
  readonly files?: FileSystem;
}

/** A reader of each log of a data folder, the first one first. */
export const openReaders = async (options: Omit<ReaderOptions, 'keysFolder'>): Promise<readonly LedgerReader[]> => {
  const files = options.files ?? nodeFileSystem;
  const first = await ledgerFolder(files, options.folder);
  const folders = await logFolders(files, first);
  return Promise.all(
    folders.map((folder) => openReader({ ...options, files, folder, keysFolder: under(first, 'keys') })),
  );
};

/** Entries are numbered through the logs: which of them holds one, and its index there. */
export const placeOf = async (
  readers: readonly LedgerReader[],
  number: number,
): Promise<{ readonly reader: LedgerReader; readonly index: number } | undefined> => {
  let index = number;
  for (const reader of readers) {
    const { size } = (await reader.checkpoint()).checkpoint;
    if (index < size) return { reader, index };
    index -= size;
  }
  return undefined;
};

const openReader = async (options: ReaderOptions): Promise<LedgerReader> => {
  const { folder, keysFolder } = options;
  const files = options.files ?? nodeFileSystem;
  const segments = under(folder, 'segments');
  const tiles = createTileStore(under(folder, 'log'), files);
  const recipients = new Map<string, Recipient>();
  const add = (key: Uint8Array): void => {
    const recipient = recipientOf(key);
    recipients.set(recipient.name.toString('hex'), recipient);
  };
  for (const [, key] of options.payloadKeys?.all() ?? []) add(key);
  try {
    add(await files.read(under(keysFolder, 'payload.key')));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }

  const checkpoint: LedgerReader['checkpoint'] = async () => {
    const note = Buffer.from(await files.read(under(folder, 'log', 'checkpoint'))).toString('utf8');
    const parsed = parseNote(note);
    const read = parsed && parseCheckpoint(parsed.text);
    if (read === undefined)
      throw new Error('The checkpoint of this ledger cannot be read; run `consentry ledger verify`.');
    return { note, checkpoint: read };
  };

  const records = async function* (from = 0): AsyncGenerator<Recovered> {
    const { checkpoint: published } = await checkpoint();
    const spans = await listSpans(files, segments);
    for (const [i, span] of spans.entries()) {
      if ((spans[i + 1]?.first ?? Number.POSITIVE_INFINITY) <= from) continue;
      for (const record of await readSpan(files, segments, span)) {
        if (record.index >= published.size) return;
        if (record.index >= from) yield record;
      }
    }
  };

  const record: LedgerReader['record'] = async (index) => {
    for await (const one of records(index)) return one;
    return undefined;
  };

  const opened: LedgerReader['opened'] = ({ payload }) =>
    openPayload(payload, (name) => recipients.get(name.toString('hex')));

  const path: LedgerReader['path'] = (index, size) =>
    tiles.withNodes(size, (nodeAt) => inclusionProof(nodeHashing, index, size, nodeAt));

  const first = await checkpoint();
  return {
    source: { name: first.checkpoint.origin, address: first.checkpoint.origin },
    checkpoint,
    records,
    record,
    opened,
    path,
    consistency: (from, to) => tiles.withNodes(to, (nodeAt) => consistencyProof(nodeHashing, from, to, nodeAt)),
    prove: async (index, show, patient) => {
      const { note, checkpoint: published } = await checkpoint();
      const found = index < published.size ? await record(index) : undefined;
      if (found === undefined) return undefined;
      const payload = show.length > 0 ? opened(found) : undefined;
      if (show.length > 0 && payload === undefined) return undefined;
      const groups = payload === undefined ? [] : [...payload.groups, ...payload.subjects];
      const openings = groups.flatMap((group, at) =>
        group !== undefined && payload !== undefined && show.includes(group.name) && isOf(group, patient)
          ? [openGroup(nodeHashing, group, at, payload.hashes)]
          : [],
      );
      return formatProofFile({
        index,
        leaf: found.leaf,
        openings,
        path: await path(index, published.size),
        checkpoint: note,
      });
    },
  };
};
