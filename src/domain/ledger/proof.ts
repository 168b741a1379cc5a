import { fromBase64, toBase64 } from './base64.ts';
import { parseCheckpoint } from './checkpoint.ts';
import type { Hashing } from './hash.ts';
import { type Hash, verifyInclusion } from './merkle.ts';
import { type NoteVerifier, openNote } from './note.ts';

/** C2SP tlog-proof: one file that shows, without asking anybody, that an entry is in the log. */
export interface TlogProof {
  /** Not authenticated by the format; ours holds the leaf and the openings, which the leaf hash proves. */
  readonly extra?: Uint8Array;
  readonly index: number;
  readonly path: readonly Hash[];
  /** The signed note, verbatim, with any cosignatures. */
  readonly checkpoint: string;
}

export const PROOF_HEADER = 'c2sp.org/tlog-proof@v1';

export const formatProof = ({ extra, index, path, checkpoint }: TlogProof): string => {
  const lines = [
    PROOF_HEADER,
    ...(extra === undefined ? [] : [`extra ${toBase64(extra)}`]),
    `index ${index}`,
    ...path.map(toBase64),
  ];
  return `${lines.join('\n')}\n\n${checkpoint}`;
};

export const parseProof = (text: string): TlogProof | undefined => {
  const gap = text.indexOf('\n\n');
  if (gap < 0) return undefined;
  const lines = text.slice(0, gap).split('\n');
  if (lines.shift() !== PROOF_HEADER) return undefined;
  const extra = lines[0]?.startsWith('extra ') ? fromBase64((lines.shift() ?? '').slice('extra '.length)) : null;
  const index = /^index (0|[1-9][0-9]*)$/.exec(lines.shift() ?? '')?.[1];
  const path = lines.map(fromBase64);
  if (extra === undefined || index === undefined || !Number.isSafeInteger(Number(index))) return undefined;
  if (path.length > 63 || path.some((hash) => hash?.length !== 32)) return undefined;
  return {
    ...(extra === null ? {} : { extra }),
    index: Number(index),
    path: path.filter((hash) => hash !== undefined),
    checkpoint: text.slice(gap + 2),
  };
};

/** The checkpoint that proves `leaf`, or the reason it does not. */
export const verifyProof = (
  hashing: Hashing,
  proof: TlogProof,
  leaf: Hash,
  verifiers: readonly NoteVerifier[],
): { readonly size: number; readonly signedBy: readonly string[] } | 'checkpoint' | 'inclusion' => {
  const note = openNote(proof.checkpoint, verifiers);
  const checkpoint = note && parseCheckpoint(note.text);
  const origin = checkpoint?.origin;
  if (note === undefined || checkpoint === undefined || !note.signedBy.some((name) => name === origin))
    return 'checkpoint';
  return verifyInclusion(hashing, proof.index, checkpoint.size, leaf, proof.path, checkpoint.root)
    ? { size: checkpoint.size, signedBy: note.signedBy }
    : 'inclusion';
};
