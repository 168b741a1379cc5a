import type { Instant } from '../../domain/instant.ts';
import type { Random } from '../../ports.ts';
import { sealedTokens } from '../sealed.ts';

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

export function pageBook(key: Uint8Array, seconds: number, random: Random): PageBook {
  const tokens = sealedTokens(key, random);
  return {
    seal: ({ target, upstream, caller, skip, form }, now) =>
      tokens.seal([target, upstream, caller, skip, form], Math.floor(now / 1000) + seconds),
    open(token, now) {
      const opened = tokens.open(token, now);
      if (typeof opened === 'string') return opened;
      const [target, upstream, caller, skip, form] = opened as [string, string, string, number, boolean];
      return { target, upstream, caller, skip, form };
    },
  };
}
