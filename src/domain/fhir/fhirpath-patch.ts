import { member, raw, size, stringOf, text } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { typeSchema } from './schema.ts';

/** One step of RFC 6902, with the JSON text of its value. */
export interface Edit {
  readonly op: 'add' | 'remove' | 'replace' | 'move' | 'copy';
  readonly path: string;
  readonly from?: string;
  readonly json?: string;
}

/** A place that a path names: its pointer, its node, and the type of what is there. */
interface Found {
  readonly pointer: string;
  readonly node: number;
  readonly type: string;
  readonly list: boolean;
  /** Of a choice element: which one is there, `Quantity` of `valueQuantity`. */
  readonly suffix?: string;
}

/** The plain part of FHIRPath that clients patch with: `Patient.contact[0].name`. Anything more is refused. */
const plainPath = /^([A-Z][A-Za-z]+)((?:\.[a-z][A-Za-z0-9]*(?:\[\d{1,4}\])?)*)$/;

/** The member of an object that carries an element; of a choice, the one that is there. Undefined: it cannot be read. */
const memberOf = (tape: Tape, { node, type }: Found, name: string): Found | 'absent' | undefined => {
  for (const element of typeSchema(type)?.elements.values() ?? []) {
    if (element.path !== name) continue;
    const value = member(tape, node, element.name);
    if (value < 0) continue;
    // A primitive with an id or extensions beside it is two members: an edit of one would strand the other.
    if (member(tape, node, `_${element.name}`) >= 0) return undefined;
    const found = { pointer: `/${element.name}`, node: value, type: element.type, list: element.list };
    return element.choice ? { ...found, suffix: element.name.slice(name.length) } : found;
  }
  return 'absent';
};

const elementAt = (tape: Tape, array: number, index: number): number => {
  let left = index;
  const past = tape.next[array] as number;
  for (let each = array + 1; each < past; each = tape.next[each] as number) {
    if (left === 0) return each;
    left -= 1;
  }
  return -1;
};

/** What the path names; it must be exactly one thing, but that the last step may be a whole list. */
const locate = (tape: Tape, path: string): Found | 'absent' | undefined => {
  const parts = plainPath.exec(path);
  if (parts === null || parts[1] !== stringOf(tape, member(tape, 0, 'resourceType'))) return undefined;
  let here: Found = { pointer: '', node: 0, type: parts[1] ?? '', list: false };
  const steps = (parts[2] ?? '').split('.').slice(1);
  for (const [at, step] of steps.entries()) {
    const [, name = '', index] = /^([^[]+)(?:\[(\d+)\])?$/.exec(step) ?? [];
    const inner = memberOf(tape, here, name);
    if (inner === undefined || inner === 'absent') return inner;
    const pointer = here.pointer + inner.pointer;
    here = { ...inner, pointer };
    if (tape.kind[inner.node] !== KIND.array) {
      if (index !== undefined && index !== '0') return undefined;
      continue;
    }
    if (index === undefined && at === steps.length - 1) return here;
    if (index === undefined && size(tape, inner.node) !== 1) return undefined;
    const node = elementAt(tape, inner.node, Number(index ?? '0'));
    if (node < 0) return 'absent';
    here = { pointer: `${pointer}/${index ?? '0'}`, node, type: inner.type, list: false };
  }
  return here;
};

/** The parts of one operation by name: the node of each `value[x]`, and what the x is. */
const partsOf = (
  patch: Tape,
  operation: number,
): ReadonlyMap<string, { readonly node: number; readonly suffix: string }> => {
  const parts = new Map<string, { readonly node: number; readonly suffix: string }>();
  const list = member(patch, operation, 'part');
  if (list < 0) return parts;
  const past = patch.next[list] as number;
  for (let part = list + 1; part < past; part = patch.next[part] as number) {
    const name = stringOf(patch, member(patch, part, 'name')) ?? '';
    const end = patch.next[part] as number;
    for (let key = part + 1; key < end; key = patch.next[key] as number) {
      const key_ = text(patch, key);
      // The same part twice, or a value in parts of its own (a backbone element): not read.
      if (key_.startsWith('value'))
        parts.set(name, parts.has(name) ? { node: -1, suffix: '' } : { node: key + 1, suffix: key_.slice(5) });
    }
  }
  return parts;
};

const addition = (tape: Tape, target: Found, name: string, json: string, suffix: string): Edit | undefined => {
  for (const element of typeSchema(target.type)?.elements.values() ?? []) {
    if (element.path !== name || (element.choice && element.name !== `${name}${suffix}`)) continue;
    const path = `${target.pointer}/${element.name}`;
    if (!element.list) return memberOf(tape, target, name) === 'absent' ? { op: 'add', path, json } : undefined;
    const present = member(tape, target.node, element.name);
    if (present < 0) return { op: 'add', path, json: `[${json}]` };
    return tape.kind[present] === KIND.array ? { op: 'add', path: `${path}/-`, json } : undefined;
  }
  return undefined;
};

/** FHIR has no empty lists: with its last element the list goes. */
const deletion = (tape: Tape, target: Found): Edit => {
  const parent = target.pointer.replace(/\/\d+$/, '');
  let node = 0;
  for (const step of parent.split('/').slice(1))
    node = tape.kind[node] === KIND.array ? elementAt(tape, node, Number(step)) : member(tape, node, step);
  const last = parent !== target.pointer && tape.kind[node] === KIND.array && size(tape, node) === 1;
  return { op: 'remove', path: last ? parent : target.pointer };
};

/**
 * One operation of a FHIRPath Patch (R4 fhirpatch.html) as a step of JSON Patch on the resource as it now is. `none`:
 * there is nothing to do. Undefined: the operation cannot be read here, so that nobody can judge what it would do.
 */
export const editOf = (tape: Tape, patch: Tape, operation: number): Edit | 'none' | undefined => {
  const parts = partsOf(patch, operation);
  const textOf = (name: string): string => stringOf(patch, parts.get(name)?.node ?? -1) ?? '';
  const integer = (name: string): number => {
    const node = parts.get(name)?.node ?? -1;
    const literal = node < 0 ? '' : raw(patch, node);
    return /^\d{1,4}$/.test(literal) ? Number(literal) : -1;
  };
  const value = parts.get('value');
  const json = value === undefined || value.node < 0 ? undefined : raw(patch, value.node);
  const type = textOf('type');
  const target = locate(tape, textOf('path'));
  if (target === undefined) return undefined;
  if (target === 'absent') return type === 'delete' ? 'none' : undefined;
  const inList = target.list && tape.kind[target.node] === KIND.array;
  switch (type) {
    case 'add':
      return json === undefined || inList
        ? undefined
        : addition(tape, target, textOf('name'), json, value?.suffix ?? '');
    case 'insert': {
      const index = integer('index');
      if (json === undefined || !inList || index < 0 || index > size(tape, target.node)) return undefined;
      return { op: 'add', path: `${target.pointer}/${index}`, json };
    }
    case 'delete':
      return inList && size(tape, target.node) !== 1 ? undefined : deletion(tape, target);
    case 'replace':
      if (json === undefined || inList || target.pointer === '') return undefined;
      if (target.suffix !== undefined && target.suffix !== value?.suffix) return undefined;
      return { op: 'replace', path: target.pointer, json };
    case 'move': {
      const [source, destination] = [integer('source'), integer('destination')];
      const most = inList ? size(tape, target.node) : 0;
      if (source < 0 || destination < 0 || source >= most || destination >= most) return undefined;
      return { op: 'move', from: `${target.pointer}/${source}`, path: `${target.pointer}/${destination}` };
    }
    default:
      return undefined;
  }
};
