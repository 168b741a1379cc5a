/** SHA-256, given by whoever calls: node:crypto in the gateway, a JavaScript one in the browser. */
export interface Hashing {
  sha256(data: Uint8Array): Uint8Array;
}

const BLOCK = 64;

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};

export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};

/**
 * Input of one hash at a time: the hash is synchronous and keeps nothing, and a fresh array of more than 64 bytes costs
 * as much as the hash itself.
 */
let scratch = new Uint8Array(8192);
export const scratchOf = (length: number): Uint8Array => {
  if (length > scratch.length) scratch = new Uint8Array(length * 2);
  return scratch.subarray(0, length);
};

const NOTHING = new Uint8Array(0);
const INNER = new Uint8Array(BLOCK).fill(0x36);
const OUTER = new Uint8Array(BLOCK).fill(0x5c);

/**
 * RFC 2104 over the given SHA-256, of `label` and then `data`. Two calls of a one-shot hash cost two thirds of a native HMAC object per call
 * (3.4 against 5.5 microseconds for 120 bytes), and an entry needs six.
 */
export const hmac = (
  { sha256 }: Hashing,
  key: Uint8Array,
  label: Uint8Array,
  data: Uint8Array = NOTHING,
): Uint8Array => {
  const short = key.length > BLOCK ? sha256(key) : key;
  const inner = scratchOf(BLOCK + label.length + data.length);
  inner.set(INNER);
  for (let i = 0; i < short.length; i++) inner[i] = 0x36 ^ (short[i] ?? 0);
  inner.set(label, BLOCK);
  inner.set(data, BLOCK + label.length);
  const digest = sha256(inner);
  const outer = scratchOf(BLOCK + digest.length);
  outer.set(OUTER);
  for (let i = 0; i < short.length; i++) outer[i] = 0x5c ^ (short[i] ?? 0);
  outer.set(digest, BLOCK);
  return sha256(outer);
};
