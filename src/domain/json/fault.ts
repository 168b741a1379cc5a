export type JsonFaultCode =
  | 'syntax'
  | 'truncated'
  | 'trailing'
  | 'byte-order-mark'
  | 'utf8'
  | 'surrogate'
  | 'control'
  | 'number'
  | 'duplicate-key'
  | 'depth'
  | 'entries'
  | 'size';

/** Why a document was refused, and the byte where. It never holds a byte of the document. */
export interface JsonFault {
  readonly code: JsonFaultCode;
  readonly offset: number;
}

/** Limits on one document. `entries` counts nodes of the tape: keys and values. */
export interface Limits {
  readonly bytes: number;
  readonly depth: number;
  readonly entries: number;
}

/** A tape costs 13 bytes an entry, so the worst document within these limits holds about 120 MB. */
export const defaultLimits: Limits = { bytes: 64 * 1024 * 1024, depth: 96, entries: 4_000_000 };

/** True for the faults that speak of size rather than of form: 413 rather than 400. */
export const isOverLimit = (fault: JsonFault): boolean =>
  fault.code === 'size' || fault.code === 'depth' || fault.code === 'entries';
