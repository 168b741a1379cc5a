import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import {
  commitmentOf,
  type FieldGroup,
  type GroupName,
  groupHash,
  groupNames,
} from '../../domain/ledger/commitment.ts';
import type { LedgerEntry } from '../../domain/ledger/entry.ts';
import { entryOf, groupTexts, hidePatients, showPatients } from '../../domain/ledger/field-groups.ts';
import { concat, equalBytes, hmac } from '../../domain/ledger/hash.ts';
import type { Hash } from '../../domain/ledger/merkle.ts';
import type { Random } from '../../ports.ts';
import { nodeHashing } from './node-hash.ts';

const SALT = 16;
const NONCE = 12;
const TAG = 16;
const NAME = 8;
const HASH = 32;
const KEY = 32;
/** All in one box: nobody, or one patient. */
const ALONE = 1;
/** Shared groups in one box, its key and each patient's own group in a box per patient. */
const SHARED = 2;

/** A key to seal for, and the eight bytes by which a box says whose it is. */
export interface Recipient {
  readonly name: Buffer;
  readonly key: KeyObject;
}

const utf8 = new TextEncoder();
const NAME_LABEL = utf8.encode('consentry ledger recipient v1');
const KEY_LABEL = utf8.encode('consentry ledger payload v1');
const NOTHING = new Uint8Array(0);
const derived = new WeakMap<Uint8Array, Recipient>();

/** Derived once per living key object; when the vault drops the key this goes with it. */
export const recipientOf = (key: Uint8Array): Recipient => {
  const known = derived.get(key);
  if (known !== undefined) return known;
  const made: Recipient = {
    name: Buffer.from(hmac(nodeHashing, key, NAME_LABEL, NOTHING).subarray(0, NAME)),
    key: createSecretKey(hmac(nodeHashing, key, KEY_LABEL, NOTHING)),
  };
  derived.set(key, made);
  return made;
};

const sealInto = (
  into: Uint8Array,
  at: number,
  key: KeyObject | Uint8Array,
  nonce: Uint8Array,
  plain: Uint8Array,
): void => {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  into.set(cipher.update(plain), at);
  cipher.final();
  into.set(cipher.getAuthTag(), at + plain.length);
};

/** `undefined`: another key, or altered. */
const unseal = (key: KeyObject | Uint8Array, nonce: Uint8Array, box: Uint8Array): Buffer | undefined => {
  if (box.length < TAG) return undefined;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG });
    decipher.setAuthTag(box.subarray(box.length - TAG));
    const plain = decipher.update(box.subarray(0, box.length - TAG));
    decipher.final();
    return plain;
  } catch {
    return undefined;
  }
};

export interface Sealed {
  readonly commitment: Hash;
  readonly payload: Uint8Array;
}

const subjectText = (patient: PatientId): string => JSON.stringify({ patient });

/** Groups as they lie in a box: salt (16), length (4), text. Returns where the next one starts, and pushes the hash. */
const writeGroup = (
  into: Buffer,
  at: number,
  name: GroupName,
  salt: Uint8Array,
  text: string,
  hashes: Hash[],
): number => {
  into.set(salt, at);
  const start = at + SALT + 4;
  const end = start + into.write(text, start);
  into.writeUInt32BE(end - start, at + SALT);
  hashes.push(groupHash(nodeHashing, name, salt, into.subarray(start, end)));
  return end;
};

/** UTF-16 units become at most three bytes each. */
const roomFor = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + SALT + 4 + text.length * 3, 0);

/** `recipients` are those of the entry's patients, in order; `own` opens what belongs to no patient. */
export const sealEntry = (
  entry: LedgerEntry,
  recipients: readonly Recipient[],
  own: Recipient,
  random: Random,
): Sealed =>
  entry.patients.length > 1 ? sealShared(entry, recipients, own, random) : sealAlone(entry, recipients, own, random);

