/** One person of a cohort: a few attributes, already as coarse as they may leave. */
export type CohortRow = Readonly<Record<string, string>>;

export interface CohortLimits {
  /** Fewest people in a cell that is shown. Never below 5. */
  readonly k: number;
  /** Fewest distinct values of the sensitive attribute in a shown cell. */
  readonly l: number;
  /** Greatest distance of a cell's distribution of the sensitive attribute from that of the cohort. */
  readonly t: number;
}
export const usualLimits: CohortLimits = { k: 11, l: 2, t: 0.3 };
const LOWEST_K = 5;

export interface CohortCell {
  readonly values: Readonly<Record<string, string>>;
  /** Undefined: suppressed. */
  readonly count: number | undefined;
}

export interface CohortCounts {
  readonly by: readonly string[];
  readonly cells: readonly CohortCell[];
  /** Undefined when it would give a suppressed cell away. */
  readonly total: number | undefined;
  readonly suppressed: number;
}

const cellKey = (row: CohortRow, by: readonly string[]): string => JSON.stringify(by.map((name) => row[name] ?? ''));

const grouped = (rows: readonly CohortRow[], by: readonly string[]): Map<string, CohortRow[]> => {
  const cells = new Map<string, CohortRow[]>();
  for (const row of rows) {
    const key = cellKey(row, by);
    const cell = cells.get(key);
    if (cell === undefined) cells.set(key, [row]);
    else cell.push(row);
  }
  return cells;
};

const shares = (rows: readonly CohortRow[], name: string): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(row[name] ?? '', (counts.get(row[name] ?? '') ?? 0) + 1);
  for (const [value, count] of counts) counts.set(value, count / rows.length);
  return counts;
};

/** Half the sum of differences: the earth mover's distance where all values are equally far apart. */
const distance = (cell: ReadonlyMap<string, number>, all: ReadonlyMap<string, number>): number => {
  let sum = 0;
  for (const [value, share] of all) sum += Math.abs(share - (cell.get(value) ?? 0));
  return sum / 2;
};

/**
 * Counts of a cohort by some attributes. Cells that are small, or that tell the sensitive attribute of everyone in them,
 * are suppressed; and so is the smallest other cell while a suppressed one could be had by subtraction.
 */
export const cohortCounts = (
  rows: readonly CohortRow[],
  by: readonly string[],
  limits: CohortLimits = usualLimits,
  sensitive?: string,
): CohortCounts => {
  const k = Math.max(LOWEST_K, limits.k);
  const all = sensitive === undefined ? new Map<string, number>() : shares(rows, sensitive);
  const cells = [...grouped(rows, by)].sort(([a], [b]) => (a < b ? -1 : 1));
  const hidden = new Set<string>();
  for (const [key, cell] of cells) {
    const own = sensitive === undefined ? undefined : shares(cell, sensitive);
    if (cell.length < k || (own !== undefined && (own.size < limits.l || distance(own, all) > limits.t)))
      hidden.add(key);
  }
  const open = cells.filter(([key]) => !hidden.has(key)).sort(([, a], [, b]) => a.length - b.length);
  const hiddenPeople = (): number => cells.reduce((sum, [key, cell]) => sum + (hidden.has(key) ? cell.length : 0), 0);
  // The total less all shown cells is the sum of the hidden ones: with one, or with few people in them, it tells.
  while (hidden.size > 0 && (hidden.size === 1 || hiddenPeople() < k) && open.length > 0) {
    const next = open.shift();
    if (next !== undefined) hidden.add(next[0]);
  }
  return {
    by,
    cells: cells.map(([key, cell]) => ({
      values: Object.fromEntries(by.map((name) => [name, cell[0]?.[name] ?? ''])),
      count: hidden.has(key) ? undefined : cell.length,
    })),
    total: rows.length < k || (hidden.size > 0 && (hidden.size === 1 || hiddenPeople() < k)) ? undefined : rows.length,
    suppressed: hidden.size,
  };
};

/**
 * Refuses a question whose answer, subtracted from one the requester already has, would count fewer than k people. Holds
 * what each requester has seen: one instance per gateway, kept with the requester's name as the identity stage knows it.
 */
export class DifferencingGuard {
  readonly #seen = new Map<string, ReadonlySet<string>[]>();
  readonly #k: number;
  readonly #remembered: number;

  constructor(k: number, remembered = 200) {
    this.#k = Math.max(LOWEST_K, k);
    this.#remembered = remembered;
  }

  /** True: the answer may be given, and is remembered. `people` are pseudonyms or any other stable names. */
  allows(requester: string, people: ReadonlySet<string>): boolean {
    const seen = this.#seen.get(requester) ?? [];
    for (const other of seen) {
      let shared = 0;
      for (const person of people.size < other.size ? people : other) {
        if ((people.size < other.size ? other : people).has(person)) shared += 1;
      }
      for (const rest of [people.size - shared, other.size - shared]) {
        if (shared > 0 && rest > 0 && rest < this.#k) return false;
      }
    }
    // Forgetting would open the door: whoever has asked that much asks a person.
    if (seen.length >= this.#remembered) return false;
    this.#seen.set(requester, [...seen, new Set(people)]);
    return true;
  }
}
