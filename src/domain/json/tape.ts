/** What a node of the tape is. A `key` node is followed by the nodes of its value. */
export const KIND = { object: 0, array: 1, key: 2, string: 3, number: 4, true: 5, false: 6, null: 7 } as const;

/**
 * A JSON document as a flat list of nodes in document order; node 0 is the root value. No object per node: each
 * column is a typed array, and an offset is a byte offset into `bytes`. Strings stay where they are, quotes included.
 */
export interface Tape {
  readonly bytes: Uint8Array;
  /** The same bytes, to be read four at a time. */
  readonly view: DataView;
  readonly length: number;
  /** One of KIND for each node. */
  readonly kind: Uint8Array;
  /** Offset of the first byte: the opening quote, brace or bracket. */
  readonly start: Int32Array;
  /** Offset after the last byte: after the closing quote, brace or bracket. */
  readonly end: Int32Array;
  /** Index of the node after this node's subtree; of a key: the index of the node after its value. */
  readonly next: Int32Array;
}
