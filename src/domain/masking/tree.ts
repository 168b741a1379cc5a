import { raw, text } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';

/** JSON as a tree that loses nothing: a leaf is its literal as written, so `1.00` stays `1.00`. */
export type Tree = string | Tree[] | Map<string, Tree>;

export const treeOf = (tape: Tape, node: number): Tree => {
  if (tape.kind[node] === KIND.object) {
    const members = new Map<string, Tree>();
    for (let key = node + 1; key < (tape.next[node] as number); key = tape.next[key] as number) {
      members.set(text(tape, key), treeOf(tape, key + 1));
    }
    return members;
  }
  if (tape.kind[node] === KIND.array) {
    const items: Tree[] = [];
    for (let item = node + 1; item < (tape.next[node] as number); item = tape.next[item] as number) {
      items.push(treeOf(tape, item));
    }
    return items;
  }
  return tape.kind[node] === KIND.string ? JSON.stringify(text(tape, node)) : raw(tape, node);
};

export const treeText = (tree: Tree): string => {
  if (typeof tree === 'string') return tree;
  if (Array.isArray(tree)) return `[${tree.map(treeText).join(',')}]`;
  return `{${[...tree].map(([name, value]) => `${JSON.stringify(name)}:${treeText(value)}`).join(',')}}`;
};

export const sameTree = (a: Tree | undefined, b: Tree | undefined): boolean => {
  if (a === undefined || b === undefined || typeof a === 'string' || typeof b === 'string') return a === b;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => sameTree(item, b[i]));
  }
  if (Array.isArray(b) || a.size !== b.size) return false;
  return [...a].every(([name, value]) => sameTree(value, b.get(name)));
};
