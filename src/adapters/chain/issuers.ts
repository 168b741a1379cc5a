import { concat, keccak256, toUtf8Bytes, zeroPadValue } from 'ethers';
import type { EpochSeconds } from '../../domain/consent/grant.ts';
import type { RegistryReplica } from './replica-contract.ts';

export interface IssuerTrustOptions {
  readonly replica: Pick<RegistryReplica, 'provenWord'>;
  /** The IssuerRegistry. */
  readonly contract: string;
  /** How long an answer may be used before the chain is asked again. */
  readonly maxAgeMs: number;
}

/** Whose credentials are believed, as the chain holds it. */
export interface IssuerTrust {
  /**
   * The time until which a key of an issuer counts; 0 when it does not, or when that cannot be proven now.
   * @param issuer The `iss` of the credential.
   * @param thumbprint Its key's RFC 7638 thumbprint, base64url.
   */
  trustedUntil(issuer: string, thumbprint: string): Promise<EpochSeconds>;
}

/** `_until` lies after the accumulator and the authority. */
const mappingSlot = `0x${'2'.padStart(64, '0')}`;

export function createIssuerTrust(options: IssuerTrustOptions): IssuerTrust {
  const known = new Map<string, { readonly until: Promise<EpochSeconds>; readonly asked: number }>();

  async function ask(issuer: string, thumbprint: string): Promise<EpochSeconds> {
    const outer = keccak256(concat([keccak256(toUtf8Bytes(issuer)), mappingSlot]));
    const key = zeroPadValue(Buffer.from(thumbprint, 'base64url'), 32);
    const word = await options.replica.provenWord(options.contract, keccak256(concat([key, outer])));
    return (word === undefined ? 0 : Number(BigInt(word))) as EpochSeconds;
  }

  return {
    trustedUntil(issuer, thumbprint) {
      const name = `${thumbprint} ${issuer}`;
      const before = known.get(name);
      if (before && performance.now() - before.asked < options.maxAgeMs) return before.until;
      const until = ask(issuer, thumbprint);
      known.set(name, { until, asked: performance.now() });
      // A failure is not an answer: the next caller asks again.
      until.then(
        (time) => time === 0 && known.delete(name),
        () => known.delete(name),
      );
      return until;
    },
  };
}
