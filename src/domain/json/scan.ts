import { readAhead } from './ahead.ts';
import { escapeLength, sequenceLength } from './bytes.ts';
import { defaultLimits, type JsonFault, type JsonFaultCode, type Limits } from './fault.ts';
import { repeatedKey } from './repeated-key.ts';
import { outgrow, type Slab, slabFor } from './slab.ts';
import { KIND, type Tape } from './tape.ts';

export type Scan = { readonly ok: true; readonly tape: Tape } | { readonly ok: false; readonly fault: JsonFault };

// The compiler folds a constant of this module into the code; one that is imported is looked up for every byte.
const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OBJECT_NODE = KIND.object;
const ARRAY_NODE = KIND.array;
const KEY_NODE = KIND.key;
const STRING_NODE = KIND.string;
const NUMBER_NODE = KIND.number;
const TRUE_NODE = KIND.true;
const FALSE_NODE = KIND.false;
const NULL_NODE = KIND.null;

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

let stack = new Stack(defaultLimits.depth);

/** Smaller documents are never looked up: reading them costs as little. */
const LARGE = 65_536;

/** Objects with more keys, or with an escape in a key, are checked for repeats when they close. */
const SMALL_OBJECT = 64;

/**
 * Reads a JSON document (RFC 8259) in one pass. Beside what is not JSON it refuses: a byte order mark, invalid UTF-8,
 * lone surrogates (escaped too), keys that repeat after unescaping, and documents over the limits.
 * The bytes MUST NOT change while the tape is in use: nodes are offsets into them.
 */
export const scan = (bytes: Uint8Array, limits: Limits = defaultLimits): Scan => {
  const known = bytes.length < LARGE ? undefined : readAhead(bytes, limits);
  if (known !== undefined) return known;
  if (stack.node.length < limits.depth) stack = new Stack(limits.depth);
  // Buffer.slice shares memory where Uint8Array.slice copies: no reader of a tape shall have to know which it has.
  const plain = bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  return read(plain, limits);
};

/** What the last token had to say beside its end; here, so that reading a token allocates nothing. */
let escaped = false;
let faultCode: JsonFaultCode = 'syntax';
let faultOffset = 0;

const fault = (code: JsonFaultCode, offset: number): -1 => {
  faultCode = code;
  faultOffset = offset;
  return -1;
};

/** Per byte: 0 where a string goes on plainly, 1 where it must be looked at (quote, backslash, control, not ASCII). */
const stringStop: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte === QUOTE || byte === BACKSLASH || byte >= 0x80 ? 1 : 0,
);

/** First offset from `at` that holds no white space. */
const skipSpace = (bytes: Uint8Array, view: DataView, from: number): number => {
  const size = bytes.length;
  const lastWord = size - 4;
  let at = from;
  for (;;) {
    const byte = at < size ? (bytes[at] as number) : 0;
    if (byte !== SPACE && byte !== NEWLINE && byte !== RETURN && byte !== TAB) return at;
    at += 1;
    // One space, after a colon or a comma, is the usual case.
    if (at < size && (bytes[at] as number) > SPACE) return at;
    while (at <= lastWord) {
      const other = view.getInt32(at, true) ^ 0x20202020;
      if (other !== 0) {
        at += (31 - Math.clz32(other & -other)) >> 3;
        break;
      }
      at += 4;
    }
  }
};

/** Offset after the string whose opening quote is at `from`, or -1 with the fault kept. */
const stringEnd = (bytes: Uint8Array, view: DataView, from: number): number => {
  const size = bytes.length;
  const lastWord = size - 4;
  let at = from + 1;
  escaped = false;
  for (;;) {
    while (at <= lastWord) {
      const word = view.getInt32(at, true);
      const quotes = word ^ 0x22222222;
      const slashes = word ^ 0x5c5c5c5c;
      const stop =
        (((quotes - 0x01010101) & ~quotes) | ((slashes - 0x01010101) & ~slashes) | (word - 0x20202020) | word) &
        0x80808080;
      if (stop !== 0) {
        // The lowest mark stands in the first byte that stops; marks above it may be borrowed.
        at += (31 - Math.clz32(stop & -stop)) >> 3;
        break;
      }
      at += 4;
    }
    while (at < size && stringStop[bytes[at] as number] === 0) at += 1;
    if (at >= size) return fault('truncated', size);
    const byte = bytes[at] as number;
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) {
      const length = escapeLength(bytes, at);
      if (typeof length === 'string') return fault(length, at);
      escaped = true;
      at += length;
    } else if (byte < 0x20) {
      return fault('control', at);
    } else {
      const length = sequenceLength(bytes, at);
      if (length === 0) return fault('utf8', at);
      at += length;
    }
  }
};

const afterDigits = (bytes: Uint8Array, from: number): number => {
  const size = bytes.length;
  let at = from;
  while (at < size) {
    const byte = bytes[at] as number;
    if (byte < ZERO || byte > NINE) break;
    at += 1;
  }
  return at;
};

/** Offset after the number at `from` (RFC 8259, section 6), or -1 with the fault kept. */
const numberEnd = (bytes: Uint8Array, from: number): number => {
  const size = bytes.length;
  let at = bytes[from] === MINUS ? from + 1 : from;
  const whole = afterDigits(bytes, at);
  if (whole === at || (whole > at + 1 && bytes[at] === ZERO)) return fault('number', at);
  at = whole;
  if (at < size && bytes[at] === DOT) {
    const fraction = afterDigits(bytes, at + 1);
    if (fraction === at + 1) return fault('number', fraction);
    at = fraction;
  }
  if (at < size && ((bytes[at] as number) | 0x20) === 0x65) {
    at += 1;
    if (at < size && (bytes[at] === PLUS || bytes[at] === MINUS)) at += 1;
    const exponent = afterDigits(bytes, at);
    if (exponent === at) return fault('number', at);
    at = exponent;
  }
  return at;
};

