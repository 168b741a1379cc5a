import { createHmac, hkdfSync } from 'node:crypto';
import type { GranteeKey, GranteeKind, SubjectKey } from '../../domain/consent/grant.ts';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import type { Random, SubjectKeys } from '../../ports.ts';
import { type FileSystem, isMissing, makeFolderDurably, nodeFileSystem, under } from './file-system.ts';
import { thisProcess } from './owner.ts';
import type { PayloadKeys } from './payload-keys.ts';
import { encodeHeader, encodeRecord, erasedRecord, HEADER, readVault, VaultUnreadable } from './vault-file.ts';

export interface VaultOptions {
  /** Holds `patients.vault` and, kept apart so that a restored backup does not revive anyone, `erased.list`. */
  readonly folder: string;
  /** 32 bytes, from where the configuration points. */
  readonly masterKey: Uint8Array;
  /** `Organization/o1`: pseudonyms differ per organisation. */
  readonly organisation: string;
  /** Pseudonyms rotate by epoch. */
  readonly epoch: string;
  readonly random: Random;
  readonly files?: FileSystem;
}

export interface Erasure {
  /** False: there was no key, so there was nothing to destroy. */
  readonly destroyed: boolean;
  readonly gone: readonly string[];
  readonly remains: readonly string[];
}

export interface Vault extends SubjectKeys, PayloadKeys {
  patientOf(subject: SubjectKey): PatientId | undefined;
  /** The key with which the gateway signs for a patient who keeps none; it dies with the patient's key. */
  controllerKeyOf(patient: PatientId, generation?: number): Uint8Array | undefined;
  /** Salt for commitments to this patient's consent terms. */
  saltOf(patient: PatientId, purpose: string): Uint8Array | undefined;
  /** Destroys the patient's key, on disk and here. Resolves when that is durable. */
  erase(patient: PatientId): Promise<Erasure>;
  patients(): Iterable<PatientId>;
  /** Names the patient's key without telling what it is. */
  printOf(patient: PatientId): string | undefined;
  readonly size: number;
  close(): Promise<void>;
}

/** The names made from a key are made when they are first asked for: a start with many patients stays short. */
interface Entry {
  readonly key: Uint8Array;
  subject: SubjectKey | undefined;
  payload: Uint8Array | undefined;
  offset: number;
  length: number;
}

