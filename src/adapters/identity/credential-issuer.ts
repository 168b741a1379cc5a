import { type CryptoKey, calculateJwkThumbprint, exportJWK } from 'jose';
import { type KeyLocation, keySource } from './key-source.ts';
import type { CredentialIssuer } from './sd-jwt.ts';

const LONGEST_LIST = 4 * 1024 * 1024;

/**
 * An issuer of researcher credentials whose keys and status lists are fetched from where it keeps them.
 * @param trusted Whether a key counts, by its RFC 7638 thumbprint; every key of the issuer without it.
 */
export function credentialIssuer(
  keys: KeyLocation,
  trusted?: (thumbprint: string) => Promise<boolean>,
): CredentialIssuer {
  const source = keySource(keys);
  return {
    async key(kid, algorithm) {
      try {
        const found = await source.key(
          { alg: algorithm, ...(kid === undefined ? {} : { kid }) },
          { payload: '', signature: '' },
        );
        // A key set gives imported keys only; the type covers what other getters may give.
        const key = found as CryptoKey;
        if (trusted === undefined) return key;
        return (await trusted(await calculateJwkThumbprint(await exportJWK(key)))) ? key : undefined;
      } catch {
        // No such key, or none to be had: either way nothing of this issuer is believed now.
        return undefined;
      }
    },
    async statusList(uri) {
      const response = await fetch(uri, {
        headers: { accept: 'application/statuslist+jwt' },
        redirect: 'error',
        signal: AbortSignal.timeout(5000),
      });
      if (!response.ok) throw new Error('The status list cannot be had.');
      const text = await response.text();
      if (text.length > LONGEST_LIST) throw new RangeError('The status list is larger than it may be.');
      return text;
    },
  };
}
