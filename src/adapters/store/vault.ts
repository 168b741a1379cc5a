import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { GranteeKey, GranteeKind, SubjectKey } from '../../domain/consent/grant.ts';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import { equalBytes } from '../../domain/ledger/hash.ts';
import type { Random, SubjectKeys } from '../../ports.ts';
import { type FileSystem, makeFolderDurably, nodeFileSystem, under } from './file-system.ts';
import type { PayloadKeys } from './payload-keys.ts';
import { KEY, readVault, VaultUnreadable } from './vault-file.ts';
import { openErasedList, openVaultFile, readErased } from './vault-folder.ts';

export interface VaultOptions {
  /** Holds `erased.list`, kept apart so that a restored backup does not revive anyone, and `patients.vault` unless the keys are elsewhere. */
  readonly folder: string;
  /** Where the keys are kept; a file in the folder by default. */
  readonly store?: (parts: VaultStoreParts) => Promise<VaultStore>;
  /** 32 bytes, from where the configuration points. */
  readonly masterKey: Uint8Array;
  /** `Organization/o1`: pseudonyms differ per organisation. */
  readonly organisation: string;
  /** Pseudonyms rotate by epoch. */
  readonly epoch: string;
  readonly random: Random;
  readonly files?: FileSystem;
}

export interface VaultStoreParts {
  readonly folder: string;
  readonly files: FileSystem;
  readonly sealing: KeyObject;
  /** For names of patients that are not told. */
  readonly naming: Uint8Array;
  readonly random: Random;
  /** Keys that were destroyed stay destroyed. */
  readonly isErased: (key: Uint8Array) => boolean;
  readonly printOf: (key: Uint8Array) => Uint8Array;
  /** What another gateway on the same store did. */
  readonly made: (patient: PatientId, key: Uint8Array) => void;
  readonly destroyed: (patient: PatientId, print: Uint8Array) => void;
}

/** Where sealed keys are kept durably. */
export interface VaultStore {
  /** Resolves when they are durable, with the keys that hold: where another gateway made one first, that one. */
  add(batch: readonly { readonly patient: PatientId; readonly key: Uint8Array }[]): Promise<readonly Uint8Array[]>;
  destroy(patient: PatientId, key: Uint8Array): Promise<void>;
  /** Learns what others did until now. */
  refresh?(): Promise<void>;
  close(): Promise<void>;
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
  /** When another gateway destroyed a patient's key. */
  onErased(listener: (patient: PatientId) => void): void;
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
}

interface Waiting {
  readonly patient: PatientId;
  readonly key: Uint8Array;
  readonly resolve: (entry: Entry) => void;
  readonly reject: (error: unknown) => void;
}

const utf8 = new TextEncoder();
/** Names come from verified tokens, but their number has no bound of its own. */
const CACHED_GRANTEES = 100_000;

const derive = (masterKey: Uint8Array, label: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', masterKey, '', `consentry vault v1 ${label}`, KEY));

const mac = (key: Uint8Array, ...parts: readonly string[]): Buffer => {
  // Bytes in the place of a KeyObject cost 15 us more: the runtime finds out that they are none by throwing.
  const hmac = createHmac('sha256', createSecretKey(key));
  // Each part with its length: `a|b` and `a`, `|b` are different names.
  for (const part of parts) hmac.update(`${utf8.encode(part).length}:`).update(part);
  return hmac.digest();
};

/**
 * The patients' keys: one random key each, sealed under the master key. Everything that names a patient outside this
 * organisation is derived from it, so destroying it makes those names meaningless.
 */
export const openVault = async (options: VaultOptions): Promise<Vault> => {
  const { folder, masterKey, organisation, epoch, random } = options;
  const files = options.files ?? nodeFileSystem;
  if (masterKey.length !== KEY) throw new VaultUnreadable('The master key of the vault must have 32 bytes.');
  const sealing = createSecretKey(derive(masterKey, 'sealing'));
  const naming = derive(masterKey, 'grantees');
  const printing = createSecretKey(derive(masterKey, 'fingerprints'));

  const entryOf = (key: Uint8Array): Entry => ({ key, subject: undefined, payload: undefined });
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
  const entries = new Map<PatientId, Entry>();
  let bySubject: Map<SubjectKey, PatientId> | undefined;
  const erased = await openErasedList(files, folder);
  const listeners = new Set<(patient: PatientId) => void>();
  const keep = (patient: PatientId, key: Uint8Array): Entry => {
    const known = entries.get(patient);
    if (known !== undefined && equalBytes(known.key, key)) return known;
    const entry = entryOf(key);
    entries.set(patient, entry);
    bySubject?.set(subjectOf(entry), patient);
    return entry;
  };
  const drop = (patient: PatientId, entry: Entry): void => {
    entries.delete(patient);
    bySubject?.delete(subjectOf(entry));
    entry.key.fill(0);
    entry.payload?.fill(0);
  };
  const store = await (options.store ?? openVaultFile)({
    folder,
    files,
    sealing,
    naming: derive(masterKey, 'names'),
    random,
    isErased: (key) => erased.has(fingerprintOf(key)),
    printOf: fingerprintOf,
    made: keep,
    destroyed: (patient, print) => {
      const entry = entries.get(patient);
      if (entry === undefined || !fingerprintOf(entry.key).equals(print)) return;
      drop(patient, entry);
      for (const listener of listeners) listener(patient);
    },
  }).catch(async (error: unknown) => {
    await erased.close();
    throw error;
  });

  const pending = new Map<PatientId, Promise<Entry>>();
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  let closed = false;

  const writeBatch = async (batch: readonly Waiting[]): Promise<void> => {
    try {
      const keys = await store.add(batch);
      batch.forEach(({ patient, key, resolve }, i) => {
        resolve(keep(patient, keys[i] ?? key));
      });
    } catch (error) {
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
    const key = Uint8Array.from(random.bytes(KEY));
    const made = new Promise<Entry>((resolve, reject) => {
      waiting.push({ patient, key, resolve, reject });
      running ??= run();
    });
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
    await store.refresh?.();
    const entry = entries.get(patient);
    if (entry === undefined) return { destroyed: false, gone: [], remains: [] };
    // The list first: once it is durable no restart and no restored backup brings the key back.
    await erased.add(fingerprintOf(entry.key));
    const key = Uint8Array.from(entry.key);
    drop(patient, entry);
    await running;
    await store.destroy(patient, key);
    key.fill(0);
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
    onErased: (listener) => listeners.add(listener),
    ...(store.refresh === undefined ? {} : { refresh: store.refresh }),
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
      await store.close();
      await erased.close();
    },
  };
};

/** The payload keys of a vault that another process may hold; nothing is written, and erased keys stay erased. */
export const readVaultKeys = async (folder: string, masterKey: Uint8Array): Promise<PayloadKeys> => {
  const printing = createSecretKey(derive(masterKey, 'fingerprints'));
  const erased = await readErased(nodeFileSystem, under(folder, 'erased.list'));
  const read = readVault(
    Buffer.from(await nodeFileSystem.read(under(folder, 'patients.vault'))),
    createSecretKey(derive(masterKey, 'sealing')),
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
