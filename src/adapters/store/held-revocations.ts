import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Revocations that were taken in from peers, as JSON lines: they hold over a restart until the chain has them. */
export interface HeldRevocations<Held> {
  /** What was held at the last stop. */
  readonly before: readonly Held[];
  /** Resolves when it is durable. */
  add(held: Held): Promise<void>;
  close(): Promise<void>;
}

/** @param wanted Whether a line of the last run is still of use; the file is rewritten without the others. */
export async function openHeldRevocations<Held extends object>(
  file: string,
  wanted: (held: unknown) => held is Held,
): Promise<HeldRevocations<Held>> {
  mkdirSync(dirname(file), { recursive: true });
  const before = existsSync(file) ? linesOf(readFileSync(file, 'utf8')).filter(wanted) : [];
  const next = `${file}.next`;
  writeFileSync(next, before.map((held) => `${JSON.stringify(held)}\n`).join(''), { mode: 0o600, flush: true });
  renameSync(next, file);
  const handle: FileHandle = await open(file, 'a', 0o600);
  let tail: Promise<void> = Promise.resolve();
  return {
    before,
    add(held) {
      const write = tail.then(async () => {
        // The empty line ends what a failed write may have torn.
        await handle.appendFile(`\n${JSON.stringify(held)}\n`);
        await handle.datasync();
      });
      tail = write.catch(() => {});
      return write;
    },
    async close() {
      await tail;
      await handle.close();
    },
  };
}

const linesOf = (text: string): readonly unknown[] =>
  text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as unknown];
    } catch {
      // Empty, or torn by a crash: then nobody was told that it is held.
      return [];
    }
  });
