import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';

const NONCE = 12;
const TAG = 16;

/**
 * One line of text that only the key's holder can read or alter unseen: nonce, AES-256-GCM box and tag, in base64. Bytes in the place of a
 * KeyObject would cost 14 us of its 20: the runtime finds out that they are none by throwing.
 */
export const sealLine = (key: KeyObject, random: { bytes(length: number): Uint8Array }, text: string): string => {
  const nonce = random.bytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64');
};

/** `undefined`: sealed with another key, or altered. */
export const openLine = (key: KeyObject, line: string): string | undefined => {
  const box = Buffer.from(line, 'base64');
  if (box.length < NONCE + TAG) return undefined;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE), { authTagLength: TAG });
    decipher.setAuthTag(box.subarray(box.length - TAG));
    const text = decipher.update(box.subarray(NONCE, box.length - TAG)).toString('utf8');
    decipher.final();
    return text;
  } catch {
    return undefined;
  }
};
