import { member, raw, sameValue, size, stringOf, text } from '../json/cursor.ts';
import { isOverLimit, type Limits } from '../json/fault.ts';
import { scan } from '../json/scan.ts';
import { applySplices, removeElement, removeMember, replaceNode } from '../json/splice.ts';
import { KIND, type Tape } from '../json/tape.ts';
import type { Splice } from '../masking/plan.ts';
import { type Problem, problem } from '../problem.ts';
import { type Edit, editOf } from './fhirpath-patch.ts';
import type { Patch } from './patch.ts';

/** Where a pointer leads: a container, and the place in it. `node` is -1 where there is nothing yet. */
interface Place {
  readonly container: number;
  readonly token: string;
  readonly node: number;
}

const tokensOf = (pointer: string): readonly string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));

const elementAt = (tape: Tape, array: number, token: string): number => {
  if (!/^(?:0|[1-9]\d{0,6})$/.test(token)) return -1;
  let left = Number(token);
  const past = tape.next[array] as number;
  for (let each = array + 1; each < past; each = tape.next[each] as number) {
    if (left === 0) return each;
    left -= 1;
  }
  return -1;
};

const keyOf = (tape: Tape, object: number, name: string): number => {
  const past = tape.next[object] as number;
  for (let key = object + 1; key < past; key = tape.next[key] as number) if (text(tape, key) === name) return key;
  return -1;
};

const childOf = (tape: Tape, container: number, token: string): number => {
  if (tape.kind[container] === KIND.array) return elementAt(tape, container, token);
  if (tape.kind[container] !== KIND.object) return -1;
  const key = keyOf(tape, container, token);
  return key < 0 ? -1 : key + 1;
};

/** RFC 6901. Undefined: something on the way is not there. The root has no place: a patch may not replace the resource. */
const placeOf = (tape: Tape, pointer: string): Place | undefined => {
  const tokens = tokensOf(pointer);
  const token = tokens.at(-1);
  if (token === undefined) return undefined;
  let container = 0;
  for (const step of tokens.slice(0, -1)) {
    container = childOf(tape, container, step);
    if (container < 0) return undefined;
  }
  const kind = tape.kind[container];
  if (kind !== KIND.object && kind !== KIND.array) return undefined;
  return { container, token, node: childOf(tape, container, token) };
};

const removal = (tape: Tape, { container, node }: Place): readonly Splice[] =>
  tape.kind[container] === KIND.array ? removeElement(tape, container, node) : removeMember(tape, container, node - 1);

/** RFC 6902 section 4.1: a member is set, an element put before the one at its index, `-` is after the last. */
const addition = (tape: Tape, place: Place, json: string): Splice | undefined => {
  const { container, token, node } = place;
  const past = (tape.end[container] as number) - 1;
  const empty = tape.next[container] === container + 1;
  const inArray = tape.kind[container] === KIND.array;
  if (!inArray && node >= 0) return replaceNode(tape, node, json);
  if (!inArray) return insertion(past, `${empty ? '' : ','}${JSON.stringify(token)}:${json}`);
  if (node >= 0) return insertion(tape.start[node] as number, `${json},`);
  if (token !== '-' && token !== String(size(tape, container))) return undefined;
  return insertion(past, `${empty ? '' : ','}${json}`);
};

const insertion = (at: number, json: string): Splice => ({ start: at, end: at, text: json });

const rescan = (tape: Tape, splices: readonly Splice[], limits: Limits): Tape | Problem => {
  const edited = applySplices(tape.bytes, splices, { start: tape.start[0] as number, end: tape.end[0] as number });
  const scanned = scan(edited, limits);
  if (scanned.ok) return scanned.tape;
  return problem(isOverLimit(scanned.fault) ? 'body-too-large' : 'body-invalid');
};

const unfit = problem('body-invalid');

const remove = (tape: Tape, place: Place | undefined, limits: Limits): Tape | Problem =>
  place === undefined || place.node < 0 ? unfit : rescan(tape, removal(tape, place), limits);

const add = (tape: Tape, place: Place | undefined, json: string, limits: Limits): Tape | Problem => {
  const splice = place === undefined ? undefined : addition(tape, place, json);
  return splice === undefined ? unfit : rescan(tape, [splice], limits);
};

const edit = (tape: Tape, { op, path, from = '', json }: Edit, limits: Limits): Tape | Problem => {
  const place = placeOf(tape, path);
  switch (op) {
    case 'add':
      return json === undefined ? unfit : add(tape, place, json, limits);
    case 'remove':
      return remove(tape, place, limits);
    case 'replace':
      return place === undefined || place.node < 0 || json === undefined
        ? unfit
        : rescan(tape, [replaceNode(tape, place.node, json)], limits);
    case 'copy':
    case 'move': {
      const source = placeOf(tape, from);
      if (source === undefined || source.node < 0 || path.startsWith(`${from}/`)) return unfit;
      const moved = raw(tape, source.node);
      if (op === 'copy') return add(tape, place, moved, limits);
      const without = remove(tape, source, limits);
      return 'code' in without ? without : add(without, placeOf(without, path), moved, limits);
    }
  }
};

const ops: ReadonlySet<string> = new Set(['add', 'remove', 'replace', 'move', 'copy']);

const isEditOp = (op: string | undefined): op is Edit['op'] => op !== undefined && ops.has(op);

const jsonPatchStep = (tape: Tape, patch: Tape, operation: number, limits: Limits): Tape | Problem => {
  const op = stringOf(patch, member(patch, operation, 'op'));
  const path = stringOf(patch, member(patch, operation, 'path')) ?? '';
  const from = stringOf(patch, member(patch, operation, 'from')) ?? '';
  const value = member(patch, operation, 'value');
  if (op === 'test') {
    const place = placeOf(tape, path);
    return place !== undefined && value >= 0 && place.node >= 0 && sameValue(tape, place.node, patch, value)
      ? tape
      : unfit;
  }
  if (!isEditOp(op)) return unfit;
  return edit(tape, value < 0 ? { op, path, from } : { op, path, from, json: raw(patch, value) }, limits);
};

const fhirPathStep = (tape: Tape, patch: Tape, operation: number, limits: Limits): Tape | Problem => {
  if (stringOf(patch, member(patch, operation, 'name')) !== 'operation') return unfit;
  const found = editOf(tape, patch, operation);
  if (found === undefined) return unfit;
  return found === 'none' ? tape : edit(tape, found, limits);
};

/**
 * The resource after a patch: what the caller would have sent with PUT, so that a patch is judged like an update. Give
 * it the caller's masked view: a `test` or `copy` then tells nothing that the mask hides. Numbers and everything that
 * the patch leaves alone keep their bytes. The type and the id of the resource cannot be patched.
 */
export const applyPatch = (resource: Tape, { format, body }: Patch, limits: Limits): Tape | Problem => {
  const list = format === 'json-patch' ? 0 : member(body, 0, 'parameter');
  if (list < 0 || body.kind[list] !== KIND.array) return unfit;
  const step = format === 'json-patch' ? jsonPatchStep : fhirPathStep;
  let tape = resource;
  const past = body.next[list] as number;
  for (let operation = list + 1; operation < past; operation = body.next[operation] as number) {
    const next = step(tape, body, operation, limits);
    if ('code' in next) return next;
    tape = next;
  }
  return sameMember(resource, tape, 'resourceType') && sameMember(resource, tape, 'id') ? tape : unfit;
};

const sameMember = (before: Tape, after: Tape, name: string): boolean => {
  const was = member(before, 0, name);
  const is = member(after, 0, name);
  return was >= 0 && is >= 0 && sameValue(before, was, after, is);
};
