import { type KeyObject, sign, verify } from 'node:crypto';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { parseCheckpoint } from '../../domain/ledger/checkpoint.ts';
import { cosignedMessage, joinTimed, splitTimed } from '../../domain/ledger/cosignature.ts';
import { firstOriginOf } from '../../domain/ledger/half-year.ts';
import {
  formatVerifierKey,
  keyId,
  type NoteSigner,
  type NoteVerifier,
  signatureType,
  type VerifierKey,
} from '../../domain/ledger/note.ts';
import type { Clock } from '../../ports.ts';
import { nodeHashing } from './node-hash.ts';
import { ed25519PublicKey, ed25519Verifier, rawPublicKey } from './signing-key.ts';

/** A signer of checkpoints, and the key that others need to verify it. */
export interface Cosigner {
  readonly signer: NoteSigner;
  readonly verifierKey: string;
}

const ED25519_BYTES = 64;
const MLDSA44_BYTES = 2420;

const cosigner = (
  name: string,
  type: number,
  publicKey: Uint8Array,
  clock: Clock,
  signMessage: (message: Uint8Array) => Uint8Array,
): Cosigner => ({
  verifierKey: formatVerifierKey(nodeHashing, name, type, publicKey),
  signer: {
    name,
    id: keyId(nodeHashing, name, type, publicKey),
    sign: (text) => {
      const checkpoint = parseCheckpoint(Buffer.from(text).toString('utf8'));
      if (checkpoint === undefined) throw new RangeError('only checkpoints are cosigned');
      const seconds = Math.floor(clock.now() / 1000);
      return joinTimed(seconds, signMessage(cosignedMessage(type, checkpoint, seconds, name)));
    },
  },
});

/** One key per cosigner: the Ed25519 message does not commit to the name. */
export const ed25519Cosigner = (name: string, key: KeyObject, clock: Clock): Cosigner =>
  cosigner(name, signatureType.ed25519Cosignature, rawPublicKey(key), clock, (message) => sign(null, message, key));

/** From a 32-byte seed. Also the second line of a log's own checkpoint, for readers who fear quantum computers. */
export const mldsa44Cosigner = (name: string, seed: Uint8Array, clock: Clock): Cosigner => {
  const { publicKey, secretKey } = ml_dsa44.keygen(seed);
  return cosigner(name, signatureType.mldsa44Cosignature, publicKey, clock, (message) =>
    ml_dsa44.sign(message, secretKey),
  );
};

const timedVerifier = (
  { name, id, type }: VerifierKey,
  length: number,
  verifyMessage: (message: Uint8Array, signature: Uint8Array) => boolean,
): NoteVerifier => ({
  name,
  id,
  verify: (text, timed) => {
    const checkpoint = parseCheckpoint(Buffer.from(text).toString('utf8'));
    const split = splitTimed(timed);
    if (checkpoint === undefined || split?.signature.length !== length) return false;
    // The ML-DSA message has a fixed room for the root; the Ed25519 one takes the note's text as it stands.
    const message =
      type === signatureType.ed25519Cosignature
        ? Buffer.concat([Buffer.from(`cosignature/v1\ntime ${split.seconds}\n`), text])
        : cosignedMessage(type, checkpoint, split.seconds, name);
    return checkpoint.root.length === 32 && verifyMessage(message, split.signature);
  },
});

/** Whatever kind of key a trust file names. */
export const noteVerifierOf = (key: VerifierKey): NoteVerifier => {
  const { name, type, publicKey } = key;
  if (type === signatureType.ed25519) return ed25519Verifier(name, publicKey);
  if (type === signatureType.mldsa44Cosignature) {
    return timedVerifier(key, MLDSA44_BYTES, (message, signature) => ml_dsa44.verify(signature, message, publicKey));
  }
  const ed25519 = ed25519PublicKey(publicKey);
  return timedVerifier(key, ED25519_BYTES, (message, signature) => verify(null, message, ed25519, signature));
};

/** A key is trusted for the first log of a row and for those of later half-years: they are signed with it under their own origins. */
export const rowVerifier = (key: VerifierKey, origin: string): NoteVerifier =>
  noteVerifierOf(
    firstOriginOf(origin) === key.name
      ? { ...key, name: origin, id: keyId(nodeHashing, origin, key.type, key.publicKey) }
      : key,
  );