const sealAlone = (entry: LedgerEntry, recipients: readonly Recipient[], own: Recipient, random: Random): Sealed => {
  const [patient] = entry.patients;
  const texts = groupTexts(entry);
  if (patient !== undefined) texts.push(subjectText(patient));
  const secrets = random.bytes(SALT * texts.length + NONCE);
  const plain = Buffer.allocUnsafe(roomFor(texts));
  const hashes: Hash[] = [];
  let end = 0;
  for (let i = 0; i < texts.length; i++) {
    const salt = secrets.subarray(i * SALT, (i + 1) * SALT);
    end = writeGroup(plain, end, groupNames[i] ?? 'subject', salt, texts[i] ?? '', hashes);
  }
  const recipient = recipients[0] ?? own;
  const nonce = secrets.subarray(SALT * texts.length);
  const payload = Buffer.allocUnsafe(1 + NAME + NONCE + end + TAG);
  payload[0] = ALONE;
  payload.set(recipient.name, 1);
  payload.set(nonce, 1 + NAME);
  sealInto(payload, 1 + NAME + NONCE, recipient.key, nonce, plain.subarray(0, end));
  return { commitment: commitmentOf(nodeHashing, hashes), payload };
};

const sealShared = (entry: LedgerEntry, recipients: readonly Recipient[], own: Recipient, random: Random): Sealed => {
  const { patients } = entry;
  const texts = groupTexts(entry).map((text) => hidePatients(text, patients));
  const secrets = random.bytes(SALT * (texts.length + patients.length) + NONCE + KEY);
  const salt = (i: number): Uint8Array => secrets.subarray(i * SALT, (i + 1) * SALT);
  const nonce = secrets.subarray(-KEY - NONCE, -KEY);
  const key = secrets.subarray(-KEY);
  const plain = Buffer.allocUnsafe(roomFor(texts));
  const hashes: Hash[] = [];
  let end = 0;
  texts.forEach((text, i) => {
    end = writeGroup(plain, end, groupNames[i] ?? 'subject', salt(i), text, hashes);
  });
  const boxes = patients.map((patient, i) => {
    const text = Buffer.from(subjectText(patient));
    const ownSalt = salt(texts.length + i);
    const hash = groupHash(nodeHashing, 'subject', ownSalt, text);
    hashes.push(hash);
    const recipient = recipients[i] ?? own;
    const box = Buffer.allocUnsafe(NAME + HASH + 4 + KEY + SALT + text.length + TAG);
    box.set(recipient.name);
    box.set(hash, NAME);
    box.writeUInt32BE(KEY + SALT + text.length + TAG, NAME + HASH);
    sealInto(box, NAME + HASH + 4, recipient.key, nonce, concat(key, ownSalt, text));
    return box;
  });
  const head = Buffer.allocUnsafe(1 + NONCE + 4);
  head[0] = SHARED;
  head.set(nonce, 1);
  head.writeUInt32BE(patients.length, 1 + NONCE);
  const common = Buffer.allocUnsafe(end + TAG);
  sealInto(common, 0, key, nonce, plain.subarray(0, end));
  return { commitment: commitmentOf(nodeHashing, hashes), payload: Buffer.concat([head, ...boxes, common]) };
};

/** What a key opened of one entry. A subject that is `undefined` was erased, or is another's. */
export interface OpenedPayload {
  readonly entry: LedgerEntry;
  readonly groups: readonly FieldGroup[];
  readonly subjects: readonly (FieldGroup | undefined)[];
  /** Of every group, opened or not: the leaves of the commitment. */
  readonly hashes: readonly Hash[];
}

const patientOf = (group: FieldGroup): PatientId => (JSON.parse(group.text) as { patient: PatientId }).patient;

const readGroups = (plain: Buffer): FieldGroup[] => {
  const groups: FieldGroup[] = [];
  let at = 0;
  while (at + SALT + 4 <= plain.length) {
    const length = plain.readUInt32BE(at + SALT);
    const start = at + SALT + 4;
    groups.push({
      name: groupNames[groups.length] ?? 'subject',
      salt: plain.subarray(at, at + SALT),
      text: plain.toString('utf8', start, start + length),
    });
    at = start + length;
  }
  return groups;
};

