import { createSecretKey, type KeyObject } from 'node:crypto';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import { hmac } from '../../domain/ledger/hash.ts';
import type { OpenLines, Random } from '../../ports.ts';
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
  readonly lines: OpenLines;
  /** `books/consents.book`. */
  readonly name: string;
  readonly keys: PayloadKeys;
  readonly random: Random;
}

const NAME = 16;
const utf8 = new TextEncoder();
const NAME_LABEL = utf8.encode('consentry sealed book name v1');
const KEY_LABEL = utf8.encode('consentry sealed book key v1');

const nameOf = (key: Uint8Array): string =>
  Buffer.from(hmac(nodeHashing, key, NAME_LABEL))
    .toString('hex')
    .slice(0, NAME);
const sealingKey = (key: Uint8Array): KeyObject => createSecretKey(hmac(nodeHashing, key, KEY_LABEL));

/** One line per note: the keyed name of whose it is, a space, the sealed note. */
export const openSealedBook = async <Note>(options: SealedBookOptions): Promise<SealedBook<Note>> => {
  const { name: bookName, keys, random } = options;
  const boxes = new Map<string, string[]>();
  const lines = await options.lines(bookName, (line) => {
    const [name, box] = [line.slice(0, NAME), line.slice(NAME + 1)];
    const own = boxes.get(name);
    if (own === undefined) boxes.set(name, [box]);
    else own.push(box);
  });

  const notesOf = (key: Uint8Array): readonly Note[] => {
    const sealing = sealingKey(key);
    return (boxes.get(nameOf(key)) ?? [])
      .map((line) => openLine(sealing, line))
      .filter((text) => text !== undefined)
      .map((text) => JSON.parse(text) as Note);
  };

  return {
    async note(patient, note) {
      const key = keys.keyOf(patient) ?? (await keys.makeKey(patient));
      await lines.write(() => `${nameOf(key)} ${sealLine(sealingKey(key), random, JSON.stringify(note))}`);
    },
    of(patient) {
      const key = keys.keyOf(patient);
      return key === undefined ? [] : notesOf(key);
    },
    *all() {
      for (const [patient, key] of keys.all()) {
        if (boxes.has(nameOf(key))) yield [patient, notesOf(key)] as const;
      }
    },
    close: () => lines.close(),
  };
};
