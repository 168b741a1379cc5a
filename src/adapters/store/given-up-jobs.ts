import { dirname } from 'node:path';
import type { Clock, GivenUpJobs } from '../../ports.ts';
import { nodeFileSystem, readText, replaceFile } from './file-system.ts';

/** One small file of what is still alive; it is written anew each time, and holds no more than the exports of a day. */
export async function openGivenUpJobs(path: string, clock: Clock): Promise<GivenUpJobs> {
  await nodeFileSystem.makeFolder(dirname(path));
  const text = await readText(nodeFileSystem, path);
  const known = new Map<string, number>(text === undefined ? [] : (JSON.parse(text) as [string, number][]));
  let last: Promise<void> = Promise.resolve();
  return {
    add(job, until) {
      const now = clock.now() / 1000;
      for (const [each, end] of known) if (end < now) known.delete(each);
      known.set(job, until);
      const written = last.then(() => replaceFile(nodeFileSystem, path, Buffer.from(JSON.stringify([...known]))));
      last = written.catch(() => undefined);
      return written;
    },
    has: (job) => known.has(job),
  };
}