const hashOf = ({ name, salt, text }: FieldGroup): Hash => groupHash(nodeHashing, name, salt, Buffer.from(text));

const openAlone = (payload: Buffer, find: (name: Buffer) => Recipient | undefined): OpenedPayload | undefined => {
  const recipient = find(payload.subarray(1, 1 + NAME));
  const nonce = payload.subarray(1 + NAME, 1 + NAME + NONCE);
  const plain = recipient && unseal(recipient.key, nonce, payload.subarray(1 + NAME + NONCE));
  if (plain === undefined) return undefined;
  const all = readGroups(plain);
  const groups = all.slice(0, groupNames.length);
  const subjects = all.slice(groupNames.length);
  const entry = entryOf(
    groups.map(({ text }) => text),
    subjects.map(patientOf),
  );
  return { entry, groups, subjects, hashes: all.map(hashOf) };
};

const openShared = (payload: Buffer, find: (name: Buffer) => Recipient | undefined): OpenedPayload | undefined => {
  const nonce = payload.subarray(1, 1 + NONCE);
  const count = payload.readUInt32BE(1 + NONCE);
  let at = 1 + NONCE + 4;
  let key: Buffer | undefined;
  const subjects: (FieldGroup | undefined)[] = [];
  const hashes: Hash[] = [];
  for (let i = 0; i < count; i++) {
    const recipient = find(payload.subarray(at, at + NAME));
    hashes.push(payload.subarray(at + NAME, at + NAME + HASH));
    const length = payload.readUInt32BE(at + NAME + HASH);
    const start = at + NAME + HASH + 4;
    const plain = recipient && unseal(recipient.key, nonce, payload.subarray(start, start + length));
    key ??= plain?.subarray(0, KEY);
    subjects.push(
      plain && {
        name: 'subject',
        salt: plain.subarray(KEY, KEY + SALT),
        text: plain.toString('utf8', KEY + SALT),
      },
    );
    at = start + length;
  }
  const plain = key && unseal(key, nonce, payload.subarray(at));
  if (plain === undefined) return undefined;
  const groups = readGroups(plain);
  const patients = subjects.map((subject) => subject && patientOf(subject));
  const entry = entryOf(
    groups.map(({ text }) => showPatients(text, patients)),
    patients.filter((patient) => patient !== undefined),
  );
  return { entry, groups, subjects, hashes: [...groups.map(hashOf), ...hashes] };
};

/** `find` gives the recipient by name while its key lives. `undefined`: erased, or not a payload. */
export const openPayload = (
  bytes: Uint8Array,
  find: (name: Buffer) => Recipient | undefined,
): OpenedPayload | undefined => {
  const payload = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  try {
    if (payload[0] === ALONE) return openAlone(payload, find);
    if (payload[0] === SHARED) return openShared(payload, find);
    return undefined;
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError) return undefined;
    throw error;
  }
};

/** The names of the recipients a payload was sealed for, to find their keys. */
export const recipientsNamed = (bytes: Uint8Array): Buffer[] => {
  const payload = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (payload[0] === ALONE) return [payload.subarray(1, 1 + NAME)];
  if (payload[0] !== SHARED) return [];
  const names: Buffer[] = [];
  let at = 1 + NONCE + 4;
  for (let i = payload.readUInt32BE(1 + NONCE); i > 0; i--) {
    names.push(payload.subarray(at, at + NAME));
    at += NAME + HASH + 4 + payload.readUInt32BE(at + NAME + HASH);
  }
  return names;
};

export const commitmentMatches = (opened: OpenedPayload, commitment: Hash): boolean =>
  equalBytes(commitmentOf(nodeHashing, opened.hashes), commitment);
