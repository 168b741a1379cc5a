import type { Checkpoint } from './checkpoint.ts';
import { formatCheckpoint } from './checkpoint.ts';
import { concat } from './hash.ts';
import { signatureType } from './note.ts';

/** C2SP tlog-cosignature: a statement that the signer saw a consistent log with this root, at this time. */
const utf8 = new TextEncoder();
const LABEL = utf8.encode('subtree/v1\n\0');

const u64 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
};

const opaque8 = (text: string): Uint8Array => {
  const bytes = utf8.encode(text);
  return concat(Uint8Array.of(bytes.length), bytes);
};

/** The bytes that are signed. `cosigner` counts only for ML-DSA-44, which commits to the name. */
export const cosignedMessage = (type: number, checkpoint: Checkpoint, seconds: number, cosigner: string): Uint8Array =>
  type === signatureType.mldsa44Cosignature
    ? concat(
        LABEL,
        opaque8(cosigner),
        u64(seconds),
        opaque8(checkpoint.origin),
        u64(0),
        u64(checkpoint.size),
        checkpoint.root,
      )
    : utf8.encode(`cosignature/v1\ntime ${seconds}\n${formatCheckpoint(checkpoint)}`);

export const joinTimed = (seconds: number, signature: Uint8Array): Uint8Array => concat(u64(seconds), signature);

export const splitTimed = (
  signature: Uint8Array,
): { readonly seconds: number; readonly signature: Uint8Array } | undefined => {
  if (signature.length <= 8) return undefined;
  const seconds = new DataView(signature.buffer, signature.byteOffset, 8).getBigUint64(0);
  return seconds > BigInt(Number.MAX_SAFE_INTEGER)
    ? undefined
    : { seconds: Number(seconds), signature: signature.subarray(8) };
};
