import { derivedKey, hex, keyedHash } from './keyed.ts';

/**
 * Values that the holders of a key can read again. Deterministic with a synthetic IV over path-free plain text: equal
 * values agree, as a search by value needs, and a changed one does not open. The key's id goes along for rotation.
 */
const MARK = 'enc.';
const IV = 16;

const toBase64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');

const fromBase64Url = (text: string): Uint8Array | undefined => {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return undefined;
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  // One text has one sealed form: spare bits at the end must be zero.
  return toBase64Url(bytes) === text ? bytes : undefined;
};

const keyId = (key: Uint8Array): string => hex(keyedHash(key, 'id').subarray(0, 4));

const applied = (key: Uint8Array, iv: Uint8Array, text: Uint8Array): Uint8Array => {
  const out = new Uint8Array(text.length);
  const seed = hex(iv);
  for (let block = 0; block * 32 < text.length; block += 1) {
    const pad = keyedHash(key, `${seed}.${block}`);
    const end = Math.min(text.length, block * 32 + 32);
    for (let i = block * 32; i < end; i += 1) out[i] = (text[i] as number) ^ (pad[i - block * 32] as number);
  }
  return out;
};

export const encrypt = (key: Uint8Array, text: string): string => {
  if (decrypt(key, text) !== undefined) return text;
  const iv = keyedHash(derivedKey(key, 'iv'), text).subarray(0, IV);
  const body = applied(derivedKey(key, 'stream'), iv, new TextEncoder().encode(text));
  const joined = new Uint8Array(IV + body.length);
  joined.set(iv);
  joined.set(body, IV);
  return `${MARK}${keyId(key)}.${toBase64Url(joined)}`;
};

/** The text, when it was encrypted under this key and not changed since. */
export const decrypt = (key: Uint8Array, sealed: string): string | undefined => {
  if (!sealed.startsWith(`${MARK}${keyId(key)}.`)) return undefined;
  const bytes = fromBase64Url(sealed.slice(MARK.length + 9));
  if (bytes === undefined || bytes.length < IV) return undefined;
  const iv = bytes.subarray(0, IV);
  const text = new TextDecoder().decode(applied(derivedKey(key, 'stream'), iv, bytes.subarray(IV)));
  const expected = keyedHash(derivedKey(key, 'iv'), text).subarray(0, IV);
  return hex(expected) === hex(iv) ? text : undefined;
};
