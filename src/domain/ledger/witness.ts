import { fromBase64, toBase64 } from './base64.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { equalBytes, type Hashing } from './hash.ts';
import { type Hash, verifyConsistency } from './merkle.ts';
import { type NoteVerifier, openNote } from './note.ts';

/** C2SP tlog-witness, `add-checkpoint`. */
export interface AddCheckpoint {
  /** Size that the witness cosigned last. */
  readonly old: number;
  readonly path: readonly Hash[];
  readonly note: string;
}

const MOST_HASHES = 63;

export const formatAddCheckpoint = ({ old, path, note }: AddCheckpoint): string =>
  [`old ${old}`, ...path.map(toBase64), '', note].join('\n');

export const parseAddCheckpoint = (body: string): AddCheckpoint | undefined => {
  const gap = body.indexOf('\n\n');
  if (gap < 0) return undefined;
  const [first = '', ...rest] = body.slice(0, gap).split('\n');
  const old = /^old (0|[1-9][0-9]*)$/.exec(first)?.[1];
  const path = rest.map(fromBase64);
  if (old === undefined || !Number.isSafeInteger(Number(old)) || path.length > MOST_HASHES) return undefined;
  if (path.some((hash) => hash?.length !== 32)) return undefined;
  return { old: Number(old), path: path.filter((hash) => hash !== undefined), note: body.slice(gap + 2) };
};

/** What a witness remembers of a log. */
export interface WitnessedState {
  readonly size: number;
  readonly root: Hash;
}

export type WitnessVerdict =
  | { readonly status: 200; readonly origin: string; readonly state: WitnessedState; readonly text: string }
  | { readonly status: 400 | 403 | 404 | 422 }
  /** The size to start from; the same size with another root is a split view. */
  | { readonly status: 409; readonly size: number; readonly split: boolean };

/** The checks of `add-checkpoint`, in the order of the specification. The caller persists the state in the same step. */
export const judgeCheckpoint = (
  hashing: Hashing,
  request: AddCheckpoint,
  verifiersOf: (origin: string) => readonly NoteVerifier[] | undefined,
  stateOf: (origin: string) => WitnessedState | undefined,
): WitnessVerdict => {
  const unverified = parseCheckpoint(request.note.split('\n\n')[0]?.concat('\n') ?? '');
  if (unverified === undefined || unverified.root.length !== 32) return { status: 400 };
  const { origin } = unverified;
  const verifiers = verifiersOf(origin);
  if (verifiers === undefined) return { status: 404 };
  const opened = openNote(request.note, verifiers);
  const checkpoint = opened && parseCheckpoint(opened.text);
  if (opened === undefined || checkpoint === undefined) return { status: 403 };
  if (request.old > checkpoint.size) return { status: 400 };
  const known = stateOf(origin);
  const size = known?.size ?? 0;
  if (request.old !== size) return { status: 409, size, split: false };
  if (known !== undefined && size === checkpoint.size && !equalBytes(known.root, checkpoint.root)) {
    return { status: 409, size, split: true };
  }
  const consistent =
    size === 0
      ? request.path.length === 0
      : verifyConsistency(
          hashing,
          size,
          checkpoint.size,
          known?.root ?? checkpoint.root,
          checkpoint.root,
          request.path,
        );
  if (!consistent) return { status: 422 };
  return { status: 200, origin, state: { size: checkpoint.size, root: checkpoint.root }, text: opened.text };
};
