import { type EntryKind, entryKinds } from './entry.ts';

/**
 * What the public tree holds of one entry: 86 bytes, none of which names a person. Big-endian:
 * version 1, kind 1, decision 1, node 8, second 5, chain height 6, commitment 32, payload digest 32.
 */
export interface Leaf {
  readonly kind: EntryKind;
  readonly decision: 'permit' | 'deny';
  /** The gateway that wrote it, 8 bytes. */
  readonly node: Uint8Array;
  /** Seconds since 1970; rounded so that a leaf cannot be matched with a network trace. */
  readonly second: number;
  readonly height: number;
  readonly commitment: Uint8Array;
  /** SHA-256 of the encrypted payload: an altered payload shows without any key. */
  readonly payload: Uint8Array;
}

export const LEAF_BYTES = 86;
const VERSION = 1;

const writeInteger = (into: Uint8Array, at: number, length: number, value: number): void => {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 256 ** length)
    throw new RangeError('a number does not fit the leaf');
  let rest = value;
  for (let i = at + length - 1; i >= at; i--) {
    into[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
};

const readInteger = (from: Uint8Array, at: number, length: number): number => {
  let value = 0;
  for (let i = at; i < at + length; i++) value = value * 256 + (from[i] ?? 0);
  return value;
};

export const encodeLeaf = (leaf: Leaf): Uint8Array => {
  const bytes = new Uint8Array(LEAF_BYTES);
  bytes[0] = VERSION;
  bytes[1] = entryKinds.indexOf(leaf.kind);
  bytes[2] = leaf.decision === 'permit' ? 1 : 0;
  bytes.set(leaf.node, 3);
  writeInteger(bytes, 11, 5, leaf.second);
  writeInteger(bytes, 16, 6, leaf.height);
  bytes.set(leaf.commitment, 22);
  bytes.set(leaf.payload, 54);
  return bytes;
};

/** `undefined` for bytes that `encodeLeaf` cannot have made. */
export const decodeLeaf = (bytes: Uint8Array): Leaf | undefined => {
  const kind = entryKinds[bytes[1] ?? 255];
  const decision = bytes[2];
  if (
    bytes.length !== LEAF_BYTES ||
    bytes[0] !== VERSION ||
    kind === undefined ||
    decision === undefined ||
    decision > 1
  ) {
    return undefined;
  }
  return {
    kind,
    decision: decision === 1 ? 'permit' : 'deny',
    node: bytes.slice(3, 11),
    second: readInteger(bytes, 11, 5),
    height: readInteger(bytes, 16, 6),
    commitment: bytes.slice(22, 54),
    payload: bytes.slice(54, 86),
  };
};

/**
 * Whether a log ends for good with this leaf at this index. The first leaf of a log may be of the same kind: it then says which
 * log this one follows.
 */
export const closesLog = (index: number, leaf: Uint8Array): boolean =>
  index > 0 && decodeLeaf(leaf)?.kind === 'rotation';
