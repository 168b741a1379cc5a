import { type FileSystem, nodeFileSystem, type OpenFile } from '../../../src/adapters/store/file-system.ts';

export type Fault = 'EIO' | 'ENOSPC' | 'kill';

/**
 * Fails the nth call that changes the disk. `kill` fails every one after it too, as if the process had died there; a
 * write that fails has written its first half.
 */
export const faultyFiles = (at: number, fault: Fault): FileSystem & { readonly calls: () => number } => {
  let calls = 0;
  const error = (): Error => Object.assign(new Error(`injected ${fault}`), { code: fault === 'kill' ? 'EIO' : fault });
  const fails = (): boolean => {
    calls++;
    return calls === at || (fault === 'kill' && calls > at);
  };
  const step = <Result>(work: () => Promise<Result>): Promise<Result> => (fails() ? Promise.reject(error()) : work());
  const wrap = (file: OpenFile): OpenFile => ({
    write: async (bytes, position) => {
      if (!fails()) return file.write(bytes, position);
      if (calls === at) await file.write(bytes.subarray(0, bytes.length >> 1), position);
      throw error();
    },
    read: file.read,
    sync: () => step(file.sync),
    truncate: (length) => step(() => file.truncate(length)),
    close: file.close,
  });
  return {
    calls: () => calls,
    makeFolder: (path) => step(() => nodeFileSystem.makeFolder(path)),
    openFile: (path) => step(async () => wrap(await nodeFileSystem.openFile(path))),
    rename: (from, to) => step(() => nodeFileSystem.rename(from, to)),
    renameNow: (from, to) => {
      if (fails()) throw error();
      nodeFileSystem.renameNow(from, to);
    },
    syncFolder: (path) => step(() => nodeFileSystem.syncFolder(path)),
    read: nodeFileSystem.read,
    list: nodeFileSystem.list,
    removeFile: (path) => step(() => nodeFileSystem.removeFile(path)),
    removeFolder: (path) => step(() => nodeFileSystem.removeFolder(path)),
  };
};
