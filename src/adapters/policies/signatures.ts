import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

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

export interface ApprovalKey {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** The key by which the gateway vouches for officers who approve while logged in; made with mode 0600 at first use. */
export const approvalKey = (file: string): ApprovalKey => {
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(file, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600, flag: 'wx' });
  }
  const privateKey = readFileSync(file, 'utf8');
  const publicKey = createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }).toString();
  return { privateKey, publicKey };
};