interface Waiting {
  readonly patient: PatientId;
  readonly entry: Entry;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const utf8 = new TextEncoder();
const KEY = 32;
const FINGERPRINT = 32;
/** Names come from verified tokens, but their number has no bound of its own. */
const CACHED_GRANTEES = 100_000;

const derive = (masterKey: Uint8Array, label: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', masterKey, '', `consentry vault v1 ${label}`, KEY));

const mac = (key: Uint8Array, ...parts: readonly string[]): Buffer => {
  const hmac = createHmac('sha256', key);
  // Each part with its length: `a|b` and `a`, `|b` are different names.
  for (const part of parts) hmac.update(`${utf8.encode(part).length}:`).update(part);
  return hmac.digest();
};

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
const readErased = async (files: FileSystem, path: string): Promise<Set<string>> => {
  const bytes = await readIfThere(files, path);
  const erased = new Set<string>();
  for (let at = 0; at + FINGERPRINT <= bytes.length; at += FINGERPRINT) {
    erased.add(Buffer.from(bytes.subarray(at, at + FINGERPRINT)).toString('hex'));
  }
  return erased;
};

/**
 * The patients' keys: one random key each, sealed under the master key. Everything that names a patient outside this
 * organisation is derived from it, so destroying it makes those names meaningless.
 */
export const openVault = async (options: VaultOptions): Promise<Vault> => {
  const { folder, masterKey, organisation, epoch, random } = options;
  const files = options.files ?? nodeFileSystem;
  if (masterKey.length !== KEY) throw new VaultUnreadable('The master key of the vault must have 32 bytes.');
  const sealing = derive(masterKey, 'sealing');
  const naming = derive(masterKey, 'grantees');
  const printing = derive(masterKey, 'fingerprints');

  const entryOf = (key: Uint8Array, offset: number, length: number): Entry => ({
    key,
    subject: undefined,
    payload: undefined,
    offset,
    length,
  });
  const subjectOf = (entry: Entry): SubjectKey => {
    entry.subject ??= `0x${mac(entry.key, 'subject', organisation, epoch).toString('hex')}` as SubjectKey;
    return entry.subject;
  };
  const payloadOf = (entry: Entry): Uint8Array => {
    entry.payload ??= new Uint8Array(mac(entry.key, 'payload'));
    return entry.payload;
  };
  const fingerprintOf = (key: Uint8Array): Buffer => createHmac('sha256', printing).update(key).digest();

  await makeFolderDurably(files, folder, folder);
  const unlock = await lockOf(files, folder);
  const path = under(folder, 'patients.vault');
  const entries = new Map<PatientId, Entry>();
  let bySubject: Map<SubjectKey, PatientId> | undefined;
  const file = await files.openFile(path);
  const list = await files.openFile(under(folder, 'erased.list'));
  const erased = await readErased(files, under(folder, 'erased.list'));
  let listEnd = erased.size * FINGERPRINT;
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
      for (const record of read.records) {
        const gone = erased.size > 0 && erased.has(fingerprintOf(record.key).toString('hex'));
        if (gone) await overwrite(record.offset, record.length);
        else entries.set(record.patient as PatientId, entryOf(record.key, record.offset, record.length));
      }
    }
  } catch (error) {
    await file.close();
    await list.close();
    await unlock();
    throw error;
  }

  const pending = new Map<PatientId, Promise<Entry>>();
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  let closed = false;

  const writeBatch = async (batch: readonly Waiting[]): Promise<void> => {
    try {
      let at = end;
      const records = batch.map(({ patient, entry }) => {
        const record = encodeRecord(sealing, random, patient, entry.key);
        entry.offset = at;
        entry.length = record.length;
        at += record.length;
        return record;
      });
      await file.write(Buffer.concat(records), end);
      await file.sync();
      end = at;
      for (const { patient, entry, resolve } of batch) {
        entries.set(patient, entry);
        bySubject?.set(subjectOf(entry), patient);
        resolve();
      }
    } catch (error) {
      // What a failed sync kept is unknown, and nobody was told of it.
      await file.truncate(end).catch(() => undefined);
      for (const { reject } of batch) reject(error);
    }
  };

