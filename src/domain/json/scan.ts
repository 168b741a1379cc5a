import { BYTE } from './bytes.ts';
import { defaultLimits, type JsonFault, type JsonFaultCode, type Limits } from './fault.ts';
import { repeatedKey } from './repeated-key.ts';
import { KIND, type Tape } from './tape.ts';
import { numberEnd, skipSpace, stringEnd, token } from './token.ts';

export type Scan = { readonly ok: true; readonly tape: Tape } | { readonly ok: false; readonly fault: JsonFault };

/**
 * The columns while a document is read. They are kept between calls (a scan never yields, so no two share them) and
 * what is handed out is a copy of the right size: a tape lives as long as its holder wants, and needs no release.
 */
class Columns {
  kind = new Uint8Array(0);
  start = new Int32Array(0);
  end = new Int32Array(0);
  next = new Int32Array(0);

  resize(capacity: number): void {
    const grown = <Column extends Uint8Array | Int32Array>(into: Column, from: Column): Column => {
      into.set(from.subarray(0, capacity));
      return into;
    };
    this.kind = grown(new Uint8Array(capacity), this.kind);
    this.start = grown(new Int32Array(capacity), this.start);
    this.end = grown(new Int32Array(capacity), this.end);
    this.next = grown(new Int32Array(capacity), this.next);
  }
}

/** The open containers by depth. */
class Stack {
  readonly node: Int32Array;
  /** Keys so far. */
  readonly keys: Int32Array;
  /** One bit per fingerprint of a key: while a key's bit is new, the key is. */
  readonly bloom: Int32Array;

  constructor(depth: number) {
    this.node = new Int32Array(depth);
    this.keys = new Int32Array(depth);
    this.bloom = new Int32Array(depth);
  }
}

const KEPT_CAPACITY = 1 << 16;
const columns = new Columns();
columns.resize(KEPT_CAPACITY);
let stack = new Stack(defaultLimits.depth);

/** Objects with more keys, or with an escape in a key, are checked for repeats when they close. */
const SMALL_OBJECT = 16;

/**
 * Reads a JSON document (RFC 8259) in one pass. Beside what is not JSON it refuses: a byte order mark, invalid UTF-8,
 * lone surrogates (escaped too), keys that repeat after unescaping, and documents over the limits.
 * The bytes MUST NOT change while the tape is in use: nodes are offsets into them.
 */
export const scan = (bytes: Uint8Array, limits: Limits = defaultLimits): Scan => {
  if (stack.node.length < limits.depth) stack = new Stack(limits.depth);
  const outcome = read(bytes, limits);
  // One huge document must not pin its columns for the life of the process.
  if (columns.kind.length > KEPT_CAPACITY) columns.resize(KEPT_CAPACITY);
  return outcome;
};

const refuse = (code: JsonFaultCode, offset: number): Scan => ({ ok: false, fault: { code, offset } });

/** True when an earlier key of the same object has the same bytes as the key `count`. */
const repeats = (bytes: Uint8Array, object: number, count: number): boolean => {
  const { start, end, next } = columns;
  const from = start[count] as number;
  const length = (end[count] as number) - from;
  for (let key = object + 1; key < count; key = next[key] as number) {
    const other = start[key] as number;
    if ((end[key] as number) - other !== length) continue;
    let same = 1;
    while (same < length && bytes[other + same] === bytes[from + same]) same += 1;
    if (same === length) return true;
  }
  return false;
};

