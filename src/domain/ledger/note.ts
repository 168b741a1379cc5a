import { fromBase64, fromHex, toBase64, toHex } from './base64.ts';
import { concat, equalBytes, type Hashing } from './hash.ts';

/** C2SP signed-note: a text and, after an empty line, one signature line per key. */
export interface NoteVerifier {
  readonly name: string;
  /** First four bytes of SHA-256(name, LF, type byte, public key). */
  readonly id: Uint8Array;
  verify(text: Uint8Array, signature: Uint8Array): boolean;
}

export interface NoteSigner {
  readonly name: string;
  readonly id: Uint8Array;
  sign(text: Uint8Array): Uint8Array;
}

export interface NoteSignature {
  readonly name: string;
  readonly id: Uint8Array;
  readonly signature: Uint8Array;
}

export interface ParsedNote {
  /** With its final line feed; this is what was signed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export const signatureType = { ed25519: 1, ed25519Cosignature: 4, mldsa44Cosignature: 6 } as const;

const utf8 = new TextEncoder();
const DASH = '— ';
/** Go's x/mod reads no more; a note with more is an attack on the reader. */
const MOST_SIGNATURES = 100;

/** Go's unicode.IsSpace for what a name may not hold. */
const SPACE = /[\s\u0085]/u;
const validName = (name: string): boolean =>
  name !== '' && !SPACE.test(name) && !name.includes('+') && name.isWellFormed();

export const keyId = ({ sha256 }: Hashing, name: string, type: number, publicKey: Uint8Array): Uint8Array =>
  sha256(concat(utf8.encode(`${name}\n`), Uint8Array.of(type), publicKey)).slice(0, 4);

/** `name+hex id+base64(type, key)`, as the Go tools read it. */
export const formatVerifierKey = (hashing: Hashing, name: string, type: number, publicKey: Uint8Array): string =>
  `${name}+${toHex(keyId(hashing, name, type, publicKey))}+${toBase64(concat(Uint8Array.of(type), publicKey))}`;

export interface VerifierKey {
  readonly name: string;
  readonly id: Uint8Array;
  readonly type: number;
  readonly publicKey: Uint8Array;
}

const KEY_BYTES: Readonly<Record<number, number>> = {
  [signatureType.ed25519]: 32,
  [signatureType.ed25519Cosignature]: 32,
  [signatureType.mldsa44Cosignature]: 1312,
};

export const parseVerifierKey = (hashing: Hashing, text: string): VerifierKey | undefined => {
  const first = text.indexOf('+');
  const second = text.indexOf('+', first + 1);
  if (first < 0 || second < 0) return undefined;
  const name = text.slice(0, first);
  const idText = text.slice(first + 1, second);
  const id = fromHex(idText);
  const key = fromBase64(text.slice(second + 1));
  if (!validName(name) || id?.length !== 4 || key === undefined) return undefined;
  const type = key[0] ?? 0;
  const publicKey = key.slice(1);
  if (publicKey.length !== KEY_BYTES[type] || !equalBytes(id, keyId(hashing, name, type, publicKey))) return undefined;
  return { name, id, type, publicKey };
};

const holdsControl = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 && code !== 0x0a) return true;
  }
  return false;
};

const parseSignature = (line: string): NoteSignature | undefined => {
  if (!line.startsWith(DASH)) return undefined;
  const space = line.indexOf(' ', DASH.length);
  const name = line.slice(DASH.length, space);
  const bytes = fromBase64(line.slice(space + 1));
  if (space < 0 || !validName(name) || bytes === undefined || bytes.length < 5) return undefined;
  return { name, id: bytes.slice(0, 4), signature: bytes.slice(4) };
};

/** `undefined`: not a note. Says nothing about who signed it. */
export const parseNote = (note: string): ParsedNote | undefined => {
  const gap = note.lastIndexOf('\n\n');
  if (gap < 0 || !note.endsWith('\n') || !note.isWellFormed() || holdsControl(note)) return undefined;
  const lines = note.slice(gap + 2, -1).split('\n');
  if (lines.length > MOST_SIGNATURES) return undefined;
  const signatures = lines.map(parseSignature);
  if (signatures.some((signature) => signature === undefined)) return undefined;
  return { text: note.slice(0, gap + 1), signatures: signatures.filter((s) => s !== undefined) };
};

/**
 * The text and the names of the keys that signed it. `undefined` when no known key did, or when a line that names
 * a known key does not verify: one bad line of a trusted key spoils the note, unknown keys are passed over.
 */
export const openNote = (
  note: string,
  verifiers: readonly NoteVerifier[],
): { readonly text: string; readonly signedBy: readonly string[] } | undefined => {
  const parsed = parseNote(note);
  if (parsed === undefined) return undefined;
  const text = utf8.encode(parsed.text);
  const signedBy: string[] = [];
  for (const { name, id, signature } of parsed.signatures) {
    const verifier = verifiers.find((one) => one.name === name && equalBytes(one.id, id));
    if (verifier === undefined) continue;
    if (!verifier.verify(text, signature)) return undefined;
    signedBy.push(name);
  }
  return signedBy.length > 0 ? { text: parsed.text, signedBy } : undefined;
};

export const signatureLine = ({ name, id, signature }: NoteSignature): string =>
  `${DASH}${name} ${toBase64(concat(id, signature))}\n`;

/** `text` must end with a line feed. */
export const signNote = (text: string, signers: readonly NoteSigner[]): string => {
  if (!text.endsWith('\n') || holdsControl(text))
    throw new RangeError('the text of a note ends with a line feed and has no control characters');
  const bytes = utf8.encode(text);
  return `${text}\n${signers.map(({ name, id, sign }) => signatureLine({ name, id, signature: sign(bytes) })).join('')}`;
};
