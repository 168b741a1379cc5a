import { readFile, stat } from 'node:fs/promises';
import { createLocalJWKSet, createRemoteJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';

/** Where an issuer's public keys come from. */
export type KeyLocation = { readonly jwksUri: string } | { readonly jwks: JSONWebKeySet } | { readonly file: string };

export interface KeySource {
  readonly key: JWTVerifyGetKey;
  /** Fetches the keys before anybody needs them. Rejects with KeysUnavailable. */
  warm(): Promise<void>;
}

/** The keys of an issuer cannot be had: no verdict on a token is possible. Holds no URL. */
export class KeysUnavailable extends Error {
  constructor(cause: unknown) {
    super('The keys of the token issuer cannot be had.', { cause });
  }
}

/** Keys older than this are fetched again before they are trusted, so that a withdrawn key stops working. */
export const keysMaxAge = 10 * 60 * 1000;

/** An unknown key id makes one fetch at most in this time: a flood of made-up ids must not reach the issuer. */
const cooldown = 30 * 1000;

export const keySource = (location: KeyLocation): KeySource => {
  if ('jwksUri' in location) return remoteKeys(location.jwksUri);
  return 'file' in location ? fileKeys(location.file) : localKeys(location.jwks);
};

const localKeys = (jwks: JSONWebKeySet): KeySource => ({ key: createLocalJWKSet(jwks), warm: () => Promise.resolve() });

const remoteKeys = (uri: string): KeySource => {
  const remote = createRemoteJWKSet(new URL(uri), {
    cacheMaxAge: keysMaxAge,
    cooldownDuration: cooldown,
    timeoutDuration: 5000,
  });
  let lastTry = 0;
  const reload = async (): Promise<void> => {
    lastTry = Date.now();
    await remote.reload();
  };
  /** Half-way through their age the keys are fetched behind the caller's back, so that nobody waits for the issuer. */
  const refresh = (): void => {
    const isDue = Date.now() - lastTry > keysMaxAge / 2;
    // A failure shows when the keys are too old, and then to the caller.
    if (isDue) reload().catch(() => undefined);
  };
  return {
    key: async (header, token) => {
      try {
        if (lastTry === 0) await reload();
        else refresh();
        return await remote(header, token);
      } catch (error) {
        throw isVerdict(error) ? error : new KeysUnavailable(error);
      }
    },
    warm: async () => {
      try {
        await reload();
      } catch (error) {
        throw new KeysUnavailable(error);
      }
    },
  };
};

/** Errors that speak about the token's header, not about the way to the keys. */
const isVerdict = (error: unknown): boolean =>
  error instanceof errors.JWKSNoMatchingKey ||
  error instanceof errors.JWKSMultipleMatchingKeys ||
  error instanceof errors.JOSENotSupported ||
  error instanceof errors.JWSInvalid;

/** Read again when the file changed, so that keys are rotated by writing a file. */
const fileKeys = (file: string): KeySource => {
  let read: { readonly mtime: number; readonly keys: JWTVerifyGetKey } | undefined;
  const load = async (): Promise<JWTVerifyGetKey> => {
    try {
      const { mtimeMs: mtime } = await stat(file);
      if (read?.mtime !== mtime) {
        read = { mtime, keys: createLocalJWKSet(JSON.parse(await readFile(file, 'utf8')) as JSONWebKeySet) };
      }
      return read.keys;
    } catch (error) {
      throw new KeysUnavailable(error);
    }
  };
  return {
    key: async (header, token) => (await load())(header, token),
    warm: async () => {
      await load();
    },
  };
};
