import { createSecretKey } from 'node:crypto';
import { type JournalMark, type Learnt, learntOf, type RiskJournal } from '../../domain/risk/journal.ts';
import type { Random } from '../../ports.ts';
import { type FileSystem, makeFolderDurably, nodeFileSystem, type OpenFile, under } from '../store/file-system.ts';
import { openLine, sealLine } from '../store/sealed-line.ts';

export interface FileJournalOptions {
  readonly folder: string;
  readonly key: Uint8Array;
  readonly random: Random;
  readonly learn: (item: Learnt) => void;
  readonly trouble: (error: unknown) => void;
  readonly files?: FileSystem;
}

/** More than this is not held while the disk takes nothing. */
const PENDING = 50_000;
const utf8 = new TextEncoder();
const nameOf = (generation: number): string => `learnt-${String(generation).padStart(12, '0')}.sealed`;
const generationOf = (name: string): number => Number(/^learnt-(\d{12})\.sealed$/.exec(name)?.[1] ?? Number.NaN);

/**
 * The journal of a gateway on its own: sealed lines in files, a new file with every mark. Lines are handed to the system at once and not
 * flushed one by one: the end of the process loses none, the end of the machine its last moments.
 */
export const openFileJournal = async (options: FileJournalOptions): Promise<RiskJournal> => {
  const { folder, random, learn, trouble } = options;
  const key = createSecretKey(options.key);
  const files = options.files ?? nodeFileSystem;
  await makeFolderDurably(files, folder, folder);
  const known = async (): Promise<number[]> =>
    (await files.list(folder)).map(generationOf).filter((generation) => !Number.isNaN(generation));
  let generation = Math.max(0, ...(await known())) + 1;
  let pending: { readonly generation: number; readonly item: Learnt }[] = [];
  let current: { readonly generation: number; readonly file: OpenFile; end: number } | undefined;
  let working: Promise<void> = Promise.resolve();
  let scheduled = false;

  const write = async (): Promise<void> => {
    scheduled = false;
    while (pending.length > 0) {
      const first = pending[0]?.generation ?? generation;
      const batch = pending.slice(0, 500).filter((each) => each.generation === first);
      pending = pending.slice(batch.length);
      if (current?.generation !== first) {
        await current?.file.close();
        current = { generation: first, file: await files.openFile(under(folder, nameOf(first))), end: 0 };
      }
      const lines = utf8.encode(batch.map(({ item }) => `${sealLine(key, random, JSON.stringify(item))}\n`).join(''));
      await current.file.write(lines, current.end);
      current.end += lines.length;
    }
  };
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = working.then(work);
    working = done.catch(trouble);
    return done;
  };
  const remove = async (below: number): Promise<void> => {
    for (const each of await known()) if (each < below) await files.removeFile(under(folder, nameOf(each)));
  };
  const mark = (): JournalMark => ({ generation: ++generation });

  return {
    async replay(since) {
      const from = typeof since?.generation === 'number' ? since.generation : 0;
      let count = 0;
      for (const each of await known()) {
        if (each < from) continue;
        const text = Buffer.from(await files.read(under(folder, nameOf(each)))).toString('latin1');
        // A torn last line was never whole.
        for (const line of text.split('\n').slice(0, -1)) {
          const item = learntOf(openLine(key, line));
          if (item === undefined) continue;
          learn(item);
          count++;
        }
      }
      return count;
    },
    add(item) {
      if (pending.length >= PENDING) {
        if (pending.length === PENDING) trouble(new Error('the journal takes nothing'));
        return;
      }
      pending.push({ generation, item });
      if (scheduled) return;
      scheduled = true;
      setImmediate(() => {
        inTurn(write).catch(() => undefined);
      });
    },
    mark,
    settle: (settled) => inTurn(() => remove(Number(settled.generation))),
    sync: () => inTurn(write),
    // The snapshot that follows an erasure settles the files that name the patient.
    forget: () => Promise.resolve(),
    async close() {
      await inTurn(write).catch(() => undefined);
      await current?.file.close();
    },
  };
};