// One function on purpose: the loop's state stays in registers, and a token costs at most one call.
const read = (bytes: Uint8Array, limits: Limits): Scan => {
  const size = bytes.length;
  if (size > limits.bytes) return refuse('size', limits.bytes);
  if (size >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return refuse('byte-order-mark', 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  const { node: open, keys, bloom } = stack;
  let { kind, start, end, next } = columns;
  let room = Math.min(kind.length, limits.entries);
  let count = 0;
  let depth = 0;
  let inObject = false;
  let wantsKey = false;
  let at = 0;

  for (;;) {
    // Here a value or a key begins.
    if (at < size && (bytes[at] as number) <= BYTE.space) at = skipSpace(bytes, view, at);
    if (at >= size) return refuse('truncated', size);
    if (count === room) {
      if (count >= limits.entries) return refuse('entries', at);
      columns.resize(kind.length * 2);
      ({ kind, start, end, next } = columns);
      room = Math.min(kind.length, limits.entries);
    }
    const byte = bytes[at] as number;
    let scalar = true;
    start[count] = at;

    if (byte === BYTE.quote) {
      const from = at;
      at = stringEnd(bytes, view, from);
      if (at < 0) return refuse(token.fault, token.offset);
      end[count] = at;
      if (wantsKey) {
        kind[count] = KIND.key;
        const level = depth - 1;
        const known = keys[level] as number;
        if (token.escaped) {
          keys[level] = SMALL_OBJECT + 1;
        } else if (known <= SMALL_OBJECT) {
          keys[level] = known + 1;
          const bit = 1 << ((at - from) * 7 + (bytes[from + 1] as number) * 5 + (bytes[at - 2] as number) * 3);
          const bits = bloom[level] as number;
          if ((bits & bit) !== 0 && repeats(bytes, open[level] as number, count)) return refuse('duplicate-key', from);
          bloom[level] = bits | bit;
        }
        count += 1;
        if (at < size && bytes[at] !== BYTE.colon) at = skipSpace(bytes, view, at);
        if (at >= size) return refuse('truncated', size);
        if (bytes[at] !== BYTE.colon) return refuse('syntax', at);
        at += 1;
        wantsKey = false;
        continue;
      }
      kind[count] = KIND.string;
    } else if (wantsKey) {
      return refuse('syntax', at);
    } else if (byte === BYTE.openBrace || byte === BYTE.openBracket) {
      if (depth === limits.depth) return refuse('depth', at);
      inObject = byte === BYTE.openBrace;
      kind[count] = inObject ? KIND.object : KIND.array;
      open[depth] = count;
      keys[depth] = 0;
      bloom[depth] = 0;
      depth += 1;
      count += 1;
      at += 1;
      if (at < size && (bytes[at] as number) <= BYTE.space) at = skipSpace(bytes, view, at);
      if (at >= size || bytes[at] !== (inObject ? BYTE.closeBrace : BYTE.closeBracket)) {
        wantsKey = inObject;
        continue;
      }
      // Empty: the loop below closes it.
      scalar = false;
    } else if (byte === BYTE.minus || (byte >= BYTE.zero && byte <= BYTE.nine)) {
      kind[count] = KIND.number;
      at = numberEnd(bytes, at);
      if (at < 0) return refuse(token.fault, token.offset);
      end[count] = at;
    } else {
      if (at + 4 > size) return refuse('syntax', at);
      const word = view.getInt32(at, true);
      if (word === 0x65757274) {
        kind[count] = KIND.true;
        at += 4;
      } else if (word === 0x6c6c756e) {
        kind[count] = KIND.null;
        at += 4;
      } else if (word === 0x736c6166 && at + 4 < size && bytes[at + 4] === 0x65) {
        kind[count] = KIND.false;
        at += 5;
      } else {
        return refuse('syntax', at);
      }
      end[count] = at;
    }
    if (scalar) {
      count += 1;
      next[count - 1] = count;
      if (inObject) next[count - 2] = count;
    }

    // Close every container that ends here, then go on to the next member or element.
    for (;;) {
      if (at < size && (bytes[at] as number) <= BYTE.space) at = skipSpace(bytes, view, at);
      if (depth === 0) return at < size ? refuse('trailing', at) : { ok: true, tape: handOut(bytes, count) };
      if (at >= size) return refuse('truncated', size);
      const mark = bytes[at] as number;
      if (mark === BYTE.comma) {
        wantsKey = inObject;
        at += 1;
        break;
      }
      if (mark !== (inObject ? BYTE.closeBrace : BYTE.closeBracket)) return refuse('syntax', at);
      depth -= 1;
      const container = open[depth] as number;
      if (inObject && (keys[depth] as number) > SMALL_OBJECT) {
        const key = repeatedKey(bytes, start, end, next, container, count);
        if (key >= 0) return refuse('duplicate-key', start[key] as number);
      }
      at += 1;
      end[container] = at;
      next[container] = count;
      inObject = depth > 0 && kind[open[depth - 1] as number] === KIND.object;
      if (inObject) next[container - 1] = count;
    }
  }
};

const handOut = (bytes: Uint8Array, length: number): Tape => ({
  bytes,
  length,
  kind: columns.kind.slice(0, length),
  start: columns.start.slice(0, length),
  end: columns.end.slice(0, length),
  next: columns.next.slice(0, length),
});
