import { dirname } from 'node:path';
import type { OpenLines } from '../../ports.ts';
import { type FileSystem, makeFolderDurably, nodeFileSystem, under } from './file-system.ts';

const utf8 = new TextEncoder();

/** Lines of a gateway on its own, a file for each name. A line that a crash cut short was never acknowledged, and goes. */
export const fileLines =
  (folder: string, files: FileSystem = nodeFileSystem): OpenLines =>
  async (name, learn) => {
    const path = under(folder, name);
    await makeFolderDurably(files, folder, dirname(path));
    const file = await files.openFile(path);
    const known = Buffer.from(await files.read(path));
    let end = known.lastIndexOf(0x0a) + 1;
    if (end < known.length) await file.truncate(end);
    for (const line of known.toString('utf8', 0, end).split('\n')) if (line !== '') learn(line);
    let writing: Promise<void> = Promise.resolve();

    return {
      write(make) {
        const done = writing.then(async () => {
          const line = make();
          if (line === undefined) return;
          const bytes = utf8.encode(`${line}\n`);
          await file.write(bytes, end);
          await file.sync();
          end += bytes.length;
          learn(line);
        });
        writing = done.catch(() => undefined);
        return done;
      },
      async close() {
        await writing;
        await file.close();
      },
    };
  };
