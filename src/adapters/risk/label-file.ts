import { linesOf, objectOf } from './event-file.ts';

export interface Label {
  readonly label: 0 | 1;
  readonly scenario: string | undefined;
  /** Labels of one case of misuse share a name. */
  readonly case?: string | undefined;
}

const yes = new Set(['1', 'true', 'yes', 'misuse', 'bad', 'malicious', 'inappropriate', 'positive', 'suspicious']);
const no = new Set(['0', 'false', 'no', 'legitimate', 'benign', 'normal', 'ok', 'good', 'appropriate', 'negative', '']);

const truth = (value: unknown): 0 | 1 | undefined => {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'number') return value > 0 ? 1 : 0;
  if (typeof value !== 'string') return undefined;
  const word = value.trim().toLowerCase();
  return yes.has(word) ? 1 : no.has(word) ? 0 : undefined;
};

const harmless = /^(alike|look-?alike|hard-?negative|legit|benign|normal|none)/i;

/**
 * Labels by line of the events file. NDJSON (`{"line": 7, "label": 1, "scenario": "family"}`; `misuse`, `bad` or `y` for `label`), bare line
 * numbers (each is misuse), CSV with or without a heading (`line,label,scenario`), plain or gzip. Without `line` the labels stand in the
 * order of the events. Lines that say nothing clear are counted, not guessed.
 */
export const readLabels = async (
  file: string,
): Promise<{ readonly labels: Map<number, Label>; readonly unclear: number }> => {
  const labels = new Map<number, Label>();
  let unclear = 0;
  let number = 0;
  let columns: readonly string[] = ['line', 'label', 'scenario'];
  for await (const chunk of linesOf(file))
    for (const raw of chunk) {
      number++;
      const line = raw.trim();
      if (line === '') continue;
      const found = line.startsWith('{') ? fromObject(objectOf(line), number) : fromCells(line, columns);
      if (found === undefined) {
        const heading = line
          .toLowerCase()
          .split(/[,;\t]/)
          .map((cell) => cell.trim().replaceAll('"', ''));
        if (number === 1 && heading.includes('line')) columns = heading;
        else unclear++;
      } else labels.set(found.line, found);
    }
  return { labels, unclear };
};

interface Found extends Label {
  readonly line: number;
}

const fromFields = (line: unknown, said: unknown, scenario: unknown): Found | undefined => {
  const at = typeof line === 'string' ? Number(line) : line;
  if (typeof at !== 'number' || !Number.isInteger(at) || at < 1) return undefined;
  const kind = typeof scenario === 'string' && scenario !== '' ? scenario : undefined;
  let label = truth(said);
  // A word that is no truth value names the kind.
  if (label === undefined && typeof said === 'string') label = harmless.test(said) ? 0 : 1;
  label ??= kind === undefined || !harmless.test(kind) ? 1 : 0;
  return {
    line: at,
    label,
    scenario: kind ?? (typeof said === 'string' && truth(said) === undefined ? said : undefined),
  };
};

const fromObject = (value: Record<string, unknown> | undefined, number: number): Found | undefined => {
  if (value === undefined) return undefined;
  const said = value.label ?? value.misuse ?? value.bad ?? value.y ?? value.malicious ?? value.inappropriate;
  const found = fromFields(value.line ?? number, said, value.scenario ?? value.kind ?? value.type);
  const name = value.case ?? value.caseId ?? value.incident;
  return found === undefined || (typeof name !== 'string' && typeof name !== 'number')
    ? found
    : { ...found, case: String(name) };
};

const fromCells = (line: string, columns: readonly string[]): Found | undefined => {
  const cells = line.split(/[,;\t]/).map((cell) => cell.trim().replaceAll('"', ''));
  const cell = (...names: readonly string[]): string | undefined =>
    cells[columns.findIndex((name) => names.includes(name))];
  return fromFields(
    cell('line'),
    cells.length === 1 ? 1 : cell('label', 'misuse', 'bad', 'y'),
    cell('scenario', 'kind'),
  );
};
