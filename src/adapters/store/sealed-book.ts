import type { PatientId } from '../../domain/fhir/interaction.ts';
import { hmac } from '../../domain/ledger/hash.ts';
import type { Random } from '../../ports.ts';
import { type FileSystem, makeFolderDurably, nodeFileSystem, under } from './file-system.ts';
import { nodeHashing } from './node-hash.ts';
import type { PayloadKeys } from './payload-keys.ts';
import { openLine, sealLine } from './sealed-line.ts';

/**
 * Notes about patients, each sealed under the patient's key, so that erasure makes them noise: what patients said about
 * their consent in words (the chain knows keyed names only), and who broke the glass for them.
 */
export interface SealedBook<Note> {
  /** Resolves when it is durable. */
  note(patient: PatientId, note: Note): Promise<void>;
  /** In the order they were made; none for somebody whose key is gone. */
  of(patient: PatientId): readonly Note[];
  /** Of everybody whose key lives. */
  all(): Iterable<readonly [PatientId, readonly Note[]]>;
  close(): Promise<void>;
}

export interface SealedBookOptions {
  readonly folder: string;
  /** File name in the folder: `consents.book`. */
  readonly name: string;
  readonly keys: PayloadKeys;
  readonly random: Random;
  readonly files?: FileSystem;
}

const NAME = 16;
const utf8 = new TextEncoder();
const NAME_LABEL = utf8.encode('consentry sealed book name v1');
const KEY_LABEL = utf8.encode('consentry sealed book key v1');

const nameOf = (key: Uint8Array): string =>
  Buffer.from(hmac(nodeHashing, key, NAME_LABEL))
    .toString('hex')
    .slice(0, NAME);
const sealingKey = (key: Uint8Array): Uint8Array => hmac(nodeHashing, key, KEY_LABEL);

/** One line per note: the keyed name of whose it is, a space, the sealed note. */
export const openSealedBook = async <Note>(options: SealedBookOptions): Promise<SealedBook<Note>> => {
  const { folder, name: fileName, keys, random } = options;
  const files = options.files ?? nodeFileSystem;
  await makeFolderDurably(files, folder, folder);
  const path = under(folder, fileName);
  const file = await files.openFile(path);
  const bytes = Buffer.from(await files.read(path));
  // A torn last line was never acknowledged.
  let end = bytes.lastIndexOf(0x0a) + 1;
  const lines = new Map<string, string[]>();
  const keep = (name: string, box: string): void => {
    const own = lines.get(name);
    if (own === undefined) lines.set(name, [box]);
    else own.push(box);
  };
  for (const line of bytes.toString('latin1', 0, end).split('\n')) {
    if (line.length > NAME) keep(line.slice(0, NAME), line.slice(NAME + 1));
  }
  let writing: Promise<void> = Promise.resolve();

  const append = async (patient: PatientId, note: Note): Promise<void> => {
    const key = keys.keyOf(patient) ?? (await keys.makeKey(patient));
    const name = nameOf(key);
    const box = sealLine(sealingKey(key), random, JSON.stringify(note));
    const line = utf8.encode(`${name} ${box}\n`);
    await file.write(line, end);
    await file.sync();
    end += line.length;
    keep(name, box);
  };

  const notesOf = (key: Uint8Array): readonly Note[] => {
    const sealing = sealingKey(key);
    return (lines.get(nameOf(key)) ?? [])
      .map((line) => openLine(sealing, line))
      .filter((text) => text !== undefined)
      .map((text) => JSON.parse(text) as Note);
  };

  return {
    note(patient, note) {
      const done = writing.then(() => append(patient, note));
      writing = done.catch(() => undefined);
      return done;
    },
    of(patient) {
      const key = keys.keyOf(patient);
      return key === undefined ? [] : notesOf(key);
    },
    *all() {
      for (const [patient, key] of keys.all()) {
        if (lines.has(nameOf(key))) yield [patient, notesOf(key)] as const;
      }
    },
    async close() {
      await writing;
      await file.close();
    },
  };
};
