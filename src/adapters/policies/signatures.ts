import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';

/** Whether a signature over the text is by the Ed25519 key (PEM). Anything malformed is not. */
export const verifySignature = (publicKey: string, text: string, signature: string): boolean => {
  try {
    return verify(null, Buffer.from(text), createPublicKey(publicKey), Buffer.from(signature, 'base64'));
  } catch {
    return false;
  }
};

/** Signs with an Ed25519 private key (PEM). */
export const signText = (privateKey: string, text: string): string =>
  sign(null, Buffer.from(text), createPrivateKey(privateKey)).toString('base64');
