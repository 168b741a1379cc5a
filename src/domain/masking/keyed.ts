import { type HmacKey, hmacKey, hmacText } from './hmac.ts';

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
    found = keyedHash(key, `consentry/masking/${use}`);
    uses.set(use, found);
  }
  return found;
};

const keys = new WeakMap<Uint8Array, HmacKey>();
let lastKey: Uint8Array | undefined;
let lastState: HmacKey | undefined;

const stateOf = (key: Uint8Array): HmacKey => {
  if (key === lastKey && lastState !== undefined) return lastState;
  let state = keys.get(key);
  if (state === undefined) {
    state = hmacKey(key);
    keys.set(key, state);
  }
  lastKey = key;
  lastState = state;
  return state;
};

/** HMAC-SHA-256 of a text. */
export const keyedHash = (key: Uint8Array, message: string): Uint8Array =>
  hmacText(stateOf(key), message, new Uint8Array(32));

const names = new WeakMap<Uint8Array, string>();

/** Two characters that tell which key a pseudonym was made with, and nothing else of it. */
export const keyName = (key: Uint8Array): string => {
  let name = names.get(key);
  if (name === undefined) {
    name = keyedCharacters(key, 'id', 2);
    names.set(key, name);
  }
  return name;
};

const scratch = new Uint8Array(32);

/** The first characters of the HMAC of a text, see `idCharacters`. */
export const keyedCharacters = (key: Uint8Array, message: string, count: number): string =>
  idCharacters(hmacText(stateOf(key), message, scratch), count);

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.';
const values = new Int8Array(128).fill(-1);
for (let value = 0; value < digits.length; value += 1) values[digits.charCodeAt(value)] = value;

/** The first characters of a hash, six bits each, in the alphabet of FHIR ids. */
export const idCharacters = (bytes: Uint8Array, count: number): string => {
  let out = '';
  let bits = 0;
  let held = 0;
  for (let at = 0; out.length < count && at < bytes.length; at += 1) {
    held = ((held << 8) | (bytes[at] as number)) & 0xffff;
    bits += 8;
    while (bits >= 6 && out.length < count) {
      bits -= 6;
      out += digits[(held >> bits) & 63];
    }
  }
  return out;
};

/** The value of a character of that alphabet, or -1. */
export const idDigit = (unit: number): number => (unit < 128 ? (values[unit] as number) : -1);
export const idCharacter = (value: number): string => digits[value & 63] as string;

const pairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export const hex = (bytes: Uint8Array): string => {
  let out = '';
  for (let at = 0; at < bytes.length; at += 1) out += pairs[bytes[at] as number];
  return out;
};
