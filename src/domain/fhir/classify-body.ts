import { is, member, stringOf, text } from '../json/cursor.ts';
import { isOverLimit, type Limits } from '../json/fault.ts';
import { scan } from '../json/scan.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { type Problem, problem } from '../problem.ts';
import type { ResourceId, ResourceType } from './interaction.ts';

/** The bytes as a tape, or the refusal. */
export const readJson = (bytes: Uint8Array, limits: Limits): Tape | Problem => {
  const scanned = scan(bytes, limits);
  if (scanned.ok) return scanned.tape;
  return problem(isOverLimit(scanned.fault) ? 'body-too-large' : 'body-invalid');
};

/** A subtree as a tape of its own over the same bytes: what an entry of a batch holds, judged as if sent alone. */
export const subTape = (tape: Tape, node: number): Tape => {
  const past = tape.next[node] as number;
  const next = tape.next.slice(node, past);
  for (let at = 0; at < next.length; at += 1) next[at] = (next[at] as number) - node;
  return {
    bytes: tape.bytes,
    view: tape.view,
    length: past - node,
    kind: tape.kind.subarray(node, past),
    start: tape.start.subarray(node, past),
    end: tape.end.subarray(node, past),
    next,
  };
};

/** The bytes of a tape's root: of an entry of a batch, its part of the whole. */
export const tapeBytes = (tape: Tape): Uint8Array => {
  const start = tape.start[0] as number;
  const end = tape.end[0] as number;
  return start === 0 && end === tape.bytes.length ? tape.bytes : tape.bytes.subarray(start, end);
};

/** The resource type that a node names, or undefined when it is no resource. */
export const typeOf = (tape: Tape, node: number): string | undefined =>
  tape.kind[node] === KIND.object ? stringOf(tape, member(tape, node, 'resourceType')) : undefined;

/** A body MUST be of the type that the URL names, and where the URL names an id, of that id. */
export const fitsUrl = (tape: Tape, type: ResourceType, id: ResourceId | undefined): boolean => {
  if (tape.kind[0] !== KIND.object) return false;
  const named = member(tape, 0, 'resourceType');
  if (named < 0 || !is(tape, named, type)) return false;
  if (id === undefined) return true;
  const own = member(tape, 0, 'id');
  return own >= 0 && tape.kind[own] === KIND.string && text(tape, own) === id;
};
