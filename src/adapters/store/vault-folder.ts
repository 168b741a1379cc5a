import type { PatientId } from '../../domain/fhir/interaction.ts';
import { type FileSystem, isMissing, under } from './file-system.ts';
import { thisProcess } from './owner.ts';
import type { VaultStore, VaultStoreParts } from './vault.ts';
import { encodeHeader, encodeRecord, erasedRecord, HEADER, readVault, VaultUnreadable } from './vault-file.ts';

const FINGERPRINT = 32;
const utf8 = new TextEncoder();

interface Holder {
  readonly pid?: number;
  readonly birth?: string;
}

const holderOf = (bytes: Uint8Array): Holder => {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Holder;
  } catch {
    // A lock torn by a crash holds nothing.
    return {};
  }
};

const readIfThere = (files: FileSystem, path: string): Promise<Uint8Array> =>
  files.read(path).catch((error: unknown) => {
    if (isMissing(error)) return new Uint8Array();
    throw error;
  });

/** Two writers would write over each other's keys. */
const lockOf = async (files: FileSystem, folder: string): Promise<() => Promise<void>> => {
  const path = under(folder, 'vault.lock');
  const me = thisProcess();
  const { pid, birth } = holderOf(await readIfThere(files, path));
  if (pid !== undefined && birth !== undefined && me.isAlive(pid, birth) !== false) {
    throw new VaultUnreadable('Another process holds the key vault; if it is gone for good, remove vault.lock.');
  }
  const file = await files.openFile(path);
  await file.truncate(0);
  await file.write(utf8.encode(JSON.stringify({ pid: me.pid, birth: me.birth })), 0);
  await file.sync();
  return async () => {
    await file.close();
    await files.removeFile(path).catch(() => undefined);
  };
};

/** Reads the whole list; a torn last fingerprint was never acknowledged. */
export const readErased = async (files: FileSystem, path: string): Promise<Set<string>> => {
  const bytes = await readIfThere(files, path);
  const erased = new Set<string>();
  for (let at = 0; at + FINGERPRINT <= bytes.length; at += FINGERPRINT) {
    erased.add(Buffer.from(bytes.subarray(at, at + FINGERPRINT)).toString('hex'));
  }
  return erased;
};

export interface ErasedList {
  has(print: Uint8Array): boolean;
  add(print: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export const openErasedList = async (files: FileSystem, folder: string): Promise<ErasedList> => {
  const path = under(folder, 'erased.list');
  const list = await files.openFile(path);
  const erased = await readErased(files, path);
  let end = erased.size * FINGERPRINT;
  return {
    has: (print) => erased.has(Buffer.from(print).toString('hex')),
    add: async (print) => {
      await list.write(print, end);
      await list.sync();
      erased.add(Buffer.from(print).toString('hex'));
      end += FINGERPRINT;
    },
    close: list.close,
  };
};

/** `patients.vault` of one gateway. */
export const openVaultFile = async (parts: VaultStoreParts): Promise<VaultStore> => {
  const { folder, files, sealing, random } = parts;
  const unlock = await lockOf(files, folder);
  const path = under(folder, 'patients.vault');
  const file = await files.openFile(path);
  const places = new Map<PatientId, { readonly offset: number; readonly length: number }>();
  let end = 0;
  const overwrite = async (offset: number, length: number): Promise<void> => {
    await file.write(erasedRecord(length), offset);
    await file.sync();
  };
  try {
    const bytes = Buffer.from(await files.read(path));
    if (bytes.length < HEADER) {
      // New, or torn before its first record: nothing was ever acknowledged from it.
      await file.truncate(0);
      await file.write(encodeHeader(sealing, random), 0);
      await file.sync();
      await files.syncFolder(folder);
      end = HEADER;
    } else {
      const read = readVault(bytes, sealing);
      end = read.end;
      if (end < bytes.length) {
        await file.truncate(end);
        await file.sync();
      }
      for (const { patient, key, offset, length } of read.records) {
        if (parts.isErased(key)) {
          await overwrite(offset, length);
          continue;
        }
        places.set(patient as PatientId, { offset, length });
        parts.made(patient as PatientId, key);
      }
    }
  } catch (error) {
    await file.close();
    await unlock();
    throw error;
  }
  return {
    add: async (batch) => {
      try {
        const records = batch.map(({ patient, key }) => encodeRecord(sealing, random, patient, key));
        await file.write(Buffer.concat(records), end);
        await file.sync();
        batch.forEach(({ patient }, i) => {
          const length = records[i]?.length ?? 0;
          places.set(patient, { offset: end, length });
          end += length;
        });
        return batch.map(({ key }) => key);
      } catch (error) {
        // What a failed sync kept is unknown, and nobody was told of it.
        await file.truncate(end).catch(() => undefined);
        throw error;
      }
    },
    destroy: async (patient) => {
      const place = places.get(patient);
      if (place !== undefined) await overwrite(place.offset, place.length);
      places.delete(patient);
    },
    close: async () => {
      await file.close();
      await unlock();
    },
  };
};
