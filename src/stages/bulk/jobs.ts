import type { ResourceType } from '../../domain/fhir/interaction.ts';
import type { Instant } from '../../domain/instant.ts';
import type { Random } from '../../ports.ts';
import { sealedTokens } from '../sealed.ts';

/** Where the upstream has a part of an export: absolute addresses of its own or of a file store that it may name. */
export type JobPlace =
  | { readonly kind: 'status'; readonly url: string }
  | { readonly kind: 'file'; readonly url: string; readonly type: ResourceType }
  /** The kick-off found nothing to export: answered like a job that finds nothing. */
  | { readonly kind: 'nothing' };

/** One export of one caller. Everything the gateway must know of it is sealed in its links, so that a restart forgets nothing. */
export interface Job {
  readonly id: string;
  /** The kick-off in normal form, below the FHIR base: judged again on each use. */
  readonly target: string;
  /** Digest of who it was made for. */
  readonly caller: string;
  /** In seconds since the epoch. */
  readonly begun: number;
  readonly until: number;
  readonly place: JobPlace;
}

export interface JobBook {
  begin(target: string, caller: string, place: JobPlace, now: Instant): Job;
  /** The token of a link. */
  seal(job: Job): string;
  open(token: string, now: Instant): Job | 'expired' | 'unknown';
}

export function jobBook(key: Uint8Array, seconds: number, random: Random): JobBook {
  const tokens = sealedTokens(key, random);
  return {
    begin(target, caller, place, now) {
      const begun = Math.floor(now / 1000);
      const id = Buffer.from(random.bytes(12)).toString('hex');
      return { id, target, caller, begun, until: begun + seconds, place };
    },
    seal: ({ until, ...job }) => tokens.seal([until, job], until),
    open(token, now) {
      const opened = tokens.open(token, now);
      if (typeof opened === 'string') return opened;
      const [until, job] = opened as [number, Omit<Job, 'until'>];
      return { ...job, until };
    },
  };
}
