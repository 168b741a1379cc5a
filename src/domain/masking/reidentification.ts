/** Attributes of one person. */
export type QuasiRow = Readonly<Record<string, string>>;

/** How well people of a data set could be told apart by attributes that others may know of them. */
export interface ReidentificationRisk {
  readonly people: number;
  readonly by: readonly string[];
  /** Share of people whom nobody else resembles. */
  readonly unique: number;
  /** Smallest group of people who look alike. */
  readonly smallest: number;
  /** Highest chance that a match is the right person: one over the smallest group. */
  readonly highest: number;
  /** Mean chance over all people: number of groups over number of people. */
  readonly average: number;
  /** Share of people in groups smaller than eleven. */
  readonly belowEleven: number;
  /** Groups by size: size, and how many people are in groups of it. */
  readonly sizes: readonly { readonly size: number; readonly people: number }[];
}

export const reidentificationRisk = (rows: readonly QuasiRow[], by: readonly string[]): ReidentificationRisk => {
  const groups = new Map<string, number>();
  for (const row of rows) {
    const key = JSON.stringify(by.map((name) => row[name] ?? ''));
    groups.set(key, (groups.get(key) ?? 0) + 1);
  }
  const sizes = new Map<number, number>();
  for (const size of groups.values()) sizes.set(size, (sizes.get(size) ?? 0) + size);
  const share = (holds: (size: number) => boolean): number => {
    let people = 0;
    for (const [size, count] of sizes) if (holds(size)) people += count;
    return rows.length === 0 ? 0 : people / rows.length;
  };
  const smallest = groups.size === 0 ? 0 : Math.min(...groups.values());
  return {
    people: rows.length,
    by,
    unique: share((size) => size === 1),
    smallest,
    highest: smallest === 0 ? 0 : 1 / smallest,
    average: rows.length === 0 ? 0 : groups.size / rows.length,
    belowEleven: share((size) => size < 11),
    sizes: [...sizes].sort(([a], [b]) => a - b).map(([size, people]) => ({ size, people })),
  };
};

/** Sizes of groups of people who look alike, as they are usually told: alone, 2 to 4, 5 to 10, 11 to 19, 20 or more. */
const bands = [1, 4, 10, 19, Number.POSITIVE_INFINITY] as const;

/** Share of people in groups of each of the five sizes. */
export const sharesBySize = ({ sizes, people }: ReidentificationRisk): readonly number[] =>
  bands.map((to, at) => {
    const from = bands[at - 1] ?? 0;
    const inBand = sizes.filter(({ size }) => size > from && size <= to).reduce((sum, each) => sum + each.people, 0);
    return people === 0 ? 0 : inBand / people;
  });

/** Patient resources of a text: a resource, a Bundle, or one in a line. Undefined: there are none, or it is not JSON. */
export const patientsIn = (text: string): readonly Json[] | undefined => {
  try {
    const lines = text.trimStart().startsWith('{') && /\}\s*\n\s*\{/.test(text) ? text.split('\n') : [text];
    const patients = lines
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line) as { resourceType?: string; entry?: readonly { resource?: object }[] })
      .flatMap((each) => (each.resourceType === 'Bundle' ? (each.entry ?? []).map(({ resource }) => resource) : [each]))
      .filter((each) => (each as { resourceType?: string } | undefined)?.resourceType === 'Patient');
    return patients.length === 0 ? undefined : (patients as readonly Json[]);
  } catch {
    return undefined;
  }
};

type Json = Readonly<Record<string, unknown>>;

const first = (value: unknown): Json | undefined =>
  Array.isArray(value) && typeof value[0] === 'object' && value[0] !== null ? (value[0] as Json) : undefined;
const word = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What is commonly known of a person, as a Patient resource tells it, before masking or after. */
export const quasiIdentifiers = ['gender', 'birth', 'postalCode', 'state', 'race'] as const;

export const quasiRow = (patient: Json): QuasiRow => {
  const address = first(patient.address) ?? {};
  const extensions = Array.isArray(patient.extension) ? (patient.extension as Json[]) : [];
  const race = extensions.find((each) => word(each.url).endsWith('/us-core-race'));
  const category = first((race?.extension as unknown) ?? []);
  const coding = (category?.valueCoding ?? {}) as Json;
  return {
    gender: word(patient.gender),
    birth: word(patient.birthDate),
    postalCode: word(address.postalCode),
    state: word(address.state),
    race: word(coding.code),
  };
};

export interface ReidentificationReport {
  readonly before: ReidentificationRisk;
  readonly after: ReidentificationRisk;
}

/** The risk of a cohort before and after masking, over the same attributes. */
export const reidentificationReport = (
  before: readonly Json[],
  after: readonly Json[],
  by: readonly string[] = quasiIdentifiers,
): ReidentificationReport => ({
  before: reidentificationRisk(before.map(quasiRow), by),
  after: reidentificationRisk(after.map(quasiRow), by),
});