const refuse = (code: JsonFaultCode, offset: number): Scan => ({ ok: false, fault: { code, offset } });

/** True when an earlier key of the same object has the same bytes as the key `count`. */
const repeats = (bytes: Uint8Array, { start, end, next, used }: Slab, object: number, count: number): boolean => {
  const from = start[count] as number;
  const length = (end[count] as number) - from;
  for (let key = object + 1; key < count; key = used + (next[key] as number)) {
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
  let slab = slabFor(size);
  let { kind, start, end, next } = slab;
  // Nodes are written from here on in the slab; what `next` holds counts from here.
  let base = slab.used;
  let room = Math.min(slab.capacity, base + limits.entries);
  let count = base;
  let depth = 0;
  let inObject = false;
  let wantsKey = false;
  let at = 0;

  for (;;) {
    // Here a value or a key begins.
    if (at >= size) return refuse('truncated', size);
    let byte = bytes[at] as number;
    if (byte <= SPACE) {
      at = skipSpace(bytes, view, at);
      if (at >= size) return refuse('truncated', size);
      byte = bytes[at] as number;
    }
    if (count === room) {
      if (count - base >= limits.entries) return refuse('entries', at);
      slab = outgrow(slab, count);
      ({ kind, start, end, next } = slab);
      for (let level = 0; level < depth; level += 1) open[level] = (open[level] as number) - base;
      count -= base;
      base = 0;
      room = Math.min(slab.capacity, limits.entries);
    }
    let scalar = true;
    start[count] = at;

    if (byte === QUOTE) {
      const from = at;
      at = stringEnd(bytes, view, from);
      if (at < 0) return refuse(faultCode, faultOffset);
      end[count] = at;
      if (wantsKey) {
        kind[count] = KEY_NODE;
        const level = depth - 1;
        const known = keys[level] as number;
        if (escaped) {
          keys[level] = SMALL_OBJECT + 1;
        } else if (known <= SMALL_OBJECT) {
          keys[level] = known + 1;
          const bit = 1 << ((at - from) * 7 + (bytes[from + 1] as number) * 5 + (bytes[at - 2] as number) * 3);
          const bits = bloom[level] as number;
          if ((bits & bit) !== 0 && repeats(bytes, slab, open[level] as number, count))
            return refuse('duplicate-key', from);
          bloom[level] = bits | bit;
        }
        count += 1;
        if (at < size && bytes[at] !== COLON) at = skipSpace(bytes, view, at);
        if (at >= size) return refuse('truncated', size);
        if (bytes[at] !== COLON) return refuse('syntax', at);
        at += 1;
        wantsKey = false;
        continue;
      }
      kind[count] = STRING_NODE;
    } else if (wantsKey) {
      return refuse('syntax', at);
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (depth === limits.depth) return refuse('depth', at);
      inObject = byte === OPEN_BRACE;
      kind[count] = inObject ? OBJECT_NODE : ARRAY_NODE;
      open[depth] = count;
      keys[depth] = 0;
      bloom[depth] = 0;
      depth += 1;
      count += 1;
      at += 1;
      if (at < size && (bytes[at] as number) <= SPACE) at = skipSpace(bytes, view, at);
      if (at >= size || bytes[at] !== (inObject ? CLOSE_BRACE : CLOSE_BRACKET)) {
        wantsKey = inObject;
        continue;
      }
      // Empty: the loop below closes it.
      scalar = false;
    } else if (byte === MINUS || (byte >= ZERO && byte <= NINE)) {
      kind[count] = NUMBER_NODE;
      at = numberEnd(bytes, at);
      if (at < 0) return refuse(faultCode, faultOffset);
      end[count] = at;
    } else {
      if (at + 4 > size) return refuse('syntax', at);
      const word = view.getInt32(at, true);
      if (word === 0x65757274) {
        kind[count] = TRUE_NODE;
        at += 4;
      } else if (word === 0x6c6c756e) {
        kind[count] = NULL_NODE;
        at += 4;
      } else if (word === 0x736c6166 && at + 4 < size && bytes[at + 4] === 0x65) {
        kind[count] = FALSE_NODE;
        at += 5;
      } else {
        return refuse('syntax', at);
      }
      end[count] = at;
    }
    if (scalar) {
      count += 1;
      next[count - 1] = count - base;
      if (inObject) next[count - 2] = count - base;
    }

    // Close every container that ends here, then go on to the next member or element.
    for (;;) {
      let mark = at < size ? (bytes[at] as number) : 0;
      if (mark <= SPACE) {
        at = skipSpace(bytes, view, at);
        mark = at < size ? (bytes[at] as number) : 0;
      }
      if (depth === 0) return at < size ? refuse('trailing', at) : { ok: true, tape: slab.keep(bytes, view, count) };
      if (mark === COMMA) {
        wantsKey = inObject;
        at += 1;
        break;
      }
      if (mark !== (inObject ? CLOSE_BRACE : CLOSE_BRACKET)) return refuse(at < size ? 'syntax' : 'truncated', at);
      depth -= 1;
      const container = open[depth] as number;
      if (inObject && (keys[depth] as number) > SMALL_OBJECT) {
        const key = repeatedKey(bytes, slab, container, count);
        if (key >= 0) return refuse('duplicate-key', start[key] as number);
      }
      at += 1;
      end[container] = at;
      next[container] = count - base;
      inObject = depth > 0 && kind[open[depth - 1] as number] === OBJECT_NODE;
      if (inObject) next[container - 1] = count - base;
    }
  }
};
