import { createPrivateKey } from 'node:crypto';
import { type Checkpoint, parseCheckpoint } from '../../domain/ledger/checkpoint.ts';
import type { EntryKind } from '../../domain/ledger/entry.ts';
import { halfYearOf, originOf } from '../../domain/ledger/half-year.ts';
import { equalBytes } from '../../domain/ledger/hash.ts';
import { closesLog, decodeLeaf } from '../../domain/ledger/leaf.ts';
import { type NoteVerifier, openNote, parseVerifierKey, signatureType } from '../../domain/ledger/note.ts';
import {
  type Finding,
  type LeafCheck,
  type LogSource,
  type Remembered,
  type Verified,
  verifyLog,
} from '../../domain/ledger/verify.ts';
import { readPublishedClaim } from './control.ts';
import { type FileSystem, nodeFileSystem, readText, under } from './file-system.ts';
import { wasRetired } from './ledger-folder.ts';
import { nodeHashing } from './node-hash.ts';
import type { PayloadKeys } from './payload-keys.ts';
import { listSpans } from './recovery.ts';
import { logFolders, wasFollowed } from './rotating-files.ts';
import { linkOf } from './rotating-ledger.ts';
import { commitmentMatches, type OpenedPayload, openPayload, recipientOf } from './seal.ts';
import { readRecord, SEGMENT_HEADER, type SegmentSpan, segmentHeader } from './segment.ts';
import { ed25519Verifier, logKey } from './signing-key.ts';
import { checkOtherFiles } from './stray-files.ts';
import { createTileStore } from './tile-store.ts';

/** The folder itself, or a data folder that holds it. */
export const ledgerFolder = async (files: FileSystem, folder: string): Promise<string> =>
  (await files.list(under(folder, 'ledger', 'log'))).length > 0 ? under(folder, 'ledger') : folder;

const folderSource = (folder: string, files: FileSystem): LogSource => {
  const tiles = createTileStore(under(folder, 'log'), files);
  return { checkpoint: () => readText(files, under(folder, 'log', 'checkpoint')), tile: (name) => tiles.read(name) };
};

interface Opener {
  open(payload: Uint8Array): OpenedPayload | undefined;
  /** Whether the log's own key is here. */
  readonly own: boolean;
}

/** Of these no patient is named: each is sealed under the log's own key. */
const ownKinds: readonly EntryKind[] = ['policy', 'model', 'anchor', 'rotation', 'retirement'];

/** With every key that is at hand; the log's own opens what it says of itself. */
const openerOf = async (keysFolder: string, files: FileSystem, keys: PayloadKeys | undefined): Promise<Opener> => {
  const own = await files.read(under(keysFolder, 'payload.key')).catch(() => undefined);
  const secrets = [...(own === undefined ? [] : [own]), ...[...(keys?.all() ?? [])].map(([, key]) => key)];
  const recipients = new Map(secrets.map(recipientOf).map((one) => [one.name.toString('hex'), one]));
  return {
    open: (payload) => openPayload(payload, (name) => recipients.get(name.toString('hex'))),
    own: own !== undefined,
  };
};

/** What the place of a log in its row asks of it, and what it says of its end. */
interface Expected {
  /** Of the log before it. */
  readonly link: string | undefined;
  readonly openings: boolean;
  /** Its payloads were given up: the tree alone is there. */
  readonly retired: boolean;
  closedAt: number | undefined;
  next: string | undefined;
}

/** What the entries of all logs say of logs that were retired. */
interface Retirements {
  /** `linkOf` each. */
  readonly told: Set<string>;
  /** Entries that cannot be opened here. */
  sealed: number;
}

/** Notes the leaf that ends the log, and finds one after it. */
const closingCheck =
  (expected: Expected) =>
  (index: number, leaf: Uint8Array): Finding | undefined => {
    if (expected.closedAt !== undefined && expected.closedAt < index)
      return { file: 'tile/entries', entry: index, text: `Entry ${index} follows the one that closed the log.` };
    if (closesLog(index, leaf)) {
      expected.closedAt = index;
      expected.next = halfYearOf((decodeLeaf(leaf)?.second ?? 0) * 1000);
    }
    return undefined;
  };

