import { fromBase64, toBase64 } from './base64.ts';

/** C2SP tlog-checkpoint: which log, how many leaves, which root. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** Extension lines are left out on purpose: witnesses do not attest them. */
export const formatCheckpoint = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${toBase64(root)}\n`;

/** The three lines, and whatever follows them. `undefined` for anything else. */
export const parseCheckpoint = (text: string): (Checkpoint & { readonly rest: string }) | undefined => {
  const [origin, sizeText, rootText] = text.split('\n', 3);
  if (origin === undefined || sizeText === undefined || rootText === undefined || origin === '') return undefined;
  const size = /^(?:0|[1-9][0-9]*)$/.test(sizeText) ? Number(sizeText) : Number.NaN;
  const root = fromBase64(rootText);
  const end = origin.length + sizeText.length + rootText.length + 3;
  if (!Number.isSafeInteger(size) || root === undefined || root.length === 0 || text.length < end) return undefined;
  return { origin, size, root, rest: text.slice(end) };
};
