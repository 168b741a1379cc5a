import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';

/** Calls `changed` when something below the folder may be otherwise; folders that begin with a dot do not count. */
export const watchPolicyFolder = (folder: string, changed: () => void): { close(): void } => {
  // One watch for each folder: a recursive one holds on to files, and loses those that are replaced by a rename.
  const watches = new Map<string, FSWatcher>();
  const drop = (path: string): void => {
    watches.get(path)?.close();
    watches.delete(path);
  };
  const cover = (path: string): void => {
    if (!watches.has(path)) {
      const watcher = watch(path, { persistent: false }, (_event, name) => {
        if (name === '.history' || name === '.proposals') return;
        coverAll();
        changed();
      });
      watcher.on('error', () => drop(path));
      watches.set(path, watcher);
    }
    const inner = readdirSync(path, { withFileTypes: true }).filter(
      (entry) => entry.isDirectory() && !entry.name.startsWith('.'),
    );
    for (const { name } of inner) {
      try {
        cover(join(path, name));
      } catch {
        // It went away between the look and the watch; its parent tells.
        drop(join(path, name));
      }
    }
  };
  /** A folder that is gone is nothing to fall over: whoever is told of the change finds that it cannot be read. */
  const coverAll = (): void => {
    try {
      cover(folder);
    } catch {
      drop(folder);
    }
  };
  cover(folder);
  return { close: () => [...watches.keys()].forEach(drop) };
};
