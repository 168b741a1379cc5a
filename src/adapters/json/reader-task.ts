import type { JsonFault, Limits } from '../../domain/json/fault.ts';

/** A document on its way to the thread; its memory moves there. */
export interface ReaderTask {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly limits: Limits;
}

/** The document on its way back, with the columns of its tape. */
export interface ReaderResult {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly scanned:
    | {
        readonly ok: true;
        readonly length: number;
        readonly kind: Uint8Array;
        readonly start: Int32Array;
        readonly end: Int32Array;
        readonly next: Int32Array;
      }
    | { readonly ok: false; readonly fault: JsonFault };
}
