import { renameSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The few calls that decide what survives a crash; tests put one that fails or dies at the nth call in its place. */
export interface FileSystem {
  makeFolder(path: string): Promise<void>;
  /** Creates the file, or opens it without truncating it. */
  openFile(path: string): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  /** For the one rename that must happen inside a lock. */
  renameNow(from: string, to: string): void;
  syncFolder(path: string): Promise<void>;
  read(path: string): Promise<Uint8Array>;
  /** Names in a folder, sorted; none when there is no such folder. */
  list(path: string): Promise<readonly string[]>;
  removeFile(path: string): Promise<void>;
  removeFolder(path: string): Promise<void>;
}

export interface OpenFile {
  /** Resolves when every byte was written. */
  write(bytes: Uint8Array, at: number): Promise<void>;
  read(at: number, length: number): Promise<Uint8Array>;
  /** Data, and the metadata needed to read it back, are on the disk. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

const wrap = (handle: FileHandle): OpenFile => ({
  write: async (bytes, at) => {
    let done = 0;
    while (done < bytes.length) done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
  },
  read: async (at, length) => {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await handle.read(bytes, done, length - done, at + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  },
  sync: () => handle.datasync(),
  truncate: (length) => handle.truncate(length),
  close: () => handle.close(),
});

/** By its code: under a test runner an error of the file system is of another realm's class. */
export const isMissing = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  (error.code === 'ENOENT' || error.code === 'ENOTDIR');

export const nodeFileSystem: FileSystem = {
  makeFolder: async (path) => {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  openFile: async (path) => {
    try {
      return wrap(await open(path, 'r+', 0o600));
    } catch (error) {
      if (!isMissing(error)) throw error;
      return wrap(await open(path, 'wx+', 0o600));
    }
  },
  rename,
  renameNow: renameSync,
  syncFolder: async (path) => {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  read: (path) => readFile(path),
  list: async (path) => {
    try {
      return (await readdir(path)).sort();
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  },
  removeFile: unlink,
  removeFolder: (path) => rm(path, { recursive: true, force: true }),
};

export const readText = async (files: FileSystem, path: string): Promise<string | undefined> => {
  try {
    return Buffer.from(await files.read(path)).toString('utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
};

/** Writes beside the path and makes that durable; what is at the path is whole at every moment once it is renamed. */
export const writeBeside = async (files: FileSystem, path: string, bytes: Uint8Array): Promise<string> => {
  const beside = `${path}.new`;
  const file = await files.openFile(beside);
  try {
    await file.truncate(0);
    await file.write(bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  return beside;
};

export const replaceFile = async (files: FileSystem, path: string, bytes: Uint8Array): Promise<void> => {
  await files.rename(await writeBeside(files, path, bytes), path);
  await files.syncFolder(dirname(path));
};

/** Creates the missing folders down to `path`, each made durable in its parent. */
export const makeFolderDurably = async (files: FileSystem, root: string, path: string): Promise<void> => {
  await files.makeFolder(path);
  for (let at = path; at !== root && at.startsWith(root); at = dirname(at)) await files.syncFolder(dirname(at));
};

export const under = (folder: string, ...names: readonly string[]): string => join(folder, ...names);
