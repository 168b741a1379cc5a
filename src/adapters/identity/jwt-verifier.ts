import { hash } from 'node:crypto';
import {
  type CryptoKey,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import { LRUCache } from 'lru-cache';
import type { Principal } from '../../domain/identity/principal.ts';
import { type ClaimRules, principalFromClaims } from '../../domain/identity/principal-from-claims.ts';
import type { Instant } from '../../domain/instant.ts';
import { type Problem, problem } from '../../domain/problem.ts';
import type { IdentityVerifier } from '../../ports.ts';
import { type KeyLocation, type KeySource, keySource } from './key-source.ts';

export { KeysUnavailable } from './key-source.ts';

/** No symmetric and no `none`: a public key must never serve as a shared secret (RFC 8725 3.1). */
export const signatureAlgorithms = ['RS256', 'ES256', 'EdDSA'] as const;
export type SignatureAlgorithm = (typeof signatureAlgorithms)[number];

export type IssuerOptions = KeyLocation & {
  /** Exactly as in the `iss` claim. */
  readonly issuer: string;
  readonly audience: string | readonly string[];
  readonly algorithms: readonly SignatureAlgorithm[];
  readonly claims?: ClaimRules;
};

export interface JwtVerifierOptions {
  readonly issuers: readonly IssuerOptions[];
  /** Seconds that clocks may differ. */
  readonly clockTolerance?: number;
  /** Verified tokens remembered. */
  readonly cacheSize?: number;
}

export interface JwtVerifier extends IdentityVerifier {
  /** Fetches every issuer's keys, so that the first caller does not wait. Rejects with KeysUnavailable. */
  warm(): Promise<void>;
}

interface Verified {
  readonly principal: Principal;
  readonly from: number;
  readonly until: number;
}

/** A remembered token is verified anew after this, so that a key withdrawn by its issuer stops working. */
const rememberFor = 5 * 60 * 1000;

/** Longer tokens are not read: 16 KB is Node's own limit on all headers together. */
const longestToken = 16 * 1024;

// RFC 9068 2.1; issuers from before it write JWT, or nothing.
const acceptedTypes = new Set(['at+jwt', 'application/at+jwt', 'jwt']);

/**
 * Verifies access tokens of several issuers. A token that was verified before costs one hash and is answered at once,
 * not by a promise; the cache holds hashes only, never a token.
 */
export const createJwtVerifier = (options: JwtVerifierOptions): JwtVerifier => {
  const issuers = new Map(options.issuers.map((each) => [each.issuer, knownIssuer(each)]));
  if (issuers.size !== options.issuers.length) throw new Error('Two issuers have the same name; give each one entry.');
  const tolerance = options.clockTolerance ?? 30;
  const remembered = new LRUCache<string, Verified>({ max: options.cacheSize ?? 10_000 });

  const verifyAnew = async (bearer: string, name: string, now: Instant): Promise<Principal | Problem> => {
    const claimed = issuerOf(bearer);
    const issuer = claimed === undefined ? undefined : issuers.get(claimed);
    if (!issuer) return problem('auth-token-invalid');
    try {
      const payload = await verifySignature(bearer, issuer.keys.key, {
        issuer: issuer.options.issuer,
        audience: [issuer.options.audience].flat(),
        algorithms: [...issuer.options.algorithms],
        clockTolerance: tolerance,
        currentDate: new Date(now),
        requiredClaims: ['iss', 'aud', 'exp', 'sub'],
      });
      const principal = principalFromClaims(payload, issuer.options.claims);
      if ('code' in principal) return principal;
      const exp = ((payload.exp ?? 0) + tolerance) * 1000;
      const nbf = ((payload.nbf ?? 0) - tolerance) * 1000;
      remembered.set(name, { principal, from: nbf, until: Math.min(exp, now + rememberFor) });
      return principal;
    } catch (error) {
      if (error instanceof errors.JWTExpired) return problem('auth-token-expired');
      if (error instanceof errors.JOSEError || isUnusableKey(error)) return problem('auth-token-invalid');
      throw error;
    }
  };

  return {
    verify: (bearer, now) => {
      if (bearer === '') return problem('auth-token-missing');
      if (bearer.length > longestToken) return problem('auth-token-invalid');
      const name = hash('sha256', bearer, 'base64');
      const known = remembered.get(name);
      if (known && now >= known.from && now < known.until) return known.principal;
      return verifyAnew(bearer, name, now);
    },
    warm: async () => {
      await Promise.all([...issuers.values()].map(({ keys }) => keys.warm()));
    },
  };
};

const knownIssuer = (options: IssuerOptions): { readonly options: IssuerOptions; readonly keys: KeySource } => {
  const allowed: readonly string[] = signatureAlgorithms;
  const bad = options.algorithms.find((algorithm) => !allowed.includes(algorithm));
  if (bad !== undefined) throw new Error(`The algorithm ${bad} is not allowed; choose from ${allowed.join(', ')}.`);
  if (options.algorithms.length === 0) throw new Error('An issuer needs at least one signature algorithm.');
  if ([options.audience].flat().length === 0) throw new Error('An issuer needs an audience.');
  return { options, keys: keySource(options) };
};

/** The `iss` that an unverified token names, only to choose the keys; `undefined` when the token cannot be one of ours. */
const issuerOf = (bearer: string): string | undefined => {
  try {
    const { typ } = decodeProtectedHeader(bearer);
    if (typ !== undefined && !(typeof typ === 'string' && acceptedTypes.has(typ.toLowerCase()))) return undefined;
    return decodeJwt(bearer).iss;
  } catch {
    return undefined;
  }
};

/** Without a `kid`, or with one that several keys share, each key that fits is tried. */
const verifySignature = async (
  bearer: string,
  key: JWTVerifyGetKey,
  options: JWTVerifyOptions,
): Promise<JWTPayload> => {
  try {
    return (await jwtVerify(bearer, key, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const candidate of error as AsyncIterable<CryptoKey>) {
      try {
        return (await jwtVerify(bearer, candidate, options)).payload;
      } catch (failure) {
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
};

/** WebCrypto and jose throw these for a key that does not fit the header's algorithm. */
const isUnusableKey = (error: unknown): boolean => error instanceof TypeError || error instanceof DOMException;
