/** One person of a cohort: a stable name, and a few attributes, already as coarse as they may leave. */
export interface CohortRow {
  readonly person: string;
  readonly values: Readonly<Record<string, string>>;
}

export interface CohortLimits {
  /** Fewest people in a cell that is shown. */
  readonly k: number;
  /** Fewest distinct values of a sensitive attribute in a shown cell. */
  readonly l: number;
  /** Greatest distance of a cell's distribution of a sensitive attribute from that of the cohort. */
  readonly t: number;
}
/** Whatever a policy asks for. */
export const LOWEST_K = 5;

export interface CohortCell {
  readonly values: Readonly<Record<string, string>>;
  readonly people: ReadonlySet<string>;
}

const shares = (rows: readonly CohortRow[], name: string): ReadonlyMap<string, number> => {
  const found = new Map<string, number>();
  for (const { values } of rows) found.set(values[name] ?? '', (found.get(values[name] ?? '') ?? 0) + 1 / rows.length);
  return found;
};

/** Half the sum of differences: the earth mover's distance where all values are equally far apart. */
const distance = (cell: ReadonlyMap<string, number>, all: ReadonlyMap<string, number>): number => {
  let sum = 0;
  for (const [value, share] of all) sum += Math.abs(share - (cell.get(value) ?? 0));
  return sum / 2;
};

/**
 * The cells of a cohort that may be shown. Those that are small, or that tell a sensitive attribute of everyone in them, are
 * left out as if nobody were in them, and there is no total beside cells: a cell of none and one of k - 1 give the same answer.
 */
export const cohortCells = (
  rows: readonly CohortRow[],
  by: readonly string[],
  { k, l, t }: CohortLimits,
  sensitive: readonly string[] = [],
): readonly CohortCell[] => {
  const grouped = new Map<string, CohortRow[]>();
  for (const row of rows) {
    const key = JSON.stringify(by.map((name) => row.values[name] ?? ''));
    const cell = grouped.get(key);
    if (cell === undefined) grouped.set(key, [row]);
    else cell.push(row);
  }
  const guarded = sensitive.filter((name) => !by.includes(name)).map((name) => [name, shares(rows, name)] as const);
  const tells = (cell: readonly CohortRow[]): boolean =>
    guarded.some(([name, all]) => {
      const own = shares(cell, name);
      return own.size < l || distance(own, all) > t;
    });
  return [...grouped]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, cell]) => cell)
    .filter((cell) => cell.length >= Math.max(LOWEST_K, k) && !tells(cell))
    .map((cell) => ({
      values: Object.fromEntries(by.map((name) => [name, cell[0]?.values[name] ?? ''])),
      people: new Set(cell.map(({ person }) => person)),
    }));
};
