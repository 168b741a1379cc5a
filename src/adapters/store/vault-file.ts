import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import type { Random } from '../../ports.ts';

/*
 * The file: a header, then records.
 *   header  magic (8) | nonce (12) | tag (16) of nothing, under the sealing key: tells a wrong master key at once
 *   record  length of the box (u32) | kind (1) | nonce (12) | box = AES-256-GCM(patient key (32) | patient id), tag last
 * A record of kind `erased` has a box of zeros: the key is gone from the disk, and the length still leads to the next.
 */
const MAGIC = Buffer.from('CSNTVLT1');
export const NONCE = 12;
const TAG = 16;
export const KEY = 32;
export const HEADER = MAGIC.length + NONCE + TAG;
const RECORD_HEAD = 4 + 1 + NONCE;
const LONGEST_BOX = 4096;

export const kinds = { key: 1, erased: 0 } as const;

export class VaultUnreadable extends Error {
  override readonly name = 'VaultUnreadable';
}

export interface VaultRecord {
  readonly patient: string;
  readonly key: Uint8Array;
  readonly offset: number;
  readonly length: number;
}

export const sealBox = (sealing: KeyObject, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): Buffer => {
  const cipher = createCipheriv('aes-256-gcm', sealing, nonce);
  cipher.setAAD(aad);
  const box = cipher.update(plain);
  cipher.final();
  return Buffer.concat([box, cipher.getAuthTag()]);
};

export const openBox = (
  sealing: KeyObject,
  nonce: Uint8Array,
  aad: Uint8Array,
  box: Uint8Array,
): Buffer | undefined => {
  try {
    const decipher = createDecipheriv('aes-256-gcm', sealing, nonce, { authTagLength: TAG });
    decipher.setAAD(aad);
    decipher.setAuthTag(box.subarray(box.length - TAG));
    const plain = decipher.update(box.subarray(0, box.length - TAG));
    decipher.final();
    return plain;
  } catch {
    return undefined;
  }
};

export const encodeHeader = (sealing: KeyObject, random: Random): Buffer => {
  const nonce = random.bytes(NONCE);
  return Buffer.concat([MAGIC, nonce, sealBox(sealing, nonce, MAGIC, Buffer.alloc(0))]);
};

export const encodeRecord = (sealing: KeyObject, random: Random, patient: string, key: Uint8Array): Buffer => {
  const nonce = random.bytes(NONCE);
  const box = sealBox(sealing, nonce, Uint8Array.of(kinds.key), Buffer.concat([key, Buffer.from(patient)]));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(box.length);
  head[4] = kinds.key;
  return Buffer.concat([head, nonce, box]);
};

/** What takes the place of a destroyed record, byte for byte. */
export const erasedRecord = (length: number): Buffer => {
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32BE(length - RECORD_HEAD);
  bytes[4] = kinds.erased;
  return bytes;
};

/**
 * The living keys of a vault file, and where its whole records end. What a crash left after that is cut off by the
 * writer. A record inside that does not open is damage or another's work: nothing is read then.
 */
export const readVault = (
  bytes: Buffer,
  sealing: KeyObject,
): { readonly records: readonly VaultRecord[]; readonly end: number } => {
  if (bytes.length < HEADER || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new VaultUnreadable('The file is not a key vault.');
  }
  const nonce = bytes.subarray(MAGIC.length, MAGIC.length + NONCE);
  if (openBox(sealing, nonce, MAGIC, bytes.subarray(MAGIC.length + NONCE, HEADER)) === undefined) {
    throw new VaultUnreadable('The key vault was sealed under another master key.');
  }
  const records: VaultRecord[] = [];
  let at = HEADER;
  while (at + RECORD_HEAD <= bytes.length) {
    const boxLength = bytes.readUInt32BE(at);
    const length = RECORD_HEAD + boxLength;
    if (at + length > bytes.length) break;
    if (boxLength < TAG + KEY || boxLength > LONGEST_BOX) throw new VaultUnreadable('The key vault is damaged.');
    const kind = bytes[at + 4];
    if (kind !== kinds.erased) {
      const box = bytes.subarray(at + RECORD_HEAD, at + length);
      const plain = openBox(sealing, bytes.subarray(at + 5, at + RECORD_HEAD), Uint8Array.of(kinds.key), box);
      if (plain === undefined) {
        // A torn last write is no damage: its registration was never acknowledged.
        if (at + length === bytes.length) break;
        throw new VaultUnreadable('The key vault is damaged.');
      }
      const key = Uint8Array.from(plain.subarray(0, KEY));
      records.push({ patient: plain.toString('utf8', KEY), key, offset: at, length });
    }
    at += length;
  }
  return { records, end: at };
};
