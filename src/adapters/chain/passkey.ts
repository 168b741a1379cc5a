import { createHash, createPublicKey, verify } from 'node:crypto';
import { answersChallenge, controllerOfKey, decodeAssertion } from '../../domain/consent/passkey.ts';
import type { TypedData } from '../../domain/consent/typed-data.ts';
import { typedDataDigest } from '../../domain/consent/typed-data-digest.ts';
import type { Signature } from './sign.ts';

/** Address and two coordinates, as hex digits. */
const signerPattern = /^0x([0-9a-f]{40})([0-9a-f]{64})([0-9a-f]{64})$/i;
const halfOrder = '7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8';

/**
 * The controller whose passkey signed, by the checks of the verifier contract; `undefined` when it did not, or when the
 * signer names another verifier, whose code only the chain can run.
 */
export function recoverPasskey(data: TypedData, signed: Signature, verifier: string): string | undefined {
  const [, named, x = '', y = ''] = signerPattern.exec(signed.signer) ?? [];
  if (named?.toLowerCase() !== verifier.slice(2).toLowerCase()) return undefined;
  const assertion = decodeAssertion(signed.signature);
  if (assertion === undefined || !answersChallenge(assertion, typedDataDigest(data))) return undefined;
  if (Buffer.from(assertion.s).toString('hex') > halfOrder) return undefined;
  try {
    const coordinate = (hex: string): string => Buffer.from(hex, 'hex').toString('base64url');
    const key = createPublicKey({
      key: { kty: 'EC', crv: 'P-256', x: coordinate(x), y: coordinate(y) },
      format: 'jwk',
    });
    const message = Buffer.concat([
      assertion.authenticatorData,
      createHash('sha256').update(assertion.clientData).digest(),
    ]);
    const signature = Buffer.concat([assertion.r, assertion.s]);
    const good = verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature);
    return good ? controllerOfKey(signed.signer) : undefined;
  } catch {
    return undefined;
  }
}
