import { fromBase64, toBase64 } from './base64.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { type GroupName, groupNames, type Opening, verifyOpening } from './commitment.ts';
import type { Hashing } from './hash.ts';
import { decodeLeaf, type Leaf } from './leaf.ts';
import { leafHash } from './merkle.ts';
import type { NoteVerifier } from './note.ts';
import { formatProof, parseProof, type TlogProof, verifyProof } from './proof.ts';
import { alteredPart, misplacedPart, unreadablePart, unsignedPart } from './proof-fault.ts';

/** What a patient or an auditor takes home: a `tlog-proof` whose extra data holds the leaf and the groups shown. */
export interface ProofFile {
  readonly index: number;
  readonly leaf: Uint8Array;
  readonly openings: readonly Opening[];
  readonly path: TlogProof['path'];
  readonly checkpoint: string;
}

interface WrittenOpening {
  readonly group: GroupName;
  readonly index: number;
  readonly count: number;
  readonly salt: string;
  readonly text: string;
  readonly path: readonly string[];
}

const utf8 = new TextEncoder();

export const formatProofFile = ({ index, leaf, openings, path, checkpoint }: ProofFile): string => {
  const written = openings.map(
    (opening): WrittenOpening => ({
      group: opening.name,
      index: opening.index,
      count: opening.count,
      salt: toBase64(opening.salt),
      text: opening.text,
      path: opening.path.map(toBase64),
    }),
  );
  const extra = utf8.encode(JSON.stringify({ version: 1, leaf: toBase64(leaf), openings: written }));
  return formatProof({ extra, index, path, checkpoint });
};

const isText = (value: unknown): value is string => typeof value === 'string';
const isIndex = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

const readOpening = (value: unknown): Opening | undefined => {
  if (typeof value !== 'object' || value === null) return undefined;
  const { group, index, count, salt, text, path } = value as Record<keyof WrittenOpening, unknown>;
  const name = group === 'subject' ? group : groupNames.find((one) => one === group);
  const bytes = isText(salt) ? fromBase64(salt) : undefined;
  if (name === undefined || bytes === undefined || !isIndex(index) || !isIndex(count) || !isText(text))
    return undefined;
  if (!Array.isArray(path)) return undefined;
  const hashes = path.map((hash: unknown) => (isText(hash) ? fromBase64(hash) : undefined));
  if (hashes.some((hash) => hash?.length !== 32)) return undefined;
  return { name, index, count, salt: bytes, text, path: hashes.filter((hash) => hash !== undefined) };
};

/** What a file claims; nothing of it is checked. */
export const parseProofFile = (file: string): ProofFile | undefined => {
  const proof = parseProof(file);
  if (proof?.extra === undefined) return undefined;
  let extra: unknown;
  try {
    extra = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(proof.extra));
  } catch {
    return undefined;
  }
  if (typeof extra !== 'object' || extra === null) return undefined;
  const { leaf, openings } = extra as { leaf?: unknown; openings?: unknown };
  const bytes = isText(leaf) ? fromBase64(leaf) : undefined;
  if (bytes === undefined || !Array.isArray(openings)) return undefined;
  const read = openings.map(readOpening);
  if (read.some((opening) => opening === undefined)) return undefined;
  return {
    index: proof.index,
    leaf: bytes,
    openings: read.filter((opening) => opening !== undefined),
    path: proof.path,
    checkpoint: proof.checkpoint,
  };
};

export type ProofVerdict =
  | {
      readonly ok: true;
      readonly index: number;
      readonly size: number;
      readonly signedBy: readonly string[];
      readonly leaf: Leaf;
      readonly openings: readonly Opening[];
      readonly checkpoint: string;
    }
  | { readonly ok: false; readonly text: string };

/** Everything the file claims, checked against keys alone: nobody is asked. */
export const verifyProofFile = (hashing: Hashing, file: string, verifiers: readonly NoteVerifier[]): ProofVerdict => {
  const proof = parseProofFile(file);
  const bad = (text: string, part: string): ProofVerdict => ({ ok: false, text: `${text} (${part})` });
  if (proof === undefined) return bad('This is not a proof of an access ledger entry.', unreadablePart(file));
  const proven = verifyProof(hashing, proof, leafHash(hashing, proof.leaf), verifiers);
  if (proven === 'checkpoint')
    return bad(
      'The checkpoint in the proof is not signed by a log that is trusted here.',
      unsignedPart(proof.checkpoint, verifiers),
    );
  if (proven === 'inclusion') {
    const size = parseCheckpoint(proof.checkpoint.split('\n\n', 1)[0]?.concat('\n') ?? '')?.size ?? 0;
    return bad('The entry is not in the log that the checkpoint signs.', misplacedPart(hashing, proof, size));
  }
  const leaf = decodeLeaf(proof.leaf);
  if (leaf === undefined) return { ok: false, text: 'The entry is in the log, but is not one of an access ledger.' };
  const wrong = proof.openings.find((opening) => !verifyOpening(hashing, leaf.commitment, opening));
  if (wrong !== undefined)
    return bad(`What the proof shows as "${wrong.name}" is not what the entry committed to.`, alteredPart(wrong));
  const { index, openings, checkpoint } = proof;
  return { ok: true, index, size: proven.size, signedBy: proven.signedBy, leaf, openings, checkpoint };
};
