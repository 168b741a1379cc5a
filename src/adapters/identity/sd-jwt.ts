import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import { type CryptoKey, compactVerify, decodeProtectedHeader, importJWK, type JWK, type KeyObject } from 'jose';

/** SD-JWT (RFC 9901) as a verifiable credential, with key binding and a status list. */

type Claims = Readonly<Record<string, unknown>>;
type Key = CryptoKey | KeyObject | Uint8Array;

export interface CredentialIssuer {
  /** The key for a `kid`; undefined: the issuer has none such. */
  key(kid: string | undefined, algorithm: string): Promise<Key | undefined>;
  /** Fetches a status list token of this issuer. Rejects when it cannot be had. */
  statusList(uri: string): Promise<string>;
}

export interface CredentialOptions {
  /** By `iss`: only these are believed. */
  readonly issuers: ReadonlyMap<string, CredentialIssuer>;
  /** `vct` of the credentials that are taken. */
  readonly types: ReadonlySet<string>;
  /** What the holder's key binding must name. */
  readonly audience: string;
  /** How old a key binding may be, in seconds. */
  readonly bindingSeconds: number;
  /** How long a status list is kept at most, in seconds. */
  readonly statusSeconds: number;
  /** Clock difference that is forgiven, in seconds. */
  readonly leeway: number;
}

/** What a valid presentation says. */
export interface Credential {
  readonly issuer: string;
  readonly type: string;
  readonly claims: Claims;
  /** When the credential ends; seconds. */
  readonly expires: number;
  readonly status?: { readonly uri: string; readonly index: number };
}

export type CredentialFault =
  | 'malformed'
  | 'issuer'
  | 'signature'
  | 'type'
  | 'expired'
  | 'not-yet'
  | 'disclosure'
  | 'key-binding'
  | 'audience'
  | 'nonce'
  | 'revoked'
  | 'status-unavailable';

export type CredentialCheck =
  | { readonly ok: true; readonly credential: Credential }
  | { readonly ok: false; readonly fault: CredentialFault };

export interface CredentialVerifier {
  /** `nonce`: what the holder was asked to bind, used once. `now` in seconds. */
  verify(presentation: string, nonce: string, now: number): Promise<CredentialCheck>;
  /** Does a credential that was valid still stand? For the timer: asks for expiry and status only. */
  recheck(credential: Credential, now: number): Promise<CredentialCheck>;
}

/** Asymmetric only: a shared key would let a verifier make credentials. */
const algorithms = ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'RS256', 'PS256'];
const longest = 64 * 1024;

class Refused extends Error {
  readonly fault: CredentialFault;
  constructor(fault: CredentialFault) {
    super(fault);
    this.fault = fault;
  }
}

const refuse = (fault: CredentialFault): never => {
  throw new Refused(fault);
};

const isObject = (value: unknown): value is Claims =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const digestOf = (text: string): string => createHash('sha256').update(text, 'ascii').digest('base64url');

const json = (bytes: Uint8Array): Claims => {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return isObject(value) ? value : refuse('malformed');
  } catch (error) {
    if (error instanceof Refused) throw error;
    return refuse('malformed');
  }
};

const headerOf = (token: string): Claims & { readonly alg?: string; readonly kid?: string; readonly typ?: string } => {
  try {
    return decodeProtectedHeader(token) as Claims;
  } catch {
    return refuse('malformed');
  }
};

const payloadOf = (token: string): Claims => json(Buffer.from(token.split('.')[1] ?? '', 'base64url'));

const verified = async (token: string, key: Key, fault: CredentialFault): Promise<Claims> => {
  const found = await compactVerify(token, key, { algorithms }).catch(() => refuse(fault));
  return json(found.payload);
};

interface Disclosure {
  readonly name?: string;
  readonly value: unknown;
}

const disclosureOf = (text: string): Disclosure => {
  const parts: unknown = (() => {
    try {
      return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    } catch {
      return refuse('disclosure');
    }
  })();
  if (!Array.isArray(parts) || typeof parts[0] !== 'string') return refuse('disclosure');
  if (parts.length === 2) return { value: parts[1] };
  const name: unknown = parts[1];
  if (parts.length !== 3 || typeof name !== 'string' || name === '_sd' || name === '...') return refuse('disclosure');
  return { name, value: parts[2] };
};

