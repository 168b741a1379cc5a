import type { Tape } from './tape.ts';

/**
 * Memory for the columns of many tapes. A typed array of its own for each column of a 2 KB document takes as long as
 * reading it (measured: half of a scan), so small tapes share slabs, each a view of its part. A slab is garbage when
 * the last of its tapes is; a tape that is kept for long keeps at most one slab.
 */
export class Slab {
  readonly capacity: number;
  readonly kind: Uint8Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly next: Int32Array;
  /** Nodes from here on are free: a reader may write them, and they are its own once kept. */
  used = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.kind = new Uint8Array(capacity);
    this.start = new Int32Array(capacity);
    this.end = new Int32Array(capacity);
    this.next = new Int32Array(capacity);
  }

  /** The free nodes up to `past` as the tape of a document; nobody else gets them again. */
  keep(bytes: Uint8Array, view: DataView, past: number): Tape {
    const from = this.used;
    const length = past - from;
    this.used = past;
    return {
      bytes,
      view,
      length,
      kind: new Uint8Array(this.kind.buffer, from, length),
      start: new Int32Array(this.start.buffer, from * 4, length),
      end: new Int32Array(this.end.buffer, from * 4, length),
      next: new Int32Array(this.next.buffer, from * 4, length),
    };
  }
}

/** 425 KB. */
const SLAB_NODES = 32_768;

let current = new Slab(SLAB_NODES);

/** A slab with room for what a document of this size usually needs. */
export const slabFor = (bytes: number): Slab => {
  // Compact FHIR has a node in 13 bytes, indented in 30; a document with more nodes outgrows its slab and moves.
  const usual = (bytes >> 3) + 16;
  if (current.capacity - current.used >= usual) return current;
  // A large document gets a slab of its own, which goes when its tape does.
  if (usual > SLAB_NODES >> 2) return new Slab(usual);
  current = new Slab(SLAB_NODES);
  return current;
};

/** The nodes from `used` up to `past`, at the beginning of a slab with twice their room. */
export const outgrow = (slab: Slab, past: number): Slab => {
  const grown = new Slab((past - slab.used) * 2);
  grown.kind.set(slab.kind.subarray(slab.used, past));
  grown.start.set(slab.start.subarray(slab.used, past));
  grown.end.set(slab.end.subarray(slab.used, past));
  grown.next.set(slab.next.subarray(slab.used, past));
  return grown;
};
