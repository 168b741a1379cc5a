import { KIND, type Tape } from './tape.ts';
import { decodeBytes, decodeString } from './text.ts';

/*
 * How to walk a tape:
 *   members of the object o:  for (let k = o + 1; k < tape.next[o]; k = tape.next[k]) { key k, value k + 1 }
 *   elements of the array a:  for (let v = a + 1; v < tape.next[a]; v = tape.next[v]) { element v }
 * An empty container has next[o] === o + 1.
 */

// Constants of this module are folded into the code; imported ones are looked up at every use.
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OBJECT = KIND.object;

/** The text of a string or key, unescaped; of any other node its bytes as they stand. */
export const text = (tape: Tape, node: number): string => {
  const kind = tape.kind[node];
  return kind === KIND.string || kind === KIND.key
    ? decodeString(tape.bytes, tape.start[node] as number, tape.end[node] as number)
    : raw(tape, node);
};

/** The text of a value when it is a string. */
export const stringOf = (tape: Tape, node: number): string | undefined =>
  node >= 0 && tape.kind[node] === KIND.string ? text(tape, node) : undefined;

/** The bytes of a node as they stand: of a number its literal, so that `1.00` stays `1.00`. */
export const raw = (tape: Tape, node: number): string => {
  const from = tape.start[node] as number;
  const to = tape.end[node] as number;
  if (to - from > 24) return decodeBytes(tape.bytes.subarray(from, to));
  let literal = '';
  for (let at = from; at < to; at += 1) {
    const byte = tape.bytes[at] as number;
    if (byte >= 0x80) return decodeBytes(tape.bytes.subarray(from, to));
    literal += String.fromCharCode(byte);
  }
  return literal;
};

/** True when a string or key is the given text, which MUST be ASCII. Allocates only when the node holds an escape. */
export const is = (tape: Tape, node: number, ascii: string): boolean => {
  const { bytes } = tape;
  const from = (tape.start[node] as number) + 1;
  const length = (tape.end[node] as number) - 1 - from;
  if (bytes[from - 1] !== QUOTE || length < ascii.length) return false;
  for (let i = 0; i < ascii.length; i += 1) {
    const byte = bytes[from + i] as number;
    // Without an escape so far the first difference settles it.
    if (byte === BACKSLASH) return text(tape, node) === ascii;
    if (byte !== ascii.charCodeAt(i)) return false;
  }
  return length === ascii.length;
};

/** The value of a member, or -1 when the node is no object or has no such member. The name MUST be ASCII. */
export const member = (tape: Tape, object: number, name: string): number => {
  if (object < 0 || tape.kind[object] !== OBJECT) return -1;
  const { next } = tape;
  const past = next[object] as number;
  for (let key = object + 1; key < past; key = next[key] as number) {
    if (is(tape, key, name)) return key + 1;
  }
  return -1;
};

/** The value at a path of member names, or -1. It does not pass through arrays. */
export const at = (tape: Tape, node: number, ...path: readonly string[]): number => {
  let here = node;
  for (const name of path) here = member(tape, here, name);
  return here;
};

/** Number of members of an object or elements of an array. */
export const size = (tape: Tape, container: number): number => {
  let count = 0;
  const past = tape.next[container] as number;
  for (let child = container + 1; child < past; child = tape.next[child] as number) count += 1;
  return count;
};

/** True when two subtrees are the same JSON value, member order aside; numbers are the same when their literals are. */
export const sameValue = (left: Tape, a: number, right: Tape, b: number): boolean => {
  const kind = left.kind[a];
  if (kind !== right.kind[b]) return false;
  if (kind === KIND.string) return text(left, a) === text(right, b);
  if (kind === KIND.number) return raw(left, a) === raw(right, b);
  if (kind === KIND.array) {
    const pastA = left.next[a] as number;
    const pastB = right.next[b] as number;
    let v = b + 1;
    for (let u = a + 1; u < pastA; u = left.next[u] as number) {
      if (v >= pastB || !sameValue(left, u, right, v)) return false;
      v = right.next[v] as number;
    }
    return v >= pastB;
  }
  if (kind === KIND.object) {
    if (size(left, a) !== size(right, b)) return false;
    const values = new Map<string, number>();
    const pastB = right.next[b] as number;
    for (let key = b + 1; key < pastB; key = right.next[key] as number) values.set(text(right, key), key + 1);
    const pastA = left.next[a] as number;
    for (let key = a + 1; key < pastA; key = left.next[key] as number) {
      const value = values.get(text(left, key));
      if (value === undefined || !sameValue(left, key + 1, right, value)) return false;
    }
  }
  return true;
};

/** A value as JavaScript has it, for cold paths: `__proto__` is a plain member, and numbers lose their literal. */
export const toValue = (tape: Tape, node: number): unknown => {
  switch (tape.kind[node]) {
    case KIND.object: {
      const value: Record<string, unknown> = {};
      const past = tape.next[node] as number;
      for (let key = node + 1; key < past; key = tape.next[key] as number) {
        const name = text(tape, key);
        const inner = toValue(tape, key + 1);
        if (name === '__proto__') {
          Object.defineProperty(value, name, { value: inner, enumerable: true, configurable: true, writable: true });
        } else value[name] = inner;
      }
      return value;
    }
    case KIND.array: {
      const values: unknown[] = [];
      const past = tape.next[node] as number;
      for (let element = node + 1; element < past; element = tape.next[element] as number) {
        values.push(toValue(tape, element));
      }
      return values;
    }
    case KIND.string:
    case KIND.key:
      return text(tape, node);
    case KIND.number:
      return Number(raw(tape, node));
    case KIND.true:
      return true;
    case KIND.false:
      return false;
    default:
      return null;
  }
};
