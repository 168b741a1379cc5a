import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';

const derived = new WeakMap<Uint8Array, Map<string, Uint8Array>>();

/**
 * A key for one use in one project, out of the operator's key of that name. Projects cannot join their pseudonyms or
 * undo each other's shifts. The same bytes given again cost one look-up.
 */
export const derivedKey = (key: Uint8Array, use: string): Uint8Array => {
  let uses = derived.get(key);
  if (uses === undefined) {
    uses = new Map();
    derived.set(key, uses);
  }
  let found = uses.get(use);
  if (found === undefined) {
    found = hmac(sha256, key, utf8ToBytes(`consentry/masking/${use}`));
    uses.set(use, found);
  }
  return found;
};

const states = new WeakMap<Uint8Array, ReturnType<typeof hmac.create>>();

/** HMAC-SHA-256 of a text; the key's own two blocks are hashed once per key. */
export const keyedHash = (key: Uint8Array, message: string): Uint8Array => {
  let state = states.get(key);
  if (state === undefined) {
    state = hmac.create(sha256, key);
    states.set(key, state);
  }
  return state.clone().update(utf8ToBytes(message)).digest();
};

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.';
const values = new Map([...digits].map((digit, value) => [digit, value]));

/** The first characters of a hash, six bits each, in the alphabet of FHIR ids. */
export const idCharacters = (bytes: Uint8Array, count: number): string => {
  let out = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 6 && out.length < count) {
      bits -= 6;
      out += digits[(held >> bits) & 63];
    }
    held &= (1 << bits) - 1;
    if (out.length >= count) break;
  }
  return out;
};

export const idDigit = (character: string): number | undefined => values.get(character);
export const idCharacter = (value: number): string => digits[value & 63] as string;

export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
