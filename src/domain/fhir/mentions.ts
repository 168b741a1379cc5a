import { is, member, stringOf } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';

/**
 * Visits every literal reference below the node that may name a patient, wherever it stands, with its text; and, with
 * undefined, every Reference that names a patient by type and logical identifier or display only. Two neighbours with
 * the same text are visited once.
 */
export const eachMention = (tape: Tape, node: number, visit: (text: string | undefined) => void): void => {
  const { kind, start, end } = tape;
  const past = tape.next[node] as number;
  let last = -1;
  for (let key = node; key < past; key += 1) {
    if (kind[key] !== KIND.key) continue;
    const value = key + 1;
    if (kind[value] !== KIND.string) continue;
    if (is(tape, key, 'reference')) {
      if (cannotBePatient(tape.bytes, (start[value] as number) + 1, (end[value] as number) - 1)) continue;
      if (last >= 0 && sameBytes(tape, last, value)) continue;
      last = value;
      visit(stringOf(tape, value));
    } else if (is(tape, key, 'type') && is(tape, value, 'Patient') && isUnliteral(tape, enclosing(tape, node, key))) {
      visit(undefined);
    }
  }
};

/** True for `Type/...` where the type has not the length of Patient: most references, told without making a string. */
const cannotBePatient = (bytes: Uint8Array, from: number, to: number): boolean => {
  let at = from;
  while (at < to) {
    const letter = (bytes[at] as number) | 0x20;
    if (letter < 0x61 || letter > 0x7a) break;
    at += 1;
  }
  return at > from && at < to && bytes[at] === 0x2f && at - from !== 'Patient'.length;
};

const sameBytes = (tape: Tape, a: number, b: number): boolean => {
  const from = tape.start[a] as number;
  const other = tape.start[b] as number;
  const length = (tape.end[a] as number) - from;
  if ((tape.end[b] as number) - other !== length) return false;
  for (let i = 0; i < length; i += 1) if (tape.bytes[from + i] !== tape.bytes[other + i]) return false;
  return true;
};

/** The object that has the key: the nearest node before it whose subtree reaches past it. */
const enclosing = (tape: Tape, root: number, key: number): number => {
  let node = key - 1;
  while (node > root && !(tape.kind[node] === KIND.object && (tape.next[node] as number) > key)) node -= 1;
  return node;
};

const REFERENCE_MEMBERS: readonly string[] = ['type', 'identifier', 'display', 'id', 'extension'];

/** A Reference without a literal: nothing but a type, and an identifier or a display. `type` alone is common elsewhere. */
const isUnliteral = (tape: Tape, object: number): boolean => {
  const identifier = member(tape, object, 'identifier');
  const display = member(tape, object, 'display');
  if (identifier >= 0 ? tape.kind[identifier] !== KIND.object : display < 0) return false;
  const past = tape.next[object] as number;
  for (let key = object + 1; key < past; key = tape.next[key] as number) {
    if (!REFERENCE_MEMBERS.some((name) => is(tape, key, name) || is(tape, key, `_${name}`))) return false;
  }
  return true;
};