  /** One write at a time; whatever came meanwhile shares the next sync. */
  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await writeBatch(batch);
    }
    running = undefined;
  };

  const keyFor = (patient: PatientId): Promise<Entry> => {
    const known = entries.get(patient);
    if (known !== undefined) return Promise.resolve(known);
    if (closed) return Promise.reject(new VaultUnreadable('The key vault is closed.'));
    const underway = pending.get(patient);
    if (underway !== undefined) return underway;
    const entry = entryOf(Uint8Array.from(random.bytes(KEY)), 0, 0);
    const made = new Promise<void>((resolve, reject) => {
      waiting.push({ patient, entry, resolve, reject });
      running ??= run();
    }).then(() => entry);
    pending.set(
      patient,
      made.finally(() => pending.delete(patient)),
    );
    return pending.get(patient) ?? made;
  };

  const grantees = new Map<string, GranteeKey>();
  let erasing: Promise<unknown> = Promise.resolve();

  const destroy = async (patient: PatientId): Promise<Erasure> => {
    await pending.get(patient)?.catch(() => undefined);
    const entry = entries.get(patient);
    if (entry === undefined) return { destroyed: false, gone: [], remains: [] };
    // The list first: once it is durable no restart and no restored backup brings the key back.
    await list.write(fingerprintOf(entry.key), listEnd);
    await list.sync();
    listEnd += FINGERPRINT;
    entries.delete(patient);
    bySubject?.delete(subjectOf(entry));
    await running;
    await overwrite(entry.offset, entry.length);
    entry.key.fill(0);
    entry.payload?.fill(0);
    return {
      destroyed: true,
      gone: [
        'the key from which the pseudonym on chain was made',
        'every sealed payload and opening of the ledger about this patient',
        'the signing key that the gateway kept for this patient',
      ],
      remains: [
        'the medical record at the FHIR server',
        'leaves, roots and proofs of the ledger, which name nobody',
        'grants and revocations on chain under a pseudonym that nobody can trace any more',
      ],
    };
  };

  return {
    subjectOf(patient) {
      const entry = entries.get(patient);
      return entry === undefined ? undefined : subjectOf(entry);
    },
    register: (patient) => keyFor(patient).then(subjectOf),
    granteeOf(kind: GranteeKind, reference: string) {
      const name = `${kind}|${reference}`;
      const known = grantees.get(name);
      if (known !== undefined) return known;
      const made = `0x${mac(naming, 'grantee', organisation, kind, reference).toString('hex')}` as GranteeKey;
      if (grantees.size >= CACHED_GRANTEES) grantees.clear();
      grantees.set(name, made);
      return made;
    },
    keyOf(patient) {
      const entry = entries.get(patient);
      return entry === undefined ? undefined : payloadOf(entry);
    },
    makeKey: (patient) => keyFor(patient).then(payloadOf),
    *all() {
      for (const [patient, entry] of entries) yield [patient, payloadOf(entry)] as const;
    },
    patientOf(subject) {
      bySubject ??= new Map([...entries].map(([patient, entry]) => [subjectOf(entry), patient]));
      return bySubject.get(subject);
    },
    controllerKeyOf(patient, generation = 0) {
      const key = entries.get(patient)?.key;
      if (key === undefined) return undefined;
      return new Uint8Array(mac(key, 'controller', organisation, ...(generation === 0 ? [] : [String(generation)])));
    },
    saltOf(patient, purpose) {
      const key = entries.get(patient)?.key;
      return key === undefined ? undefined : new Uint8Array(mac(key, 'salt', purpose));
    },
    erase(patient) {
      const done = erasing.then(() => destroy(patient));
      erasing = done.catch(() => undefined);
      return done;
    },
    patients: () => entries.keys(),
    indexKey: derive(masterKey, 'ledger index'),
    printOf(patient) {
      const key = entries.get(patient)?.key;
      return key === undefined ? undefined : fingerprintOf(key).toString('hex');
    },
    get size() {
      return entries.size;
    },
    async close() {
      closed = true;
      await erasing;
      await running;
      await file.close();
      await list.close();
      await unlock();
    },
  };
};

/** The payload keys of a vault that another process may hold; nothing is written, and erased keys stay erased. */
export const readVaultKeys = async (folder: string, masterKey: Uint8Array): Promise<PayloadKeys> => {
  const printing = derive(masterKey, 'fingerprints');
  const erased = await readErased(nodeFileSystem, under(folder, 'erased.list'));
  const read = readVault(
    Buffer.from(await nodeFileSystem.read(under(folder, 'patients.vault'))),
    derive(masterKey, 'sealing'),
  );
  const keys = new Map<PatientId, Uint8Array>();
  for (const { patient, key } of read.records) {
    if (erased.has(createHmac('sha256', printing).update(key).digest('hex'))) continue;
    keys.set(patient as PatientId, new Uint8Array(mac(key, 'payload')));
  }
  return {
    keyOf: (patient) => keys.get(patient),
    makeKey: () => Promise.reject(new VaultUnreadable('The vault is open for reading only.')),
    all: () => keys,
    indexKey: derive(masterKey, 'ledger index'),
  };
};
