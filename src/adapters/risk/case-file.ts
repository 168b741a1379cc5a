import { createSecretKey } from 'node:crypto';
import type { Random } from '../../ports.ts';
import { type FileSystem, makeFolderDurably, nodeFileSystem, replaceFile, under } from '../store/file-system.ts';
import { openLine, sealLine } from '../store/sealed-line.ts';

/**
 * Named values, each line sealed (AES-256-GCM): the name's newest line holds. What was resolved survives a crash; a torn last line was
 * never acknowledged. A file of another key, or an altered line, keeps nothing from opening: `unreadable` counts such lines.
 */
export interface CaseFile<Value> {
  readonly entries: ReadonlyMap<string, Value>;
  readonly unreadable: number;
  /** `undefined` forgets the name. */
  write(changes: readonly (readonly [string, Value | undefined])[]): Promise<void>;
  /** Writes the file anew with each name once: what was forgotten is gone from the disk, sealed or not. */
  rewrite(): Promise<void>;
  close(): Promise<void>;
}

export interface CaseFileOptions {
  readonly folder: string;
  readonly name: string;
  readonly key: Uint8Array;
  readonly random: Random;
  readonly files?: FileSystem;
}

const utf8 = new TextEncoder();

/** Rewritten at opening, so that it holds each name once. */
export const openCaseFile = async <Value>(options: CaseFileOptions): Promise<CaseFile<Value>> => {
  const { folder, name, random } = options;
  const key = createSecretKey(options.key);
  const files = options.files ?? nodeFileSystem;
  await makeFolderDurably(files, folder, folder);
  const path = under(folder, name);
  const entries = new Map<string, Value>();
  let unreadable = 0;
  const sealed = (each: string, value: Value | undefined): string =>
    sealLine(key, random, JSON.stringify([each, value ?? null]));
  const known = await (await files.openFile(path)).close().then(() => files.read(path));
  for (const line of Buffer.from(known).toString('latin1').split('\n').slice(0, -1)) {
    const text = openLine(key, line);
    if (text === undefined) {
      unreadable++;
      continue;
    }
    const [each, value] = JSON.parse(text) as [string, Value | null];
    if (value === null) entries.delete(each);
    else entries.set(each, value);
  }
  // Lines that cannot be read are not overwritten: somebody may still have the key.
  if (unreadable > 0) await files.rename(path, `${path}.unreadable`);
  const whole = async () => {
    const bytes = utf8.encode([...entries].map(([each, value]) => `${sealed(each, value)}\n`).join(''));
    await replaceFile(files, path, bytes);
    return { file: await files.openFile(path), end: bytes.length };
  };
  let { file, end } = await whole();
  let writing: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = writing.then(work);
    writing = done.catch(() => undefined);
    return done;
  };
  return {
    entries,
    unreadable,
    write(changes) {
      if (changes.length === 0) return writing;
      const lines = utf8.encode(changes.map(([each, value]) => `${sealed(each, value)}\n`).join(''));
      return inTurn(async () => {
        await file.write(lines, end);
        await file.sync();
        end += lines.length;
        for (const [each, value] of changes) {
          if (value === undefined) entries.delete(each);
          else entries.set(each, value);
        }
      });
    },
    rewrite: () =>
      inTurn(async () => {
        await file.close();
        ({ file, end } = await whole());
      }),
    async close() {
      await writing;
      await file.close();
    },
  };
};
