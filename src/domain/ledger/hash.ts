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
 * RFC 2104 over the given SHA-256. Two calls of a one-shot hash cost two thirds of a native HMAC object per call
 * (3.4 against 5.5 microseconds for 120 bytes), and an entry needs six.
 */
export const hmac = ({ sha256 }: Hashing, key: Uint8Array, ...data: readonly Uint8Array[]): Uint8Array => {
  const short = key.length > BLOCK ? sha256(key) : key;
  const length = data.reduce((sum, part) => sum + part.length, 0);
  const inner = new Uint8Array(BLOCK + length).fill(0x36, 0, BLOCK);
  const outer = new Uint8Array(BLOCK + 32).fill(0x5c, 0, BLOCK);
  for (let i = 0; i < short.length; i++) {
    const byte = short[i] ?? 0;
    inner[i] = 0x36 ^ byte;
    outer[i] = 0x5c ^ byte;
  }
  let at = BLOCK;
  for (const part of data) {
    inner.set(part, at);
    at += part.length;
  }
  outer.set(sha256(inner), BLOCK);
  return sha256(outer);
};
