import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createGzip } from 'node:zlib';
import { type SimulationOptions, simulate } from '../../domain/risk/simulator/simulate.ts';

export interface SimulateFiles {
  readonly events: string;
  readonly context: string;
  readonly labels: string;
}

export interface SimulatedCounts {
  readonly events: number;
  readonly facts: number;
  readonly misuse: number;
  readonly cases: number;
}

class Writer {
  readonly #file: WriteStream;
  readonly #gzip: ReturnType<typeof createGzip> | undefined;
  #text = '';

  constructor(path: string) {
    this.#file = createWriteStream(path);
    this.#gzip = path.endsWith('.gz') ? createGzip() : undefined;
    this.#gzip?.pipe(this.#file);
  }

  async line(value: unknown): Promise<void> {
    this.#text += `${JSON.stringify(value)}\n`;
    if (this.#text.length < 1 << 16) return;
    const target = this.#gzip ?? this.#file;
    const text = this.#text;
    this.#text = '';
    if (!target.write(text)) await once(target, 'drain');
  }

  async close(): Promise<void> {
    (this.#gzip ?? this.#file).end(this.#text);
    await once(this.#file, 'finish');
  }
}

/** Writes a simulated hospital to three files; a name that ends in .gz is packed. */
export const simulateToFiles = async (
  options: SimulationOptions,
  files: SimulateFiles,
  onDay: (day: number) => void,
): Promise<SimulatedCounts> => {
  const events = new Writer(files.events);
  const context = new Writer(files.context);
  const labels = new Writer(files.labels);
  const counts = { events: 0, facts: 0, misuse: 0 };
  const cases = new Set<string>();
  const start = Date.parse(options.start);
  let day = -1;
  for (const item of simulate(options)) {
    if (item.kind === 'fact') {
      counts.facts++;
      await context.line(item.fact);
      continue;
    }
    const { told, line } = item;
    counts.events++;
    await events.line(told.event);
    if (told.scenario !== undefined)
      await labels.line({
        line,
        label: told.label,
        scenario: told.scenario,
        ...(told.case === undefined ? {} : { case: told.case }),
      });
    if (told.label === 1) counts.misuse++;
    if (told.case !== undefined) cases.add(told.case);
    const now = Math.floor((told.time - start) / 86_400_000);
    if (now <= day) continue;
    day = now;
    onDay(day);
  }
  await Promise.all([events.close(), context.close(), labels.close()]);
  return { ...counts, cases: cases.size };
};
