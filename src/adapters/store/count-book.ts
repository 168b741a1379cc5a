import { dirname } from 'node:path';
import type { CountBook } from '../../ports.ts';
import { nodeFileSystem, readText } from './file-system.ts';

type Line = readonly [requesters: readonly string[], groups: readonly (readonly string[])[]];

/** One file, a line for each answer. A line that a crash cut short was never followed by its answer, and is dropped. */
export async function openCountBook(path: string): Promise<CountBook & { close(): Promise<void> }> {
  await nodeFileSystem.makeFolder(dirname(path));
  const text = (await readText(nodeFileSystem, path)) ?? '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const known = new Map<string, ReadonlySet<string>[]>();
  const note = ([requesters, groups]: Line): void => {
    for (const requester of requesters)
      known.set(requester, [...(known.get(requester) ?? []), ...groups.map((group) => new Set(group))]);
  };
  let broken = false;
  try {
    for (const line of whole.split('\n')) if (line !== '') note(JSON.parse(line) as Line);
  } catch {
    broken = true;
  }
  const file = await nodeFileSystem.openFile(path);
  let size = Buffer.byteLength(whole);
  if (!broken) await file.truncate(size);
  let last: Promise<void> = Promise.resolve();
  return {
    told(requester) {
      // Who was told what is not known: nobody is told more.
      if (broken) throw new Error('the book of counts cannot be read');
      return known.get(requester) ?? [];
    },
    add(requesters, groups) {
      const line: Line = [requesters, groups.map((group) => [...group])];
      note(line);
      last = last.then(async () => {
        const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
        await file.write(bytes, size);
        await file.sync();
        size += bytes.length;
      });
      last.catch(() => {
        broken = true;
      });
      return last;
    },
    async close() {
      await last.catch(() => undefined);
      await file.close();
    },
  };
}
