import { raw } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { ABSENT } from './absence.ts';
import { type Action, type Edge, unknownAction } from './automaton.ts';
import type { Editing, Outcome } from './walk-state.ts';

/** A passed element must have the shape of its type, or something else would pass under its name. */
export const fits = (tape: Tape, value: number, edge: Edge): boolean => {
  const kind = tape.kind[value];
  if (edge.element.list) return kind === KIND.array && isFlat(tape, value);
  return kind !== KIND.object && kind !== KIND.array;
};

const isFlat = ({ kind, next }: Tape, list: number): boolean => {
  for (let item = list + 1; item < (next[list] as number); item = next[item] as number) {
    if (kind[item] === KIND.object || kind[item] === KIND.array) return false;
  }
  return true;
};

/** Edits a primitive, or a list of them. */
export const editLeaf = (walk: Editing, key: number, value: number, edge: Edge): Outcome => {
  const { action } = edge;
  if (action === undefined || !fits(walk.tape, value, edge)) {
    walk.note(value, unknownAction, 'removed');
    return 'removed';
  }
  if (edge.element.list) return editList(walk, key, value, edge, action);
  if (action.method === 'hide') {
    walk.note(value, action, 'removed');
    return 'removed';
  }
  const result = action.transform?.(walk, value);
  if (result === undefined) return 'kept';
  if (result === null) return takeAway(walk, key, value, edge, action);
  walk.note(value, action, 'changed');
  const { start, end } = walk.tape;
  if (action.sibling) {
    // What the sibling had beside goes with the value.
    walk.splices.push({
      start: start[key] as number,
      end: end[value] as number,
      text: `"_${edge.element.name}":${result}`,
    });
  } else walk.splices.push({ start: start[value] as number, end: end[value] as number, text: result });
  return 'kept';
};

const takeAway = (walk: Editing, key: number, value: number, edge: Edge, action: Action): Outcome => {
  const { start, end } = walk.tape;
  if (action.absence === 'nothing' && !edge.element.required) {
    walk.note(value, action, 'removed');
    return 'removed';
  }
  walk.note(value, action, 'masked');
  walk.splices.push({
    start: start[key] as number,
    end: end[value] as number,
    text: `"_${edge.element.name}":${ABSENT}`,
  });
  return 'kept';
};

const editList = (walk: Editing, key: number, list: number, edge: Edge, action: Action): Outcome => {
  const { tape } = walk;
  const { start, end, next, kind } = tape;
  const results: (string | null | undefined)[] = [];
  for (let item = list + 1; item < (next[list] as number); item = next[item] as number) {
    results.push(kind[item] === KIND.null ? undefined : action.transform?.(walk, item));
  }
  if (results.every((result) => result === undefined)) return 'kept';
  const dropped = results.every((result) => result === null);
  if (action.method === 'hide' || (dropped && action.absence === 'nothing' && !edge.element.required)) {
    walk.note(list, action, 'removed');
    return 'removed';
  }
  walk.note(list, action, results.includes(null) ? 'masked' : 'changed');
  const { name } = edge.element;
  let item = list + 1;
  const values: string[] = [];
  const siblings: string[] = [];
  for (const result of results) {
    const old = raw(tape, item);
    if (result === undefined) {
      values.push(old);
      siblings.push('null');
    } else if (result === null) {
      values.push('null');
      siblings.push(ABSENT);
    } else {
      values.push(action.sibling ? 'null' : result);
      siblings.push(action.sibling ? result : 'null');
    }
    item = next[item] as number;
  }
  const parts: string[] = [];
  if (values.some((each) => each !== 'null')) parts.push(`"${name}":[${values.join(',')}]`);
  if (siblings.some((each) => each !== 'null')) parts.push(`"_${name}":[${siblings.join(',')}]`);
  walk.splices.push({ start: start[key] as number, end: end[list] as number, text: parts.join(',') });
  return 'kept';
};

/** True when all that stands in the primitive stays as it is, so that its id and extensions may stay beside it. */
export const staysBeside = (walk: Editing, node: number, base: number, edge: Edge, action: Action): boolean => {
  walk.holder = node;
  if (!edge.element.list) {
    const result = action.transform?.(walk, base);
    return result === undefined || (result !== null && !action.sibling);
  }
  const { next } = walk.tape;
  if (walk.tape.kind[base] !== KIND.array) return false;
  for (let item = base + 1; item < (next[base] as number); item = next[item] as number) {
    if (walk.tape.kind[item] === KIND.null) continue;
    const result = action.transform?.(walk, item);
    if (result === null || (result !== undefined && action.sibling)) return false;
  }
  return true;
};
