import { keccak_256 } from '@noble/hashes/sha3.js';
import { fromHex, toBase64Url, toHex } from '../ledger/base64.ts';

/** A WebAuthn assertion as ERC-7913 verifiers of passkeys read it, with r and s of the signature in 32 bytes each. */
export interface Assertion {
  readonly r: Uint8Array;
  readonly s: Uint8Array;
  readonly authenticatorData: Uint8Array;
  readonly clientData: Uint8Array;
}

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const typeMember = '"type":"webauthn.get"';
const utf8 = new TextEncoder();

/** ERC-7913: the verifier's address and the key. `point`: the coordinates of the P-256 key, 64 bytes. */
export const passkeySigner = (verifier: string, point: Uint8Array): string =>
  `${verifier.toLowerCase()}${toHex(point)}`;

/** What the registry holds for an ERC-7913 signer. */
export function controllerOfKey(signer: string): string | undefined {
  const bytes = fromHex(signer.replace(/^0x/, ''));
  return bytes === undefined ? undefined : `0x${toHex(keccak_256(bytes)).slice(-40)}`;
}

/** The coordinates in the SubjectPublicKeyInfo of a P-256 key, which ends with the uncompressed point. */
export function pointOf(spki: Uint8Array): Uint8Array | undefined {
  return spki.length === 91 && spki[26] === 0x04 ? spki.slice(27) : undefined;
}

/** From the DER of WebAuthn. The verifier takes the lower of the two s that say the same. */
export function signatureParts(der: Uint8Array): Pick<Assertion, 'r' | 's'> | undefined {
  const r = derInteger(der, 2);
  const s = r === undefined ? undefined : derInteger(der, r.next);
  if (der[0] !== 0x30 || r === undefined || s === undefined || s.next !== der.length) return undefined;
  return { r: wordOf(r.value), s: wordOf(s.value > order / 2n ? order - s.value : s.value) };
}

/** ABI encoding of `(bytes32 r, bytes32 s, uint256 challengeIndex, uint256 typeIndex, bytes, string)`. */
export function encodeAssertion({ r, s, authenticatorData, clientData }: Assertion): string {
  const text = new TextDecoder().decode(clientData);
  // Positions count bytes; browsers write type and challenge first, before anything that is not ASCII.
  const numbers = [
    text.indexOf('"challenge":"'),
    text.indexOf(typeMember),
    192,
    224 + padded(authenticatorData.length),
  ];
  const dynamic = [authenticatorData, clientData].map(
    (bytes) => toHex(wordOf(BigInt(bytes.length))) + toHex(bytes).padEnd(padded(bytes.length) * 2, '0'),
  );
  return `0x${toHex(r)}${toHex(s)}${numbers.map((n) => toHex(wordOf(BigInt(Math.max(n, 0))))).join('')}${dynamic.join('')}`;
}

/** Strict: only what `encodeAssertion` writes. */
export function decodeAssertion(signature: string): Assertion | undefined {
  const bytes = fromHex(signature.replace(/^0x/, ''));
  if (bytes === undefined || bytes.length < 256) return undefined;
  const sizeAt = (at: number): number => Number(`0x${toHex(bytes.slice(at, at + 32)) || 'ffff'}`);
  const dataLength = sizeAt(192);
  const clientAt = 224 + padded(dataLength);
  if (!(clientAt + 32 <= bytes.length)) return undefined;
  const clientLength = sizeAt(clientAt);
  const found = {
    r: bytes.slice(0, 32),
    s: bytes.slice(32, 64),
    authenticatorData: bytes.slice(224, 224 + dataLength),
    clientData: bytes.slice(clientAt + 32, clientAt + 32 + clientLength),
  };
  return encodeAssertion(found) === `0x${toHex(bytes)}` ? found : undefined;
}

/** Whether a present and verified user was asked for exactly this digest (WebAuthn 7.2, steps 11, 12, 16 and 17). */
export function answersChallenge({ authenticatorData, clientData }: Assertion, digest: Uint8Array): boolean {
  const flags = authenticatorData[32] ?? 0;
  const backedUpThoughNotEligible = (flags & 0x18) === 0x10;
  if (authenticatorData.length < 37 || (flags & 0x05) !== 0x05 || backedUpThoughNotEligible) return false;
  const text = new TextDecoder().decode(clientData);
  return (
    // Browsers write them first and in this order (WebAuthn 5.8.1.1): nothing else in the text can pass for them.
    text.startsWith(`{${typeMember},"challenge":"${toBase64Url(digest)}"`) &&
    utf8.encode(text).length === clientData.length
  );
}

function derInteger(der: Uint8Array, at: number): { readonly value: bigint; readonly next: number } | undefined {
  const length = der[at + 1] ?? 0;
  const bytes = der.slice(at + 2, at + 2 + length);
  if (der[at] !== 0x02 || length === 0 || length > 33 || bytes.length !== length) return undefined;
  const value = BigInt(`0x${toHex(bytes)}`);
  return value > 0n && value < order ? { value, next: at + 2 + length } : undefined;
}

const wordOf = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(64, '0')) ?? new Uint8Array(32);

const padded = (length: number): number => Math.ceil(length / 32) * 32;
