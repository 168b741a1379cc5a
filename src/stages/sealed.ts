import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import type { Instant } from '../domain/instant.ts';
import type { Random } from '../ports.ts';

/** What the gateway hands out and takes back: opaque to the caller, and worth nothing when changed. */
export interface SealedTokens {
  /** `until` in seconds since the epoch. */
  seal(value: readonly unknown[], until: number): string;
  open(token: string, now: Instant): readonly unknown[] | 'expired' | 'unknown';
}

/** AES-256-GCM under a key of this gateway (or of all that share its data); the token carries its own expiry. */
export function sealedTokens(key: Uint8Array, random: Random): SealedTokens {
  const sealing = createSecretKey(key);
  return {
    seal(value, until) {
      const nonce = random.bytes(12);
      const cipher = createCipheriv('aes-256-gcm', sealing, nonce);
      return Buffer.concat([
        nonce,
        cipher.update(JSON.stringify([until, ...value]), 'utf8'),
        cipher.final(),
        cipher.getAuthTag(),
      ]).toString('base64url');
    },
    open(token, now) {
      const sealed = Buffer.from(token, 'base64url');
      if (sealed.length < 29) return 'unknown';
      try {
        const decipher = createDecipheriv('aes-256-gcm', sealing, sealed.subarray(0, 12));
        decipher.setAuthTag(sealed.subarray(sealed.length - 16));
        const text = Buffer.concat([
          decipher.update(sealed.subarray(12, sealed.length - 16)),
          decipher.final(),
        ]).toString('utf8');
        const [until, ...value] = JSON.parse(text) as [number, ...unknown[]];
        return until < now / 1000 ? 'expired' : value;
      } catch {
        // Not sealed with this key: forged, torn, or from before the key changed.
        return 'unknown';
      }
    },
  };
}
