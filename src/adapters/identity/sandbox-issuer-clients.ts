import type { Adapter, AdapterPayload } from 'oidc-provider';

/**
 * What the provider keeps (sessions, codes, grants) in memory: a restart of the sandbox logs everybody out, but tokens that were
 * issued stay valid, since the signing keys are kept.
 */
export const memoryAdapter = (): ((name: string) => Adapter) => {
  const entries = new Map<string, { readonly payload: AdapterPayload; readonly expires: number }>();
  const keysOfGrant = new Map<string, Set<string>>();
  return (name) => {
    const keyOf = (id: string): string => `${name}:${id}`;
    const find = (key: string): AdapterPayload | undefined => {
      const entry = entries.get(key);
      if (entry && entry.expires < Date.now()) entries.delete(key);
      return entries.get(key)?.payload;
    };
    const findBy = (field: 'uid' | 'userCode', value: string): AdapterPayload | undefined => {
      for (const [key, { payload }] of entries)
        if (key.startsWith(`${name}:`) && payload[field] === value) return find(key);
      return undefined;
    };
    return {
      upsert: async (id, payload, seconds) => {
        entries.set(keyOf(id), { payload, expires: seconds ? Date.now() + seconds * 1000 : Number.POSITIVE_INFINITY });
        if (!payload.grantId) return;
        const keys = keysOfGrant.get(payload.grantId) ?? new Set<string>();
        keysOfGrant.set(payload.grantId, keys.add(keyOf(id)));
      },
      find: async (id) => find(keyOf(id)) ?? (name === 'Client' ? anyPublicClient(id) : undefined),
      findByUid: async (uid) => findBy('uid', uid),
      findByUserCode: async (code) => findBy('userCode', code),
      consume: async (id) => {
        const payload = find(keyOf(id));
        if (payload) payload.consumed = Math.floor(Date.now() / 1000);
      },
      destroy: async (id) => {
        entries.delete(keyOf(id));
      },
      revokeByGrantId: async (grantId) => {
        for (const key of keysOfGrant.get(grantId) ?? []) entries.delete(key);
        keysOfGrant.delete(grantId);
      },
    };
  };
};

/**
 * Every client id that nobody registered is a public app (PKCE, any loopback redirect), so that an app under development runs
 * against the sandbox without a form to fill in. Apps with keys register themselves at the registration endpoint.
 */
const anyPublicClient = (id: string): AdapterPayload | undefined =>
  /^[A-Za-z0-9._-]{1,80}$/.test(id)
    ? {
        client_id: id,
        client_name: id,
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        redirect_uris: ['http://127.0.0.1/'],
        post_logout_redirect_uris: ['http://127.0.0.1/'],
      }
    : undefined;

/** An app under development lives on this machine: `localhost`, 127.0.0.0/8 or `[::1]`, at any port and path. */
export const isLoopback = (uri: string): boolean => {
  if (!URL.canParse(uri)) return false;
  const { protocol, hostname, hash, username } = new URL(uri);
  const isLocal = hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
  return isLocal && (protocol === 'http:' || protocol === 'https:') && hash === '' && username === '';
};
