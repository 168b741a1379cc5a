import type { IssuerMetadata } from '../../domain/fhir/capability.ts';

export interface IssuerDirectory {
  /** What is known now; never a network call. What is old is asked for again behind the caller's back. */
  current(): readonly IssuerMetadata[];
  /** Asks every issuer. Does not reject: an issuer that tells nothing is named without endpoints. */
  refresh(): Promise<void>;
}

const maxAge = 10 * 60 * 1000;
const patience = 5000;

/** OpenID Connect Discovery 1.0 and RFC 8414: an issuer tells its endpoints below its own name. */
const documents = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'];

/** The endpoints of the configured issuers, for `.well-known/smart-configuration`: apps begin there. */
export const createIssuerDirectory = (
  issuers: readonly { readonly issuer: string; readonly jwksUri?: string }[],
): IssuerDirectory => {
  let known: readonly IssuerMetadata[] = issuers.map(({ issuer, jwksUri }) => ({
    issuer,
    ...(jwksUri ? { jwksUri } : {}),
  }));
  let asked = 0;
  const refresh = async (): Promise<void> => {
    asked = Date.now();
    const told = await Promise.all(issuers.map(({ issuer }) => ask(issuer)));
    known = known.map((before, index) => ({ ...before, ...told[index] }));
  };
  return {
    current: () => {
      if (Date.now() - asked > maxAge) void refresh();
      return known;
    },
    refresh,
  };
};

const ask = async (issuer: string): Promise<Partial<IssuerMetadata>> => {
  for (const document of documents) {
    const told = await read(`${issuer.replace(/\/$/, '')}${document}`, issuer);
    if (told) return told;
  }
  return {};
};

const read = async (url: string, issuer: string): Promise<Partial<IssuerMetadata> | undefined> => {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(patience), redirect: 'error' });
    const body: unknown = response.ok ? await response.json() : undefined;
    // Discovery 4.3: another name in the document means another issuer.
    if (typeof body !== 'object' || body === null || !('issuer' in body) || body.issuer !== issuer) return undefined;
    return endpointsOf(body as Record<string, unknown>);
  } catch {
    return undefined;
  }
};

const names = {
  jwks_uri: 'jwksUri',
  authorization_endpoint: 'authorizationEndpoint',
  token_endpoint: 'tokenEndpoint',
  introspection_endpoint: 'introspectionEndpoint',
  revocation_endpoint: 'revocationEndpoint',
  registration_endpoint: 'registrationEndpoint',
  end_session_endpoint: 'endSessionEndpoint',
} as const;

const endpointsOf = (document: Record<string, unknown>): Partial<IssuerMetadata> =>
  Object.fromEntries(
    Object.entries(names).flatMap(([told, name]) => {
      const url = document[told];
      return typeof url === 'string' && /^https?:\/\//.test(url) && URL.canParse(url) ? [[name, url]] : [];
    }),
  );
