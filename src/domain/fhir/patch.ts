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

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** In a Bundle a JSON Patch travels as a Binary (R4 http.html#patch). */
const inBinary = (binary: Tape, limits: Limits): Tape | Problem => {
  const data = stringOf(binary, member(binary, 0, 'data'));
  if (stringOf(binary, member(binary, 0, 'contentType')) !== 'application/json-patch+json')
    return problem('media-unsupported');
  if (data === undefined || !base64.test(data)) return problem('body-invalid');
  return readJson(
    Uint8Array.from(atob(data), (unit) => unit.charCodeAt(0)),
    limits,
  );
};

const jsonPatch = (tape: Tape | Problem): Patch | Problem => {
  if ('code' in tape) return tape;
  return isJsonPatch(tape) ? { format: 'json-patch', body: tape } : problem('body-invalid');
};

/** A JSON Patch (RFC 6902) by its media type or within a Binary, or a FHIRPath Patch as a Parameters resource. */
export const readPatch = (body: Body, limits: Limits): Patch | Problem => {
  if (body === undefined) return problem('body-invalid');
  if (!('tape' in body)) {
    if (body.media === 'json-patch') return jsonPatch(readJson(body.bytes, limits));
    if (body.media !== 'json') return problem('media-unsupported');
  }
  const tape = 'tape' in body ? body.tape : readJson(body.bytes, limits);
  if ('code' in tape) return tape;
  const type = typeOf(tape, 0);
  if (type === 'Binary' && 'tape' in body) return jsonPatch(inBinary(tape, limits));
  return type === 'Parameters' ? { format: 'fhirpath-patch', body: tape } : problem('body-invalid');
};
