import { existsSync, mkdirSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose';

/** Who a sandbox token is for, and what it may do. A persona of the demo is one of these. */
export interface SandboxClaims {
  readonly user: string;
  readonly client: string;
  readonly roles: readonly string[];
  readonly purpose: string;
  readonly scope: string;
  readonly fhirUser?: string;
  readonly organisation?: string;
  readonly patient?: string;
  readonly study?: string;
  readonly acr?: string;
  /** Seconds since 1970. */
  readonly authTime?: number;
  readonly reason?: string;
}

export interface SigningKeys {
  /** As in the `iss` claim and the discovery document. */
  readonly issuer: string;
  /** The gateway's FHIR base URL. */
  readonly audience: string;
  /** Private keys; never leave the process but for the key file. */
  readonly privateKeys: readonly JWK[];
  readonly jwks: { readonly keys: JWK[] };
  mint(claims: SandboxClaims, seconds: number, now?: Date): Promise<string>;
}

interface KeyFile {
  readonly issuer: string;
  readonly audience: string;
  readonly keys: readonly JWK[];
}

/** The key file of a data folder is missing or is not one; the message says what to do. */
export class UnusableKeyFile extends Error {}

/** Reads the keys of a sandbox issuer that has run before. Rejects with UnusableKeyFile. */
export const readSigningKeys = async (file: string): Promise<SigningKeys> => {
  if (!existsSync(file))
    throw new UnusableKeyFile(`${file} does not exist. Start the demo once, or name its data folder with --data.`);
  const found = await parse(file);
  if (!found)
    throw new UnusableKeyFile(
      `${file} is not a key file of the sandbox issuer. Start the demo with --fresh to begin anew.`,
    );
  return signingKeys(found);
};

/** As `readSigningKeys`, but makes the keys at first use and keeps name and audience as they are now. */
export const openSigningKeys = async (file: string, issuer: string, audience: string): Promise<SigningKeys> => {
  const keys = existsSync(file)
    ? (await readSigningKeys(file)).privateKeys
    : await Promise.all(['ES256', 'RS256'].map(newKey));
  const content: KeyFile = { issuer, audience, keys };
  mkdirSync(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return signingKeys(content);
};

const newKey = async (alg: string): Promise<JWK> => {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg, use: 'sig' };
};

const parse = async (file: string): Promise<KeyFile | undefined> => {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isKeyFile(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

const isKeyFile = (value: unknown): value is KeyFile =>
  typeof value === 'object' &&
  value !== null &&
  'issuer' in value &&
  typeof value.issuer === 'string' &&
  'audience' in value &&
  typeof value.audience === 'string' &&
  'keys' in value &&
  Array.isArray(value.keys) &&
  value.keys.some((key) => key?.alg === 'ES256' && typeof key.d === 'string');

const signingKeys = ({ issuer, audience, keys }: KeyFile): SigningKeys => ({
  issuer,
  audience,
  privateKeys: keys,
  jwks: { keys: keys.map(publicPart) },
  mint: async (claims, seconds, now = new Date()) => {
    const [signer] = keys.filter(({ alg }) => alg === 'ES256');
    if (!signer) throw new UnusableKeyFile('The key file holds no ES256 key.');
    const issued = Math.floor(now.getTime() / 1000);
    return new SignJWT(accessTokenClaims(claims))
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: signer.kid ?? '' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(claims.user)
      .setIssuedAt(issued)
      .setNotBefore(issued)
      .setExpirationTime(issued + seconds)
      .setJti(crypto.randomUUID())
      .sign(await importJWK(signer, 'ES256'));
  },
});

const publicPart = ({ kty, crv, x, y, n, e, kid, alg, use }: JWK): JWK =>
  JSON.parse(JSON.stringify({ kty, crv, x, y, n, e, kid, alg, use })) as JWK;

/** The claims that the gateway reads, less those that every token has. */
export const accessTokenClaims = (claims: SandboxClaims) => ({
  client_id: claims.client,
  scope: claims.scope,
  roles: [...claims.roles],
  purpose_of_use: claims.purpose,
  ...optional('fhirUser', claims.fhirUser),
  ...optional('organization', claims.organisation),
  ...optional('patient', claims.patient),
  ...optional('study', claims.study),
  ...optional('acr', claims.acr),
  ...optional('auth_time', claims.authTime),
  ...optional('reason', claims.reason),
});

const optional = (name: string, value: string | number | undefined) => (value === undefined ? {} : { [name]: value });
