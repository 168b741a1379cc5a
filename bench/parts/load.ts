import { open as openFile } from 'node:fs/promises';

export interface Load {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Of this process, all threads, in microseconds. */
  readonly cpuPerAppend: number;
}

export const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;

/** `writers` that each wait for their acknowledgement before the next; the first fifth warms up and is not counted. */
export const drive = async (writers: number, ms: number, append: () => Promise<unknown>): Promise<Load> => {
  const began = performance.now();
  const countFrom = began + ms / 5;
  const end = began + ms;
  const waits: number[] = [];
  let cpu = process.cpuUsage();
  let counting = false;
  const writer = async (): Promise<void> => {
    for (let now = performance.now(); now < end; ) {
      const start = now;
      await append();
      now = performance.now();
      if (start < countFrom) continue;
      if (!counting) cpu = process.cpuUsage();
      counting = true;
      waits.push(now - start);
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  const used = process.cpuUsage(cpu);
  waits.sort((a, b) => a - b);
  return {
    perSecond: (waits.length * 1000) / (performance.now() - countFrom),
    p50: quantile(waits, 0.5),
    p99: quantile(waits, 0.99),
    cpuPerAppend: (used.user + used.system) / Math.max(1, waits.length),
  };
};

/** Appends offered at a fixed rate, whether or not the last ones were acknowledged. */
export const offer = async (perSecond: number, ms: number, append: () => Promise<unknown>): Promise<Load> => {
  const began = performance.now();
  const waits: number[] = [];
  let failure: unknown;
  const cpu = process.cpuUsage();
  let sent = 0;
  while (performance.now() - began < ms) {
    const due = Math.floor(((performance.now() - began) * perSecond) / 1000);
    for (; sent < due; sent++) {
      const start = performance.now();
      append().then(
        () => waits.push(performance.now() - start),
        (error) => {
          failure = error;
        },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  while (waits.length < sent && failure === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  if (failure !== undefined) throw failure;
  const used = process.cpuUsage(cpu);
  waits.sort((a, b) => a - b);
  return {
    perSecond: (waits.length * 1000) / (performance.now() - began),
    p50: quantile(waits, 0.5),
    p99: quantile(waits, 0.99),
    cpuPerAppend: (used.user + used.system) / Math.max(1, waits.length),
  };
};

/** The rival: the same number of bytes, one write and one fdatasync per group, nothing else. */
export const bareGroupCommit = async (
  path: string,
  bytes: number,
): Promise<{ append: () => Promise<void>; close: () => Promise<void> }> => {
  const file = await openFile(path, 'w');
  const record = Buffer.alloc(bytes, 7);
  let at = 0;
  let waiting: (() => void)[] = [];
  let running = false;
  const run = async (): Promise<void> => {
    running = true;
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await file.write(Buffer.concat(batch.map(() => record)), 0, bytes * batch.length, at);
      await file.datasync();
      at += bytes * batch.length;
      for (const done of batch) done();
    }
    running = false;
  };
  return {
    append: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        if (!running) void run();
      }),
    close: () => file.close(),
  };
};
