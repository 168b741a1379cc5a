import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import {
  formatVerifierKey,
  keyId,
  type NoteSigner,
  type NoteVerifier,
  signatureType,
} from '../../domain/ledger/note.ts';
import { type FileSystem, isMissing, replaceFile } from './file-system.ts';
import { nodeHashing } from './node-hash.ts';

/** SubjectPublicKeyInfo prefix of an Ed25519 key. */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

export interface LogKey {
  readonly signer: NoteSigner;
  readonly verifier: NoteVerifier;
  /** What an auditor puts in a trust file. */
  readonly verifierKey: string;
  readonly publicKey: Uint8Array;
}

export const ed25519PublicKey = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' });

export const ed25519Verifier = (name: string, publicKey: Uint8Array): NoteVerifier => {
  const key = ed25519PublicKey(publicKey);
  return {
    name,
    id: keyId(nodeHashing, name, signatureType.ed25519, publicKey),
    verify: (text, signature) => signature.length === 64 && verify(null, text, key, signature),
  };
};

export const rawPublicKey = (privateKey: KeyObject): Uint8Array =>
  createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(SPKI.length);

export const logKey = (origin: string, privateKey: KeyObject): LogKey => {
  const publicKey = rawPublicKey(privateKey);
  const verifier = ed25519Verifier(origin, publicKey);
  return {
    publicKey,
    verifier,
    signer: { name: origin, id: verifier.id, sign: (text) => sign(null, text, privateKey) },
    verifierKey: formatVerifierKey(nodeHashing, origin, signatureType.ed25519, publicKey),
  };
};

/** PEM of an Ed25519 private key; made with mode 0600 when `create` and there is none. */
export const loadSigningKey = async (files: FileSystem, path: string, create: boolean): Promise<KeyObject> => {
  let pem: string;
  try {
    pem = Buffer.from(await files.read(path)).toString('utf8');
  } catch (error) {
    if (!isMissing(error) || !create) throw error;
    const { privateKey } = generateKeyPairSync('ed25519');
    pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    await replaceFile(files, path, Buffer.from(pem));
  }
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('The signing key of the ledger is not an Ed25519 key.');
  return key;
};
