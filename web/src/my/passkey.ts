import { encodeAssertion, pointOf, signatureParts } from '../../../src/domain/consent/passkey.ts';
import type { TypedData } from '../../../src/domain/consent/typed-data.ts';
import { typedDataDigest } from '../../../src/domain/consent/typed-data-digest.ts';
import { fromBase64Url, toBase64Url, toHex } from '../../../src/domain/ledger/base64.ts';
import { type Signed, SigningFailed } from './wallet.ts';

/** Passkeys belong to a name: WebAuthn gives none to a bare IP address. */
export const passkeysHere = (): boolean =>
  'PublicKeyCredential' in window && isSecureContext && !/^(\d+(\.\d+){3}|\[.*\])$/.test(location.hostname);

export interface NewPasskey {
  /** The coordinates of its key, 0x and 128 hex digits. */
  readonly point: string;
  readonly credential: string;
}

/** The device makes a key that never leaves it, or its maker's keychain, and asks the person before each use. */
export async function createPasskey(displayName: string): Promise<NewPasskey> {
  const random = (): Uint8Array<ArrayBuffer> => crypto.getRandomValues(new Uint8Array(32));
  const made = await asked(() =>
    navigator.credentials.create({
      publicKey: {
        challenge: random(),
        rp: { name: 'Consentry' },
        user: { id: random(), name: displayName, displayName },
        pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
        authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
        attestation: 'none',
      },
    }),
  );
  const response = made?.response as AuthenticatorAttestationResponse | undefined;
  const spki = response?.getPublicKey();
  const point = spki ? pointOf(new Uint8Array(spki)) : undefined;
  if (made === undefined || point === undefined) throw new SigningFailed('passkey');
  return { point: `0x${toHex(point)}`, credential: toBase64Url(new Uint8Array(made.rawId)) };
}

export async function signWithPasskey(
  data: TypedData,
  key: { readonly signer: string; readonly credential: string },
): Promise<Signed> {
  const id = fromBase64Url(key.credential)?.slice();
  if (id === undefined || !passkeysHere()) throw new SigningFailed('passkey');
  const made = await asked(() =>
    navigator.credentials.get({
      publicKey: {
        challenge: typedDataDigest(data).slice(),
        allowCredentials: [{ type: 'public-key', id }],
        userVerification: 'required',
      },
    }),
  );
  const response = made?.response as AuthenticatorAssertionResponse | undefined;
  const parts = response && signatureParts(new Uint8Array(response.signature));
  if (response === undefined || parts === undefined) throw new SigningFailed('passkey');
  return {
    signer: key.signer,
    signature: encodeAssertion({
      ...parts,
      authenticatorData: new Uint8Array(response.authenticatorData),
      clientData: new Uint8Array(response.clientDataJSON),
    }),
  };
}

async function asked(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential | undefined> {
  const credential = await ask().catch(() => null);
  return credential instanceof PublicKeyCredential ? credential : undefined;
}
