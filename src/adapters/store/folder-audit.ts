import { createPrivateKey } from 'node:crypto';
import { parseCheckpoint } from '../../domain/ledger/checkpoint.ts';
import { equalBytes } from '../../domain/ledger/hash.ts';
import { decodeLeaf } from '../../domain/ledger/leaf.ts';
import { type NoteVerifier, openNote, parseVerifierKey, signatureType } from '../../domain/ledger/note.ts';
import {
  type Finding,
  type LeafCheck,
  type LogSource,
  type Remembered,
  type Verified,
  verifyLog,
} from '../../domain/ledger/verify.ts';
import { type FileSystem, nodeFileSystem, readText, under } from './file-system.ts';
import { nodeHashing } from './node-hash.ts';
import type { PayloadKeys } from './payload-keys.ts';
import { listSpans } from './recovery.ts';
import { commitmentMatches, type OpenedPayload, openPayload, recipientOf } from './seal.ts';
import { readRecord, SEGMENT_HEADER, type SegmentSpan } from './segment.ts';
import { ed25519Verifier, logKey } from './signing-key.ts';
import { createTileStore } from './tile-store.ts';

/** The folder itself, or a data folder that holds it. */
export const ledgerFolder = async (files: FileSystem, folder: string): Promise<string> =>
  (await files.list(under(folder, 'ledger', 'log'))).length > 0 ? under(folder, 'ledger') : folder;

const folderSource = (folder: string, files: FileSystem): LogSource => {
  const tiles = createTileStore(under(folder, 'log'), files);
  return { checkpoint: () => readText(files, under(folder, 'log', 'checkpoint')), tile: (name) => tiles.read(name) };
};

type Opener = (payload: Uint8Array) => OpenedPayload | undefined;

/** With every key that is at hand. */
const openerOf = async (folder: string, files: FileSystem, keys: PayloadKeys): Promise<Opener> => {
  const secrets = [await files.read(under(folder, 'keys', 'payload.key')), ...[...keys.all()].map(([, key]) => key)];
  const recipients = new Map(secrets.map(recipientOf).map((one) => [one.name.toString('hex'), one]));
  return (payload) => openPayload(payload, (name) => recipients.get(name.toString('hex')));
};

/** Compares each leaf with the record it was made from, and the sealed payload with the digest in the leaf. */
const payloadCheck = async (folder: string, files: FileSystem, open: Opener | undefined): Promise<LeafCheck> => {
  const segments = under(folder, 'segments');
  const spans = await listSpans(files, segments);
  let span: SegmentSpan | undefined;
  let bytes = Buffer.alloc(0);
  let at = 0;
  return async (index, leaf): Promise<Finding | undefined> => {
    if (span === undefined || index >= span.limit) {
      span = spans.find((one) => index >= one.first && index < one.limit);
      if (span === undefined) return { file: 'segments', entry: index, text: `No segment holds entry ${index}.` };
      bytes = Buffer.from(await files.read(under(segments, span.name)));
      at = SEGMENT_HEADER;
      if (span.first !== index)
        return { file: span.name, entry: index, text: `The segment does not start at entry ${index}.` };
    }
    const record = readRecord(bytes, at);
    const file = `segments/${span.name}`;
    if (record === undefined) return { file, entry: index, text: `The record of entry ${index} is damaged.` };
    at += record.length;
    if (!equalBytes(record.leaf, leaf))
      return { file, entry: index, text: `The record of entry ${index} is not the one in the tree.` };
    const digest = decodeLeaf(leaf)?.payload;
    if (digest === undefined || !equalBytes(digest, nodeHashing.sha256(record.payload))) {
      return { file, entry: index, text: `The sealed payload of entry ${index} was altered.` };
    }
    const opened = open?.(record.payload);
    const commitment = decodeLeaf(leaf)?.commitment;
    if (opened !== undefined && commitment !== undefined && !commitmentMatches(opened, commitment)) {
      return { file, entry: index, text: `What entry ${index} holds is not what its leaf committed to.` };
    }
    return undefined;
  };
};

export interface FolderAuditOptions {
  readonly folder: string;
  /** `name+id+key` of a key the auditor trusts; without it the folder's own key is asked, which proves less. */
  readonly verifierKey?: string;
  readonly anchors?: (origin: string) => Promise<readonly Remembered[]>;
  readonly progress?: (done: number, size: number) => void;
  /** With them every payload they open is opened, and its commitment recomputed. */
  readonly payloadKeys?: PayloadKeys;
  readonly files?: FileSystem;
}

export type FolderAudit = Verified & { readonly origin?: string };

const ownVerifier = async (files: FileSystem, folder: string, origin: string): Promise<NoteVerifier | undefined> => {
  const pem = await readText(files, under(folder, 'keys', 'signing.pem'));
  return pem === undefined ? undefined : logKey(origin, createPrivateKey(pem)).verifier;
};

const history = async (
  files: FileSystem,
  folder: string,
  verifiers: readonly NoteVerifier[],
): Promise<Remembered[] | Finding> => {
  const text = (await readText(files, under(folder, 'checkpoints'))) ?? '';
  const notes = text.split(/\n\n(?=[^\n—])/).filter((note) => note.trim() !== '');
  const remembered: Remembered[] = [];
  for (const [i, note] of notes.entries()) {
    const opened = openNote(note.endsWith('\n') ? note.replace(/\n+$/, '\n') : `${note}\n`, verifiers);
    const checkpoint = opened && parseCheckpoint(opened.text);
    // The last one may be torn by a crash; it was published elsewhere before it came here.
    if (checkpoint === undefined && i === notes.length - 1) break;
    if (checkpoint === undefined) return { file: 'checkpoints', text: `Earlier checkpoint ${i + 1} was altered.` };
    remembered.push({ size: checkpoint.size, root: checkpoint.root, by: 'an earlier checkpoint' });
  }
  return remembered;
};

/** The whole check of `ledger verify`. */
export const auditFolder = async (options: FolderAuditOptions): Promise<FolderAudit> => {
  const files = options.files ?? nodeFileSystem;
  const folder = await ledgerFolder(files, options.folder);
  const source = folderSource(folder, files);
  const note = await source.checkpoint();
  if (note === undefined)
    return { ok: false, finding: { file: 'checkpoint', text: 'There is no checkpoint in this folder.' } };
  const origin = note.split('\n', 1)[0] ?? '';
  const trusted = options.verifierKey === undefined ? undefined : parseVerifierKey(nodeHashing, options.verifierKey);
  if (options.verifierKey !== undefined && trusted?.type !== signatureType.ed25519) {
    return { ok: false, finding: { file: 'checkpoint', text: 'The key to trust is not an Ed25519 verifier key.' } };
  }
  const verifier =
    trusted === undefined ? await ownVerifier(files, folder, origin) : ed25519Verifier(trusted.name, trusted.publicKey);
  const verifiers = verifier === undefined ? [] : [verifier];
  const earlier = await history(files, folder, verifiers);
  if (!Array.isArray(earlier)) return { ok: false, origin, finding: earlier };
  const anchors = (await options.anchors?.(origin)) ?? [];
  const keys = options.payloadKeys;
  const opener = keys === undefined ? undefined : await openerOf(folder, files, keys);
  const result = await verifyLog({
    hashing: nodeHashing,
    source,
    verifiers,
    remembered: [...earlier, ...anchors],
    check: await payloadCheck(folder, files, opener),
    ...(options.progress === undefined ? {} : { progress: options.progress }),
  });
  return { ...result, origin };
};