/** Compares each leaf with the record it was made from, and the sealed payload with the digest in the leaf. */
const payloadCheck = async (
  folder: string,
  files: FileSystem,
  opener: Opener,
  expected: Expected,
  retirements: Retirements,
): Promise<LeafCheck> => {
  if (expected.retired) return closingCheck(expected);
  const segments = under(folder, 'segments');
  const spans = await listSpans(files, segments);
  const closing = closingCheck(expected);
  let span: SegmentSpan | undefined;
  let bytes = Buffer.alloc(0);
  let at = 0;
  return async (index, leaf): Promise<Finding | undefined> => {
    if (span === undefined || index >= span.limit) {
      span = spans.find((one) => index >= one.first && index < one.limit);
      if (span === undefined) return { file: 'segments', entry: index, text: `No segment holds entry ${index}.` };
      bytes = Buffer.from(await files.read(under(segments, span.name)));
      at = SEGMENT_HEADER;
      if (!bytes.subarray(0, at).equals(segmentHeader(span.first)))
        return { file: `segments/${span.name}`, entry: index, text: 'The head of the segment was altered.' };
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
    const late = closing(index, leaf);
    if (late !== undefined) return { ...late, file };
    const kind = decodeLeaf(leaf)?.kind;
    const first = index === 0 && expected.link !== undefined;
    if (first && kind !== 'rotation')
      return { file, entry: 0, text: 'The log does not begin with the log that it follows.' };
    const own = kind !== undefined && ownKinds.includes(kind);
    const opened = own || expected.openings ? opener.open(record.payload) : undefined;
    if (own && opener.own && opened === undefined)
      return {
        file: 'keys/payload.key',
        entry: index,
        text: `Entry ${index} is sealed under this key, and it does not open: the key was altered, or is of another log.`,
      };
    const retirement = kind === 'retirement';
    if (retirement && opened === undefined) retirements.sealed++;
    else if (retirement) retirements.told.add(opened?.entry.story[0]?.rule ?? '');
    if (first && opened !== undefined && opened.entry.story[0]?.rule !== expected.link)
      return { file, entry: 0, text: 'The log follows another one than the one before it here.' };
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

export type FolderAudit = Verified & {
  readonly origin?: string;
  /** Files that are no part of the log: left over, or put there. */
  readonly strays?: readonly string[];
  /** Each log of a row, when there are several. */
  readonly logs?: readonly { readonly origin: string; readonly size: number; readonly retired?: true }[];
};

const ownVerifier = async (files: FileSystem, keys: string, origin: string): Promise<NoteVerifier | undefined> => {
  const pem = await readText(files, under(keys, 'signing.pem'));
  try {
    return pem === undefined ? undefined : logKey(origin, createPrivateKey(pem)).verifier;
  } catch {
    // No key: then nothing here is signed by one that is trusted.
    return undefined;
  }
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
    if (checkpoint === undefined && i === notes.length - 1 && !text.endsWith('\n\n')) break;
    if (checkpoint === undefined) return { file: 'checkpoints', text: `Earlier checkpoint ${i + 1} was altered.` };
    remembered.push({ size: checkpoint.size, root: checkpoint.root, by: 'an earlier checkpoint' });
  }
  return remembered;
};

/** One log of the row. */
const auditLog = async (
  options: FolderAuditOptions,
  files: FileSystem,
  place: { readonly folder: string; readonly keys: string; readonly half: string | undefined },
  expected: Expected,
  retirements: Retirements,
): Promise<FolderAudit> => {
  const { folder, keys, half } = place;
  const source = folderSource(folder, files);
  // Before the checkpoint: a writer beside may only have gone on since.
  const claimed = readPublishedClaim(under(folder, 'control.db'));
  const note = await source.checkpoint();
  if (note === undefined)
    return { ok: false, finding: { file: 'checkpoint', text: 'There is no checkpoint in this folder.' } };
  const origin = note.split('\n', 1)[0] ?? '';
  const trusted = options.verifierKey === undefined ? undefined : parseVerifierKey(nodeHashing, options.verifierKey);
  if (options.verifierKey !== undefined && trusted?.type !== signatureType.ed25519) {
    return { ok: false, finding: { file: 'checkpoint', text: 'The key to trust is not an Ed25519 verifier key.' } };
  }
  const verifier =
    trusted === undefined
      ? await ownVerifier(files, keys, origin)
      : ed25519Verifier(originOf(trusted.name, half), trusted.publicKey);
  if (verifier === undefined)
    return {
      ok: false,
      origin,
      finding: {
        file: 'checkpoint',
        text: 'The key of the folder cannot be read, and no other one is given to trust.',
      },
    };
  const verifiers = [verifier];
  // Where the newest one is not signed by whom is trusted, the earlier ones are not either, and that is what is told.
  const earlier = openNote(note, verifiers) === undefined ? [] : await history(files, folder, verifiers);
  if (!Array.isArray(earlier)) return { ok: false, origin, finding: earlier };
  const anchors = (await options.anchors?.(origin)) ?? [];
  const result = await verifyLog({
    hashing: nodeHashing,
    source,
    verifiers,
    remembered: [...earlier, ...anchors],
    check: await payloadCheck(folder, files, await openerOf(keys, files, options.payloadKeys), expected, retirements),
    ...(options.progress === undefined ? {} : { progress: options.progress }),
  });
  if (!result.ok) return { ...result, origin };
  const { size, root } = result.checkpoint;
  const wrong =
    claimed === 'damaged'
      ? 'It is no database any more; the gateway does not start on it.'
      : claimed !== undefined && (claimed.size > size || (claimed.size === size && !equalBytes(claimed.root, root)))
        ? `It tells of ${claimed.size} published entries, and the checkpoint of ${size} is not those: it was altered, or an older log was put beside it.`
        : undefined;
  if (wrong !== undefined) return { ok: false, origin, finding: { file: 'control.db', text: wrong } };
  const { finding, strays } = await checkOtherFiles(files, folder, size);
  return finding === undefined ? { ...result, origin, strays } : { ok: false, origin, finding };
};

/** The whole check of `ledger verify`: each log, and that each follows the one before it. */
export const auditFolder = async (options: FolderAuditOptions): Promise<FolderAudit> => {
  const files = options.files ?? nodeFileSystem;
  const first = await ledgerFolder(files, options.folder);
  const keys = under(first, 'keys');
  const logs: { readonly origin: string; readonly size: number; readonly retired?: true }[] = [];
  const retirements: Retirements = { told: new Set(), sealed: 0 };
  /** Half-year and link of each retired log. */
  const retired = new Map<string | undefined, string>();
  const strays: string[] = [];
  let confirmed = 0;
  let before: { readonly checkpoint: Checkpoint; readonly next: string | undefined } | undefined;
  const folders = await logFolders(files, first);
  for (const folder of folders) {
    const half = folder === first ? undefined : folder.slice(first.length + 1);
    const bad = (file: string, text: string): FolderAudit => ({
      ok: false,
      ...(before === undefined ? {} : { origin: before.checkpoint.origin }),
      finding: { file, text },
    });
    if (before !== undefined && before.next !== half)
      return before.next === undefined
        ? bad('checkpoint', `The log was not closed, though one of ${half} follows it.`)
        : bad(before.next, `The log of ${before.next} is missing.`);
    const expected: Expected = {
      link: before && linkOf(before.checkpoint),
      openings: options.payloadKeys !== undefined,
      retired: await wasRetired(files, folder),
      closedAt: undefined,
      next: undefined,
    };
    const result = await auditLog(options, files, { folder, keys, half }, expected, retirements);
    if (!result.ok) {
      const { finding } = result;
      return half === undefined ? result : { ...result, finding: { ...finding, file: `${half}/${finding.file}` } };
    }
    confirmed += result.confirmed;
    strays.push(...(result.strays ?? []).map((name) => (half === undefined ? name : `${half}/${name}`)));
    const { checkpoint } = result;
    logs.push({ origin: checkpoint.origin, size: checkpoint.size, ...(expected.retired ? { retired: true } : {}) });
    if (expected.retired) retired.set(half, linkOf(checkpoint));
    if (expected.retired && expected.next === undefined)
      return bad('segments', 'The payloads of a log that did not end are gone.');
    before = { checkpoint, next: expected.next };
    if (half !== undefined && checkpoint.origin !== originOf(logs[0]?.origin ?? '', half))
      return bad(`${half}/checkpoint`, 'This is the checkpoint of another log.');
    if (folder !== folders.at(-1)) continue;
    // A log that was closed and never followed is what a crash leaves; the next start goes on.
    if (expected.next !== undefined && (await wasFollowed(files, folder)))
      return bad(expected.next, `The log of ${expected.next} is missing.`);
    const untold = [...retired].filter(([, link]) => !retirements.told.has(link));
    if (untold.length > retirements.sealed)
      return bad(
        `${untold[0]?.[0] === undefined ? '' : `${untold[0][0]}/`}segments`,
        'The payloads of a log are gone, and no entry of a later one says that it was retired.',
      );
    return { ...result, confirmed, strays, ...(logs.length > 1 ? { logs } : {}) };
  }
  return { ok: false, finding: { file: 'checkpoint', text: 'There is no checkpoint in this folder.' } };
};
