import { LOWEST_K } from './cohort.ts';

/** A group of people whose number somebody has been told. */
export type Counted = ReadonlySet<string>;

/** A prime below the square root of the safe integers, so that products stay exact. */
const PRIME = 67_108_859;

const power = (base: number, exponent: number): number => {
  let result = 1;
  for (let bit = base, rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = (result * bit) % PRIME;
    bit = (bit * bit) % PRIME;
  }
  return result;
};

/** The rank of a matrix of zeros and ones. */
const rank = (matrix: readonly (readonly number[])[]): number => {
  const rows = matrix.map((row): Float64Array => Float64Array.from(row));
  const width = rows[0]?.length ?? 0;
  let found = 0;
  for (let column = 0; column < width && found < rows.length; column += 1) {
    const pivot = rows.findIndex((row, at) => at >= found && row[column] !== 0);
    if (pivot < 0) continue;
    const top = rows[pivot] as Float64Array;
    rows[pivot] = rows[found] as Float64Array;
    rows[found] = top;
    const inverse = power(top[column] as number, PRIME - 2);
    for (let at = found + 1; at < rows.length; at += 1) {
      const row = rows[at] as Float64Array;
      if (row[column] === 0) continue;
      const factor = ((row[column] as number) * inverse) % PRIME;
      for (let i = column; i < width; i += 1) {
        row[i] = ((row[i] as number) + PRIME - ((factor * (top[i] as number)) % PRIME)) % PRIME;
      }
    }
    found += 1;
  }
  return found;
};

/** The parts into which the groups cut each other: which groups hold the part, and how many people are in it. */
const partsOf = (groups: readonly Counted[]): { readonly holders: readonly number[]; readonly size: number }[] => {
  const holders = new Map<string, number[]>();
  groups.forEach((group, at) => {
    for (const person of group) {
      const known = holders.get(person);
      if (known === undefined) holders.set(person, [at]);
      else known.push(at);
    }
  });
  const parts = new Map<string, { holders: readonly number[]; size: number }>();
  for (const held of holders.values()) {
    const key = held.join(' ');
    const part = parts.get(key);
    if (part === undefined) parts.set(key, { holders: held, size: 1 });
    else part.size += 1;
  }
  return [...parts.values()];
};

/**
 * True when sums and differences of the counts, in any combination, tell of parts with fewer than k people alone. Each part is
 * an unknown and each count an equation; a combination in which all large parts cancel is there exactly when the equations
 * depend on each other once the small parts are struck out (Chin and Ozsoyoglu's auditing of statistical queries, for groups).
 */
export const tellsOfFew = (groups: readonly Counted[], k: number): boolean => {
  const least = Math.max(LOWEST_K, k);
  const parts = partsOf(groups);
  const large = parts.filter(({ size }) => size >= least);
  if (large.length === parts.length) return false;
  const rows = (of: typeof parts): number[][] =>
    groups.map((_, at) => of.map(({ holders }) => (holders.includes(at) ? 1 : 0)));
  return rank(rows(large)) < rank(rows(parts));
};

export const sameGroup = (a: Counted, b: Counted): boolean =>
  a.size === b.size && [...a].every((person) => b.has(person));
