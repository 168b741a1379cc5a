import { isHalfYear } from '../../domain/ledger/half-year.ts';
import { type FileSystem, makeFolderDurably, nodeFileSystem, readText, replaceFile, under } from './file-system.ts';
import { type FilesLedger, type LedgerOptions, openLedger } from './files-ledger.ts';
import { openRotatingLedger } from './rotating-ledger.ts';

const FOLLOWED = 'followed';

/**
 * The folders of a row of logs, the first one first: each later one lies in the first, under its half-year. What a crash
 * left of a log that was about to begin is none: nothing was acknowledged from it, and the next start begins it.
 */
export const logFolders = async (files: FileSystem, folder: string): Promise<readonly string[]> => {
  const later = (await files.list(folder)).filter(isHalfYear).sort();
  const folders = [folder, ...later.map((name) => under(folder, name))];
  const [last = folder, former] = folders.toReversed();
  if (former === undefined || (await wasFollowed(files, former))) return folders;
  return (await readText(files, under(last, 'log', 'checkpoint'))) === undefined ? folders.slice(0, -1) : folders;
};

/** Whether the log in this folder was followed by another one. */
export const wasFollowed = async (files: FileSystem, folder: string): Promise<boolean> =>
  (await readText(files, under(folder, FOLLOWED))) !== undefined;

/** The logs of one gateway in its data folder; the first one's writer lock holds for all. */
export const openRotatingFiles = (options: LedgerOptions): Promise<FilesLedger> => {
  const { folder, origin, random } = options;
  const files = options.files ?? nodeFileSystem;
  const folderOf = (half: string | undefined): string => (half === undefined ? folder : under(folder, half));
  return openRotatingLedger({
    origin,
    random,
    openLog: async (name, half) => {
      if (half === undefined) return openLedger(options);
      await makeFolderDurably(files, folder, folderOf(half));
      return openLedger({ ...options, origin: name, folder: folderOf(half), keysFolder: under(folder, 'keys') });
    },
    followed: {
      has: (half) => wasFollowed(files, folderOf(half)),
      note: async (half) => {
        if (await wasFollowed(files, folderOf(half))) return;
        await replaceFile(files, under(folderOf(half), FOLLOWED), Buffer.from('1\n'));
      },
    },
  });
};
