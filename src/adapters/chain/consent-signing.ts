import { hexlify, Wallet } from 'ethers';
import type { TypedData } from '../../domain/consent/typed-data.ts';
import { recoverPasskey } from './passkey.ts';
import { addressOfKey, controllerOfSigner, grantIdOf, recoverSigner, type Signature } from './sign.ts';

/** Signing and checking for the consent API: with keys that the vault keeps, and of what wallets signed. */
export const consentSigning = {
  accountOf: (key: Uint8Array): string => addressOfKey(hexlify(key)),
  controllerOf: controllerOfSigner,
  async sign(key: Uint8Array, data: TypedData): Promise<Signature> {
    const wallet = new Wallet(hexlify(key));
    const types = Object.fromEntries(Object.entries(data.types).map(([name, fields]) => [name, [...fields]]));
    return {
      signer: wallet.address.toLowerCase(),
      signature: await wallet.signTypedData(data.domain, types, data.message),
    };
  },
  recover: recoverSigner,
  grantId: grantIdOf,
};

/** The same, with passkeys checked as the verifier contract at this address does. */
export const signingWithPasskeys = (verifier: string | undefined): typeof consentSigning =>
  verifier === undefined
    ? consentSigning
    : {
        ...consentSigning,
        recover: (data, signed) => recoverSigner(data, signed) ?? recoverPasskey(data, signed, verifier),
      };