/** Claims that an issuer must state openly (SD-JWT VC, section 3.2.2.2): a holder could leave a hidden one out. */
const open = new Set(['iss', 'nbf', 'exp', 'cnf', 'vct', 'status', '_sd_alg']);

/** Puts the disclosed claims in the place of their digests (RFC 9901, section 7.1). Each digest may stand once. */
const disclose = (payload: Claims, disclosures: readonly string[]): Claims => {
  const byDigest = new Map<string, Disclosure>();
  for (const text of disclosures) {
    const digest = digestOf(text);
    if (byDigest.has(digest)) refuse('disclosure');
    byDigest.set(digest, disclosureOf(text));
  }
  const seen = new Set<string>();
  const used = new Set<string>();
  const take = (digest: unknown): Disclosure | undefined => {
    if (typeof digest !== 'string' || seen.has(digest)) return refuse('disclosure');
    seen.add(digest);
    const found = byDigest.get(digest);
    if (found !== undefined) used.add(digest);
    return found;
  };
  const opened = (value: unknown, top = false): unknown => {
    if (Array.isArray(value)) {
      return value.flatMap((one: unknown): readonly unknown[] => {
        if (!isObject(one) || !('...' in one)) return [opened(one)];
        if (Object.keys(one).length !== 1) return refuse('disclosure');
        const found = take(one['...']);
        if (found === undefined) return [];
        return found.name === undefined ? [opened(found.value)] : refuse('disclosure');
      });
    }
    if (!isObject(value)) return value;
    const claims = new Map<string, unknown>();
    for (const [name, inner] of Object.entries(value)) if (name !== '_sd') claims.set(name, opened(inner));
    if ('_sd' in value) {
      if (!Array.isArray(value._sd)) return refuse('disclosure');
      for (const digest of value._sd) {
        const found = take(digest);
        if (found === undefined) continue;
        if (found.name === undefined || claims.has(found.name)) return refuse('disclosure');
        if (top && open.has(found.name)) return refuse('disclosure');
        claims.set(found.name, opened(found.value));
      }
    }
    return Object.fromEntries(claims);
  };
  const { _sd_alg: algorithm, ...rest } = payload;
  if (algorithm !== undefined && algorithm !== 'sha-256') refuse('disclosure');
  const claims = opened(rest, true);
  if (used.size !== byDigest.size || !isObject(claims)) return refuse('disclosure');
  return claims;
};

const secondsOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;

/** A status value other than 0 (valid) closes: revoked, suspended or anything that is not known here. */
const statusAt = (list: Claims, index: number): number => {
  const { bits, lst } = isObject(list.status_list) ? list.status_list : {};
  if ((bits !== 1 && bits !== 2 && bits !== 4 && bits !== 8) || typeof lst !== 'string')
    return refuse('status-unavailable');
  const bytes = (() => {
    try {
      return inflateSync(Buffer.from(lst, 'base64url'), { maxOutputLength: 64 * 1024 * 1024 });
    } catch {
      return refuse('status-unavailable');
    }
  })();
  const perByte = 8 / bits;
  const byte = bytes[Math.floor(index / perByte)];
  // An index beyond the list has no status that could be relied on.
  if (byte === undefined) return refuse('status-unavailable');
  return (byte >> ((index % perByte) * bits)) & (2 ** bits - 1);
};

