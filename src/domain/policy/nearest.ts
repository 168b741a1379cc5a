/** Edits (insert, delete, change, swap neighbours) from one word to the other. */
const distance = (from: string, to: string): number => {
  let older: number[] = [];
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const line = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1];
      let best = Math.min(
        (above[column - 1] as number) + (same ? 0 : 1),
        (above[column] as number) + 1,
        (line[column - 1] as number) + 1,
      );
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]) {
        best = Math.min(best, (older[column - 2] as number) + 1);
      }
      line.push(best);
    }
    older = above;
    above = line;
  }
  return above[to.length] as number;
};

/** The name that was most likely meant, or undefined when none is near. Case counts for little. */
export const nearestName = (word: string, names: Iterable<string>): string | undefined => {
  const lower = word.toLowerCase();
  let best: string | undefined;
  let least = Math.max(2, Math.floor(word.length / 3)) + 0.5;
  for (const name of names) {
    const steps = distance(lower, name.toLowerCase()) + (name === word ? 0 : 0.25);
    if (steps < least) {
      least = steps;
      best = name;
    }
  }
  return best;
};
