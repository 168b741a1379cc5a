import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Instant } from '../../domain/instant.ts';
import type { Random } from '../../ports.ts';

/** Where a page of the caller begins. */
export interface PageStart {
  /** Where the upstream keeps the page: path and query below its base. Empty: the first request itself. */
  readonly upstream: string;
  /** Matches of that page which belong to the pages before, or which the caller may not see. */
  readonly skip: number;
}

export interface Page extends PageStart {
  /** The first query in normal form, below the FHIR base: judged again on each use. */
  readonly target: string;
  /** The first request was a `POST _search`. */
  readonly form: boolean;
  /** Digest of who it was made for. */
  readonly caller: string;
}

/** Paging links are opaque and sealed: an upstream's link would carry its own query past every judgement. */
export interface PageBook {
  seal(page: Page, now: Instant): string;
  open(token: string, now: Instant): Page | 'expired' | 'unknown';
}

/** AES-256-GCM under a key of this gateway (or of all that share its data); the token carries its own expiry. */
export function pageBook(key: Uint8Array, seconds: number, random: Random): PageBook {
  return {
    seal(page, now) {
      const nonce = random.bytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      const { target, upstream, caller, skip, form } = page;
      const text = JSON.stringify([Math.floor(now / 1000) + seconds, target, upstream, caller, skip, form]);
      return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
        'base64url',
      );
    },
    open(token, now) {
      const sealed = Buffer.from(token, 'base64url');
      if (sealed.length < 29) return 'unknown';
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12));
        decipher.setAuthTag(sealed.subarray(sealed.length - 16));
        const text = Buffer.concat([
          decipher.update(sealed.subarray(12, sealed.length - 16)),
          decipher.final(),
        ]).toString('utf8');
        const [until, target, upstream, caller, skip, form] = JSON.parse(text) as [
          number,
          string,
          string,
          string,
          number,
          boolean,
        ];
        return until < now / 1000 ? 'expired' : { target, upstream, caller, skip, form };
      } catch {
        // Not sealed with this key: forged, torn, or from before the key changed.
        return 'unknown';
      }
    },
  };
}