export const createCredentialVerifier = (options: CredentialOptions): CredentialVerifier => {
  const { issuers, leeway } = options;
  const lists = new Map<string, { readonly list: Claims; readonly until: number }>();

  const statusList = async (iss: string, issuer: CredentialIssuer, uri: string, now: number): Promise<Claims> => {
    const cacheKey = JSON.stringify([iss, uri]);
    const known = lists.get(cacheKey);
    if (known !== undefined && now < known.until) return known.list;
    const token = await issuer.statusList(uri).catch(() => refuse('status-unavailable'));
    const header = headerOf(token);
    const key = await issuer.key(header.kid, header.alg ?? '');
    if (key === undefined || header.typ !== 'statuslist+jwt') return refuse('status-unavailable');
    const list = await verified(token, key, 'status-unavailable');
    const exp = secondsOf(list.exp);
    if (list.sub !== uri || (exp !== undefined && now >= exp + leeway)) return refuse('status-unavailable');
    const ttl = Math.min(secondsOf(list.ttl) ?? options.statusSeconds, options.statusSeconds);
    lists.set(cacheKey, { list, until: Math.min(now + ttl, exp ?? Number.POSITIVE_INFINITY) });
    return list;
  };

  const checkStatus = async (credential: Credential, now: number): Promise<void> => {
    if (now >= credential.expires + leeway) refuse('expired');
    const issuer = issuers.get(credential.issuer);
    if (issuer === undefined) return refuse('issuer');
    if (credential.status === undefined) return;
    const list = await statusList(credential.issuer, issuer, credential.status.uri, now);
    if (statusAt(list, credential.status.index) !== 0) refuse('revoked');
  };

  const checkBinding = async (
    presented: string,
    binding: string,
    claims: Claims,
    nonce: string,
    now: number,
  ): Promise<void> => {
    const jwk = isObject(claims.cnf) && isObject(claims.cnf.jwk) ? (claims.cnf.jwk as JWK) : refuse('key-binding');
    const header = headerOf(binding);
    if (header.typ !== 'kb+jwt' || typeof header.alg !== 'string') refuse('key-binding');
    const key = await importJWK(jwk, header.alg).catch(() => refuse('key-binding'));
    const bound = await verified(binding, key, 'key-binding');
    if (bound.aud !== options.audience) refuse('audience');
    if (bound.nonce !== nonce) refuse('nonce');
    const issued = secondsOf(bound.iat);
    if (issued === undefined || issued > now + leeway || issued < now - options.bindingSeconds) refuse('key-binding');
    if (bound.sd_hash !== digestOf(presented)) refuse('key-binding');
  };

  const verify = async (presentation: string, nonce: string, now: number): Promise<Credential> => {
    if (presentation.length > longest || !/^[A-Za-z0-9._~-]+$/.test(presentation)) refuse('malformed');
    const parts = presentation.split('~');
    const [token = ''] = parts;
    const binding = parts.at(-1) ?? '';
    // Without key binding whoever saw the credential once could present it.
    if (parts.length < 2 || binding === '') refuse('key-binding');
    const disclosures = parts.slice(1, -1);
    const header = headerOf(token);
    if (header.typ !== 'dc+sd-jwt' && header.typ !== 'vc+sd-jwt') refuse('malformed');
    const iss = payloadOf(token).iss;
    const issuer = typeof iss === 'string' ? issuers.get(iss) : undefined;
    if (issuer === undefined || typeof iss !== 'string') return refuse('issuer');
    const key = await issuer.key(header.kid, header.alg ?? '');
    if (key === undefined) return refuse('signature');
    const claims = disclose(await verified(token, key, 'signature'), disclosures);
    if (claims.iss !== iss) refuse('issuer');
    if (typeof claims.vct !== 'string' || !options.types.has(claims.vct)) return refuse('type');
    const expires = secondsOf(claims.exp);
    const from = secondsOf(claims.nbf);
    if (expires === undefined) return refuse('expired');
    if (from !== undefined && now < from - leeway) refuse('not-yet');
    await checkBinding(presentation.slice(0, presentation.length - binding.length), binding, claims, nonce, now);
    const listed = isObject(claims.status) ? claims.status.status_list : undefined;
    if (claims.status !== undefined && !isObject(listed)) refuse('status-unavailable');
    const status = isObject(listed) ? { uri: listed.uri, index: listed.idx } : undefined;
    if (status !== undefined && (typeof status.uri !== 'string' || !Number.isSafeInteger(status.index)))
      refuse('status-unavailable');
    const credential: Credential = {
      issuer: iss,
      type: claims.vct,
      claims,
      expires,
      ...(status === undefined ? {} : { status: status as { uri: string; index: number } }),
    };
    await checkStatus(credential, now);
    return credential;
  };

  const checked = async (work: () => Promise<Credential>): Promise<CredentialCheck> => {
    try {
      return { ok: true, credential: await work() };
    } catch (error) {
      if (error instanceof Refused) return { ok: false, fault: error.fault };
      throw error;
    }
  };

  return {
    verify: (presentation, nonce, now) => checked(() => verify(presentation, nonce, now)),
    recheck: (credential, now) =>
      checked(async () => {
        await checkStatus(credential, now);
        return credential;
      }),
  };
};
