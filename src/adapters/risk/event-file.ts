import { closeSync, createReadStream, openSync, readFileSync, readSync } from 'node:fs';
import { createGunzip, gunzipSync } from 'node:zlib';
import { timeOf } from '../../domain/risk/time.ts';

const isGzip = (file: string): boolean => {
  const head = Buffer.alloc(2);
  const descriptor = openSync(file, 'r');
  try {
    return readSync(descriptor, head, 0, 2, 0) === 2 && head[0] === 0x1f && head[1] === 0x8b;
  } finally {
    closeSync(descriptor);
  }
};

/** The lines of a file, plain or gzip (told by its first bytes); a byte order mark and carriage returns are dropped. */
export async function* linesOf(file: string): AsyncGenerator<string[]> {
  const packed = isGzip(file);
  const source = createReadStream(file, { highWaterMark: 1 << 18 });
  const stream = packed ? source.pipe(createGunzip({ chunkSize: 1 << 18 })) : source;
  // A fault of the source does not pass through a pipe by itself.
  if (stream !== source) source.on('error', (cause) => stream.destroy(cause));
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield [rest];
}

/** `undefined` when the line holds no JSON object. */
export const objectOf = (line: string): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
};

export interface EventLine {
  /** From 1. */
  readonly line: number;
  /** That of the event, or of the one before it when it has none. */
  readonly time: number;
  readonly event: Record<string, unknown>;
}

export interface Survey {
  readonly lines: number;
  readonly unreadable: number;
  readonly untimed: number;
  readonly first: number;
  readonly last: number;
  readonly before: number;
  /** Furthest that an event lies behind one that stands before it, in milliseconds. */
  readonly disorder: number;
  readonly times: Float64Array;
}

const timeIn = (line: string): number | undefined => {
  const found = /"t"\s*:\s*"([^"\\]{10,40})"/.exec(line);
  return found === null ? undefined : timeOf(found[1]);
};

/** A first, cheap pass: how many events there are, when, and whether they are in order. */
export const survey = async (file: string, until: number): Promise<Survey> => {
  let times = new Float64Array(1 << 16);
  let lines = 0;
  let unreadable = 0;
  let untimed = 0;
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  let before = 0;
  let disorder = 0;
  let previous = Number.NaN;
  for await (const chunk of linesOf(file))
    for (const line of chunk) {
      if (lines === times.length) {
        const wider = new Float64Array(lines * 2);
        wider.set(times);
        times = wider;
      }
      const time = timeIn(line);
      if (line.trim() === '') unreadable++;
      else if (time === undefined) untimed++;
      const known = time ?? previous;
      times[lines++] = known;
      previous = known;
      if (time === undefined) continue;
      if (time < until) before++;
      if (time < first) first = time;
      if (time > last) last = time;
      else disorder = Math.max(disorder, last - time);
    }
  // Events before the first time that is known take it.
  for (let index = 0; index < lines && Number.isNaN(times[index] as number); index++)
    times[index] = Number.isFinite(first) ? first : 0;
  return { lines, unreadable, untimed, first, last, before, disorder, times: times.subarray(0, lines) };
};

/** A minute of disorder changes no feature; such files are streamed as they stand. */
const TOLERATED = 60_000;

/**
 * The events in the order of time. Ordered files are streamed; others are held in memory as bytes, outside the heap, and read by offset.
 */
export async function* eventsInOrder(file: string, known: Survey): AsyncGenerator<EventLine[]> {
  if (known.disorder <= TOLERATED) {
    let number = 0;
    for await (const chunk of linesOf(file)) {
      const events: EventLine[] = [];
      for (const line of chunk) {
        number++;
        const event = objectOf(line);
        if (event !== undefined) events.push({ line: number, time: known.times[number - 1] as number, event });
      }
      yield events;
    }
    return;
  }
  const raw = readFileSync(file);
  const bytes = isGzip(file) ? gunzipSync(raw) : raw;
  const starts = new Float64Array(known.lines + 1);
  for (let number = 0, from = 0; number < known.lines; number++) {
    starts[number] = from;
    const end = bytes.indexOf(10, from);
    from = end < 0 ? bytes.length + 1 : end + 1;
    starts[number + 1] = from;
  }
  const order = Uint32Array.from({ length: known.lines }, (_, index) => index).sort(
    (a, b) => (known.times[a] as number) - (known.times[b] as number) || a - b,
  );
  for (let start = 0; start < order.length; start += 1_000) {
    const events: EventLine[] = [];
    for (const index of order.subarray(start, start + 1_000)) {
      const event = objectOf(bytes.toString('utf8', starts[index] as number, (starts[index + 1] as number) - 1));
      if (event !== undefined) events.push({ line: index + 1, time: known.times[index] as number, event });
    }
    yield events;
  }
}
