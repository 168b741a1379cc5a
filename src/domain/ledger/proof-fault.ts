import { fromBase64 } from './base64.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { groupNames, type Opening, verifyOpening } from './commitment.ts';
import { equalBytes, type Hashing } from './hash.ts';
import { decodeLeaf } from './leaf.ts';
import { inclusionLength } from './merkle.ts';
import { type NoteVerifier, parseNote } from './note.ts';
import { PROOF_HEADER, parseProof } from './proof.ts';

const HASH = 32;

/** Of a file that does not parse: the first part of it that is not what it should be. */
export const unreadablePart = (file: string): string => {
  const gap = file.indexOf('\n\n');
  if (gap < 0) return 'checkpoint: there is none after an empty line';
  const [header, ...lines] = file.slice(0, gap).split('\n');
  if (header !== PROOF_HEADER) return `first line: not "${PROOF_HEADER}"`;
  if (!lines[0]?.startsWith('extra ')) return 'extra: missing, and with it the entry';
  const extra = fromBase64((lines.shift() ?? '').slice('extra '.length));
  if (extra === undefined) return 'extra: not base64';
  if (!/^index (0|[1-9][0-9]*)$/.test(lines.shift() ?? '')) return 'index: not a number';
  const bad = lines.findIndex((line) => fromBase64(line)?.length !== HASH);
  if (bad >= 0) return `path, hash ${bad + 1}: not 32 bytes in base64`;
  if (parseProof(file) === undefined) return 'path: too long';
  try {
    const told = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(extra)) as Record<string, unknown>;
    if (typeof told.leaf !== 'string' || fromBase64(told.leaf) === undefined) return 'extra, leaf: not base64';
    return 'extra, openings: one of them lacks a part, or has one that is not of its form';
  } catch {
    return 'extra: not JSON';
  }
};

/** Of a checkpoint that no trusted key signed as it stands. */
export const unsignedPart = (checkpoint: string, verifiers: readonly NoteVerifier[]): string => {
  const note = parseNote(checkpoint);
  if (note === undefined) return 'checkpoint: not a signed note';
  if (parseCheckpoint(note.text) === undefined) return 'checkpoint: its origin, size or root is not of their form';
  const known = note.signatures.filter(({ name, id }) =>
    verifiers.some((one) => one.name === name && equalBytes(one.id, id)),
  );
  if (known.length === 0) {
    const names = note.signatures.map(({ name }) => name).join(', ');
    return `checkpoint, signature: by ${names}, and no key of them is trusted`;
  }
  return 'checkpoint: its origin, size, root or signature was altered';
};

/** Of an entry that is not where the proof says. */
export const misplacedPart = (
  hashing: Hashing,
  proof: {
    readonly index: number;
    readonly leaf: Uint8Array;
    readonly path: readonly Uint8Array[];
    readonly openings: readonly Opening[];
  },
  size: number,
): string => {
  const { index, path, openings } = proof;
  if (index >= size) return `index: there is no entry ${index} in a log of ${size}`;
  const leaf = decodeLeaf(proof.leaf);
  if (leaf === undefined) return 'extra, leaf: not one of an access ledger';
  const length = inclusionLength(index, size);
  if (path.length !== length) return `path: ${path.length} hashes, where entry ${index} of ${size} has ${length}`;
  if (openings.length === 0) return 'extra, leaf; or index; or path';
  // What is shown was committed to in the leaf: then that is whole.
  return openings.some((opening) => verifyOpening(hashing, leaf.commitment, opening))
    ? 'index, path, or the leaf outside of its commitment'
    : 'extra, leaf';
};

/** Of a group that the entry did not commit to. */
export const alteredPart = ({ name, index, count, path }: Opening): string => {
  if (index >= count || (groupNames[index] ?? 'subject') !== name) return 'index or group';
  return path.length === inclusionLength(index, count) ? 'text, salt or path' : 'count, index or path';
};
