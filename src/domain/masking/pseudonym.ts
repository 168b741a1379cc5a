import { hex, idCharacter, idDigit, keyedCharacters, keyedHash, keyName } from './keyed.ts';

/**
 * Pseudonyms that their key's holder can turn back. An id becomes the name of the key, 12 characters of HMAC(key, id),
 * and then the id itself under a key stream drawn from them (a synthetic IV, as in RFC 5297): equal ids agree everywhere,
 * nobody without the key can tell or invent one, and a lookup by pseudonym needs no table.
 */
const NAME = 2;
const TAG = NAME + 12;
/** FHIR ids have at most 64 characters; a longer one gets a pseudonym that only a search can find again. */
const LONGEST = 64 - TAG;

const stream = (key: Uint8Array, tag: string, length: number): string => {
  let out = '';
  for (let block = 0; out.length < length; block += 1) out += keyedCharacters(key, `s${block}${tag}`, 42);
  return out.slice(0, length);
};

const exclusive = (text: string, pad: string): string | undefined => {
  let out = '';
  for (let i = 0; i < text.length; i += 1) {
    const left = idDigit(text.charCodeAt(i));
    const right = idDigit(pad.charCodeAt(i));
    if (left < 0 || right < 0) return undefined;
    out += idCharacter(left ^ right);
  }
  return out;
};

const tagOf = (key: Uint8Array, id: string): string => keyName(key) + keyedCharacters(key, `t${id}`, TAG - NAME);

/** The id behind a pseudonym of this key, or undefined for anything else. */
export const idBehind = (key: Uint8Array, pseudonym: string): string | undefined => {
  if (pseudonym.length <= TAG || pseudonym.length > 64 || !pseudonym.startsWith(keyName(key))) return undefined;
  const tag = pseudonym.slice(0, TAG);
  const body = pseudonym.slice(TAG);
  const id = exclusive(body, stream(key, tag, body.length));
  return id !== undefined && tagOf(key, id) === tag ? id : undefined;
};

/** Room for the references of a large cohort; beyond it the cache starts anew. */
const REMEMBERED = 100_000;
const remembered = new WeakMap<Uint8Array, Map<string, string>>();

const cached = (key: Uint8Array, text: string, make: () => string): string => {
  let known = remembered.get(key);
  if (known === undefined || known.size > REMEMBERED) {
    known = new Map();
    remembered.set(key, known);
  }
  let pseudonym = known.get(text);
  if (pseudonym === undefined) {
    pseudonym = make();
    known.set(text, pseudonym);
  }
  return pseudonym;
};

/** The pseudonym of a logical id. A pseudonym of the same key stays as it is, so that masking twice is masking once. */
export const pseudonymOfId = (key: Uint8Array, id: string): string =>
  cached(key, id, () => {
    if (idBehind(key, id) !== undefined) return id;
    const tag = tagOf(key, id);
    const body = id.length <= LONGEST ? exclusive(id, stream(key, tag, id.length)) : undefined;
    return body === undefined ? `x${keyedCharacters(key, `h${id}`, 42)}` : tag + body;
  });

/** Stands where a true id was given instead of a pseudonym: always the same for the same, and of nothing there is. */
export const idOfNothing = (key: Uint8Array, id: string): string => `x${keyedCharacters(key, `n${id}`, 42)}`;

const uuidOf = (key: Uint8Array, id: string): string => {
  const bytes = keyedHash(key, `u${id}`).slice(0, 16);
  // Version 8: a UUID made in a way of one's own (RFC 9562, section 5.8). The last two bytes are a check, see below.
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const check = keyedHash(key, `c${hex(bytes.subarray(0, 12))}`);
  bytes.set(check.subarray(0, 4), 12);
  const digits = hex(bytes);
  return [8, 12, 16, 20, 32].map((end, i) => digits.slice([0, 8, 12, 16, 20][i], end)).join('-');
};

const isOwnUuid = (key: Uint8Array, uuid: string): boolean => {
  // Of the wrong version at the first look: most are.
  if (uuid.charCodeAt(14) !== 0x38) return false;
  const digits = uuid.replaceAll('-', '').toLowerCase();
  return digits.length === 32 && hex(keyedHash(key, `c${digits.slice(0, 24)}`).subarray(0, 4)) === digits.slice(24);
};

const relative =
  /^(?:https?:\/\/[^?#\s]*\/)?([A-Z][A-Za-z]+)\/([A-Za-z0-9.-]{1,64})(?:\/_history\/[A-Za-z0-9.-]{1,64})?$/;

/** The pseudonym of a reference, in a form that agrees with the pseudonym of the id it names; undefined: not a reference. */
export const pseudonymOfReference = (key: Uint8Array, reference: string): string | undefined => {
  if (reference.startsWith('urn:uuid:')) {
    const uuid = reference.slice(9);
    return `urn:uuid:${cached(key, reference, () => (isOwnUuid(key, uuid) ? uuid : uuidOf(key, uuid)))}`;
  }
  if (reference.startsWith('#')) {
    return reference === '#' ? reference : `#${pseudonymOfId(key, reference.slice(1))}`;
  }
  const match = relative.exec(reference);
  if (match !== null) return `${match[1]}/${pseudonymOfId(key, match[2] as string)}`;
  const question = /^([A-Z][A-Za-z]+)\?/.exec(reference);
  // A conditional reference holds an identifier: what is left names the same thing, and nothing more.
  if (question !== null) return `${question[1]}/${pseudonymOfId(key, `x${keyedCharacters(key, reference, 42)}`)}`;
  return undefined;
};

const MARK = 'psd.';

/** The pseudonym of an identifier's value within its system. */
export const pseudonymOfValue = (key: Uint8Array, system: string, value: string): string =>
  cached(key, `${system}|${value}`, () => {
    if (value.startsWith(MARK)) {
      const body = value.slice(MARK.length, -6);
      if (body.startsWith(keyName(key)) && value.endsWith(keyedCharacters(key, `k${body}`, 6))) return value;
    }
    const body = keyName(key) + keyedCharacters(key, `v${system}|${value}`, 22);
    return `${MARK}${body}${keyedCharacters(key, `k${body}`, 6)}`;
  });
