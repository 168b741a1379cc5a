import { member, stringOf } from '../json/cursor.ts';
import type { Limits } from '../json/fault.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { type Problem, problem } from '../problem.ts';
import type { Body } from './call.ts';
import { readJson, typeOf } from './classify-body.ts';

export interface Patch {
  readonly format: 'json-patch' | 'fhirpath-patch';
  readonly body: Tape;
}

const operations: ReadonlySet<string> = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);
const pointer = /^(?:\/(?:[^~/]|~[01])*)*$/;

const isJsonPatch = (tape: Tape): boolean => {
  if (tape.kind[0] !== KIND.array) return false;
  const past = tape.next[0] as number;
  for (let each = 1; each < past; each = tape.next[each] as number) {
    const op = stringOf(tape, member(tape, each, 'op'));
    const path = stringOf(tape, member(tape, each, 'path'));
    if (op === undefined || !operations.has(op) || path === undefined || !pointer.test(path)) return false;
    const from = stringOf(tape, member(tape, each, 'from'));
    if ((op === 'move' || op === 'copy') && (from === undefined || !pointer.test(from))) return false;
    const valued = op === 'add' || op === 'replace' || op === 'test';
    if (valued && member(tape, each, 'value') < 0) return false;
  }
  return past > 1;
};

/** A JSON Patch (RFC 6902) by its media type, or a FHIRPath Patch as a Parameters resource. */
export const readPatch = (body: Body, limits: Limits): Patch | Problem => {
  if (body === undefined) return problem('body-invalid');
  const media = 'tape' in body ? 'json' : body.media;
  if (media !== 'json' && media !== 'json-patch') return problem('media-unsupported');
  const tape = 'tape' in body ? body.tape : readJson(body.bytes, limits);
  if ('code' in tape) return tape;
  if (media === 'json-patch') return isJsonPatch(tape) ? { format: 'json-patch', body: tape } : problem('body-invalid');
  return typeOf(tape, 0) === 'Parameters' ? { format: 'fhirpath-patch', body: tape } : problem('body-invalid');
};
