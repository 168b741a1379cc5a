import type { Brand } from './brand.ts';

/** A request to the FHIR server, rebuilt from what was judged. */
export interface UpstreamRequest {
  readonly method: string;
  /** Path below the server's base, with query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** The only thing that `Upstream.forward` takes. Made in stages/clear.ts alone, from fully judged interactions. */
export type Cleared = Brand<UpstreamRequest, 'Cleared'>;

/** A read that the gateway makes for its own decision (the current version, a fact); never released as it is. */
export type OwnRead = Brand<UpstreamRequest, 'OwnRead'>;

export const ownRead = (path: string): OwnRead =>
  ({
    method: 'GET',
    path,
    // A server may answer from what it found a minute ago (HAPI does), and a decision is made on what is there now.
    headers: { accept: 'application/fhir+json', prefer: 'handling=strict', 'cache-control': 'no-cache' },
  }) as unknown as OwnRead;

/** An address that the upstream named for a part of a bulk export. */
export interface PlaceRequest {
  readonly method: 'GET' | 'DELETE';
  /** Absolute. */
  readonly url: string;
  readonly accept: string;
}

/** Made in stages/clear.ts alone, from a fully judged export. */
export type ClearedPlace = Brand<PlaceRequest, 'ClearedPlace'>;

/** `stage-failed`: the answer came, and the gateway itself could not read it. */
export type UpstreamFault =
  | 'upstream-unreachable'
  | 'upstream-timeout'
  | 'upstream-malformed'
  | 'upstream-error'
  | 'stage-failed';

/** Header names are lower case. The body is decoded (gzip, br) and bounded. */
export type UpstreamResponse =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Uint8Array;
    }
  | { readonly kind: 'fault'; readonly code: UpstreamFault };

/** A file that comes piece by piece, decoded. */
export type UpstreamFile =
  | {
      readonly kind: 'file';
      readonly status: number;
      readonly chunks: AsyncIterable<Uint8Array>;
      /** After the last chunk: why it is not the end of the file. */
      readonly torn: () => UpstreamFault | 'too-costly' | undefined;
    }
  | { readonly kind: 'fault'; readonly code: UpstreamFault };
