import { is, raw, text } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import type { Condition, Literal, Operator } from './path.ts';

/** A condition as it runs on a node of the tape. A path that leads to several values holds when any of them does. */
export type Test = (tape: Tape, node: number) => boolean;

const eachValue = (tape: Tape, node: number, path: readonly string[], at: number, test: Test): boolean => {
  if (tape.kind[node] === KIND.array) {
    for (let item = node + 1; item < (tape.next[node] as number); item = tape.next[item] as number) {
      if (eachValue(tape, item, path, at, test)) return true;
    }
    return false;
  }
  const name = path[at];
  if (name === undefined || name === '$this') return test(tape, node);
  if (tape.kind[node] !== KIND.object) return false;
  for (let key = node + 1; key < (tape.next[node] as number); key = tape.next[key] as number) {
    if (is(tape, key, name)) return eachValue(tape, key + 1, path, at + 1, test);
  }
  return false;
};

const literalOf = (tape: Tape, node: number): Literal | undefined => {
  switch (tape.kind[node]) {
    case KIND.string:
      return text(tape, node);
    case KIND.number:
      return Number(raw(tape, node));
    case KIND.true:
      return true;
    case KIND.false:
      return false;
    default:
      return undefined;
  }
};

const comparisons: Record<Operator, (left: Literal, right: Literal) => boolean> = {
  '=': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  '<': (left, right) => typeof left === typeof right && left < right,
  '>': (left, right) => typeof left === typeof right && left > right,
  '<=': (left, right) => typeof left === typeof right && left <= right,
  '>=': (left, right) => typeof left === typeof right && left >= right,
};

/** Values that the path must hold one of, when the condition says no more than that: such conditions share one look-up. */
export const equalValues = (
  condition: Condition,
): { readonly path: readonly string[]; readonly values: readonly string[] } | undefined => {
  if (condition.kind === 'compare' && condition.operator === '=' && typeof condition.value === 'string') {
    return { path: condition.path, values: [condition.value] };
  }
  if (condition.kind === 'in' && condition.values.every((value) => typeof value === 'string')) {
    return { path: condition.path, values: condition.values as readonly string[] };
  }
  return undefined;
};

/** What a condition says of an element of which no more is known than one member; undefined: that hangs on the others. */
export const saidOf = (condition: Condition, name: string, value: string): boolean | undefined => {
  switch (condition.kind) {
    case 'not': {
      const inner = saidOf(condition.inner, name, value);
      return inner === undefined ? undefined : !inner;
    }
    case 'and':
    case 'or': {
      const settled = condition.kind === 'or';
      const parts = condition.parts.map((part) => saidOf(part, name, value));
      if (parts.includes(settled)) return settled;
      return parts.includes(undefined) ? undefined : !settled;
    }
    default:
      break;
  }
  if (condition.path.length !== 1 || condition.path[0] !== name) return undefined;
  switch (condition.kind) {
    case 'compare':
      return comparisons[condition.operator](value, condition.value);
    case 'in':
      return condition.values.includes(value);
    case 'starts':
      return value.startsWith(condition.value);
    case 'matches':
      return new RegExp(condition.value).test(value);
    case 'exists':
      return true;
  }
};

/** The closure of a condition; made when the policy loads, so that a request interprets nothing. */
export const compileCondition = (condition: Condition): Test => {
  switch (condition.kind) {
    case 'compare': {
      const { path, value } = condition;
      const compare = comparisons[condition.operator];
      const leaf: Test = (tape, node) => {
        const found = literalOf(tape, node);
        return found !== undefined && compare(found, value);
      };
      return (tape, node) => eachValue(tape, node, path, 0, leaf);
    }
    case 'in': {
      const { path } = condition;
      const values = new Set(condition.values);
      const leaf: Test = (tape, node) => {
        const found = literalOf(tape, node);
        return found !== undefined && values.has(found);
      };
      return (tape, node) => eachValue(tape, node, path, 0, leaf);
    }
    case 'starts': {
      const { path, value } = condition;
      const leaf: Test = (tape, node) => tape.kind[node] === KIND.string && text(tape, node).startsWith(value);
      return (tape, node) => eachValue(tape, node, path, 0, leaf);
    }
    case 'matches': {
      const { path } = condition;
      const pattern = new RegExp(condition.value);
      const leaf: Test = (tape, node) => tape.kind[node] === KIND.string && pattern.test(text(tape, node));
      return (tape, node) => eachValue(tape, node, path, 0, leaf);
    }
    case 'exists': {
      const { path } = condition;
      return (tape, node) => eachValue(tape, node, path, 0, () => true);
    }
    case 'not': {
      const inner = compileCondition(condition.inner);
      return (tape, node) => !inner(tape, node);
    }
    default: {
      const parts = condition.parts.map(compileCondition);
      return condition.kind === 'and'
        ? (tape, node) => parts.every((part) => part(tape, node))
        : (tape, node) => parts.some((part) => part(tape, node));
    }
  }
};
