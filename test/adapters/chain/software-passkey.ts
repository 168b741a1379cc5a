import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import {
  type Assertion,
  controllerOfKey,
  encodeAssertion,
  passkeySigner,
  pointOf,
  signatureParts,
} from '../../../src/domain/consent/passkey.ts';
import type { TypedData } from '../../../src/domain/consent/typed-data.ts';
import { typedDataDigest } from '../../../src/domain/consent/typed-data-digest.ts';

export interface Ceremony {
  /** Flags of the authenticator data: 1 present, 4 verified, 8 may be backed up, 16 is backed up. */
  readonly flags?: number;
  readonly clientData?: (challenge: string) => string;
  readonly change?: (assertion: Assertion) => Assertion;
}

/** What an authenticator does, without one. */
export function softwarePasskey(verifier: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const point = pointOf(publicKey.export({ type: 'spki', format: 'der' }));
  if (point === undefined) throw new Error('no point');
  const signer = passkeySigner(verifier, point);
  return {
    point: `0x${Buffer.from(point).toString('hex')}`,
    signer,
    controller: controllerOfKey(signer) ?? '',
    sign(data: TypedData, ceremony: Ceremony = {}) {
      const challenge = Buffer.from(typedDataDigest(data)).toString('base64url');
      const clientData = Buffer.from(
        ceremony.clientData?.(challenge) ??
          `{"type":"webauthn.get","challenge":"${challenge}","origin":"https://gateway.example","crossOrigin":false}`,
      );
      const authenticatorData = Buffer.concat([
        createHash('sha256').update('gateway.example').digest(),
        Buffer.from([ceremony.flags ?? 5, 0, 0, 0, 7]),
      ]);
      const message = Buffer.concat([authenticatorData, createHash('sha256').update(clientData).digest()]);
      const parts = signatureParts(sign('sha256', message, privateKey));
      if (parts === undefined) throw new Error('no signature');
      const assertion = { ...parts, authenticatorData, clientData };
      return { signer, signature: encodeAssertion(ceremony.change?.(assertion) ?? assertion) };
    },
  };
}
