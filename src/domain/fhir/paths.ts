import { member } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';

const split = new Map<string, readonly string[]>();

/** Visits every object at a dotted path below the node, through arrays at each step. */
export const eachAt = (tape: Tape, node: number, path: string, visit: (node: number) => void): void => {
  let names = split.get(path);
  if (names === undefined) {
    names = path.split('.');
    split.set(path, names);
  }
  descend(tape, node, names, 0, visit);
};

const descend = (
  tape: Tape,
  node: number,
  names: readonly string[],
  step: number,
  visit: (node: number) => void,
): void => {
  if (tape.kind[node] === KIND.array) {
    const past = tape.next[node] as number;
    for (let element = node + 1; element < past; element = tape.next[element] as number) {
      descend(tape, element, names, step, visit);
    }
    return;
  }
  const name = names[step];
  if (name === undefined) {
    visit(node);
    return;
  }
  const value = member(tape, node, name);
  if (value >= 0) descend(tape, value, names, step + 1, visit);
};
