import { hash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errors, type Interaction, type JWKS, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { isLoopback, memoryAdapter } from './sandbox-issuer-clients.ts';
import { type LoginPersona, loginPage, logoutPage, type PickablePatient, pagePolicy } from './sandbox-issuer-page.ts';
import { withClientOfRefreshToken } from './sandbox-issuer-refresh.ts';
import { accessTokenClaims, openSigningKeys, type SandboxClaims, type SigningKeys } from './signing-keys.ts';

export interface SandboxIssuerOptions {
  /** 0 picks a free one. */
  readonly port: number;
  /** Private keys are kept here, readable by the owner only. */
  readonly keyFile: string;
  /** FHIR base URL of the gateway: audience of access tokens, and what apps send as `aud`. */
  readonly gatewayAudience: string;
  readonly personas?: readonly LoginPersona[];
  /** For the patient picker of a standalone launch. */
  readonly patients?: () => Promise<readonly PickablePatient[]>;
}

export interface SandboxIssuer {
  /** Base URL and `iss`. Discovery is below it at `/.well-known/openid-configuration`. */
  readonly issuer: string;
  readonly jwksUri: string;
  readonly jwks: SigningKeys['jwks'];
  mint(claims: SandboxClaims, seconds: number): Promise<string>;
  close(): Promise<void>;
}

/**
 * An OpenID provider for the sandbox: personas instead of passwords, SMART standalone launch with a patient picker, PKCE,
 * refresh, and Backend Services with keys. Loopback only.
 */
export const startSandboxIssuer = async (options: SandboxIssuerOptions): Promise<SandboxIssuer> => {
  let handler: (request: IncomingMessage, response: ServerResponse) => unknown = (_request, response) => {
    response.writeHead(503).end();
  };
  const server = createServer((request, response) => void handler(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const keys = await openSigningKeys(options.keyFile, issuer, options.gatewayAudience);
  const provider = createProvider(options, keys);
  const callback = provider.callback();
  handler = async (request, response) => callback(await withClientOfRefreshToken(provider, request), response);
  return {
    issuer,
    jwksUri: `${issuer}/jwks`,
    jwks: keys.jwks,
    mint: (claims, seconds) => keys.mint(claims, seconds),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

/** Koa's context, outside the routes of the provider. */
type RouteContext = Parameters<Parameters<Provider['use']>[0]>[0];

const accessTokenSeconds = 3600;
const refreshSeconds = 30 * 24 * 3600;

const createProvider = (options: SandboxIssuerOptions, keys: SigningKeys): Provider => {
  const personas = options.personas ?? [];
  const byUser = new Map(personas.map((persona) => [persona.user, persona]));
  /** What was picked at log-in, by grant: refreshed tokens keep it. */
  const launches = new Map<string, string>();

  const provider = new Provider(keys.issuer, {
    adapter: memoryAdapter(),
    jwks: { keys: keys.privateKeys } as unknown as JWKS,
    // Derived, so that a restart does not turn every browser's cookie into an error.
    cookies: { keys: [hash('sha256', keys.privateKeys[0]?.d ?? '')] },
    routes: {
      authorization: '/authorize',
      token: '/token',
      jwks: '/jwks',
      userinfo: '/userinfo',
      registration: '/register',
    },
    scopes: ['openid', 'offline_access', 'online_access', 'fhirUser', 'profile'],
    claims: { openid: ['sub'], fhirUser: ['fhirUser'], profile: ['name', 'fhirUser'] },
    conformIdTokenClaims: false,
    responseTypes: ['code'],
    pkce: { required: () => true },
    acrValues: acrValues,
    extraParams: ['aud', 'launch'],
    extraClientMetadata: { properties: ['consentry_roles', 'consentry_purpose', 'consentry_organization'] },
    clientAuthMethods: ['none', 'private_key_jwt', 'client_secret_basic', 'client_secret_post'],
    enabledJWA: {
      // SMART App Launch 2.2 requires RS384 and ES384 of Backend Services.
      clientAuthSigningAlgValues: ['RS384', 'ES384', 'RS256', 'ES256', 'EdDSA'],
      idTokenSigningAlgValues: ['RS256', 'ES256'],
    },
    ttl: {
      AccessToken: accessTokenSeconds,
      ClientCredentials: 300,
      Grant: refreshSeconds,
      IdToken: accessTokenSeconds,
      Interaction: 3600,
      RefreshToken: refreshSeconds,
      Session: 8 * 3600,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      registration: { enabled: true },
      revocation: { enabled: true },
      rpInitiatedLogout: {
        logoutSource: (ctx, form) => {
          ctx.set('content-security-policy', pagePolicy);
          ctx.body = logoutPage(form);
        },
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => keys.audience,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx) => ({
          scope: resourceScopes(ctx),
          audience: keys.audience,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    clientBasedCORS: (_ctx, origin) => isLoopback(origin),
    issueRefreshToken: (_ctx, client, source) =>
      client.grantTypeAllowed('refresh_token') &&
      (source.scopes.has('offline_access') || source.scopes.has('online_access')),
    findAccount: (_ctx, id) => {
      const persona = byUser.get(id);
      if (!persona) return undefined;
      return {
        accountId: id,
        claims: () => ({
          sub: id,
          name: persona.title,
          // SMART: an absolute URL. Apps read it, so it must lead through the gateway.
          ...(persona.fhirUser ? { fhirUser: `${keys.audience}/${persona.fhirUser}` } : {}),
        }),
      };
    },
    extraTokenClaims: (ctx, token) => {
      if (token.kind === 'ClientCredentials') return systemClaims(ctx);
      const persona = byUser.get(token.accountId);
      if (!persona) return undefined;
      const { AuthorizationCode: code, RefreshToken: refresh } = ctx.oidc.entities;
      const { acr, authTime } = code ?? refresh ?? {};
      const { patient: _own, ...rest } = persona;
      const patient = launches.get(token.grantId ?? '');
      const claims = accessTokenClaims({
        ...rest,
        client: token.clientId ?? '',
        scope: token.scope ?? '',
        ...(patient ? { patient } : {}),
        ...(acr ? { acr } : {}),
        ...(authTime ? { authTime } : {}),
      });
      const { client_id: _client, scope: _scope, ...extra } = claims;
      return extra;
    },
    renderError: (ctx, out) => {
      ctx.type = 'json';
      ctx.body = out;
    },
  });

  provider.Client.prototype.redirectUriAllowed = isLoopback;
  provider.Client.prototype.postLogoutRedirectUriAllowed = isLoopback;
  provider.use(async (ctx, next) => {
    if (ctx.path === '/authorize') askForConsent(ctx);
    if (ctx.path.startsWith('/interaction/')) return interact(provider, ctx, { options, personas, launches });
    await next();
    const { body } = ctx as { body?: Record<string, unknown> };
    if (ctx.path === '/token' && typeof body?.access_token === 'string') {
      // SMART App Launch 2.2, "launch context arrives with your access_token".
      const { Grant: grant, AuthorizationCode: code } = ctx.oidc.entities;
      const patient = launches.get(grant?.jti ?? '');
      if (patient) Object.assign(body, { patient, need_patient_banner: true });
      // The provider names the scopes of the access token only; apps look for `openid` and `fhirUser` too.
      if (code?.scope) body.scope = code.scope;
    }
  });
  return provider;
};

const acrValues = ['urn:consentry:acr:password', 'urn:consentry:acr:second-factor'];

const resourceScope =
  /^(?:patient|user|system)\/(?:\*|[A-Za-z]+)\.(?:[cruds]+|read|write|\*)(?:\?[\x21\x23-\x5B\x5D-\x7E]+)?$/;
const contextScopes = new Set(['launch', 'launch/patient', 'launch/encounter', 'consentry/officer']);

/** SMART scopes are a language, not a list: every well-formed one that was asked for is known. */
const resourceScopes = (ctx: KoaContextWithOIDC): string => {
  const asked = String(
    ctx.oidc.params?.scope ?? ctx.oidc.entities.RefreshToken?.scope ?? ctx.oidc.entities.AuthorizationCode?.scope ?? '',
  ).split(' ');
  const { client } = ctx.oidc;
  const isSystem = client?.grantTypeAllowed('client_credentials') === true;
  return asked
    .filter((each) => contextScopes.has(each) || (resourceScope.test(each) && each.startsWith('system/') === isSystem))
    .join(' ');
};

/** Backend Services: the client is its own user, and what it may be is in its registration. */
const systemClaims = (ctx: KoaContextWithOIDC) => {
  const { client } = ctx.oidc;
  const organization = client?.consentry_organization;
  return {
    roles: String(client?.consentry_roles ?? 'system').split(' '),
    purpose_of_use: String(client?.consentry_purpose ?? 'HOPERAT'),
    ...(typeof organization === 'string' ? { organization } : {}),
  };
};

/** OpenID Connect lets `offline_access` count only with `prompt=consent`; SMART apps do not send it. */
const askForConsent = (ctx: RouteContext): void => {
  const scope = String(ctx.query.scope ?? '').split(' ');
  if (scope.includes('offline_access') && ctx.query.prompt === undefined)
    ctx.query = { ...ctx.query, prompt: 'consent' };
};

interface InteractionContext {
  readonly options: SandboxIssuerOptions;
  readonly personas: readonly LoginPersona[];
  readonly launches: Map<string, string>;
}

const interact = async (provider: Provider, ctx: RouteContext, context: InteractionContext): Promise<void> => {
  ctx.set({ 'cache-control': 'no-store', 'content-security-policy': pagePolicy, 'x-content-type-options': 'nosniff' });
  try {
    const interaction = await provider.interactionDetails(ctx.req, ctx.res);
    const { aud } = interaction.params;
    if (typeof aud === 'string' && aud.replace(/\/$/, '') !== context.options.gatewayAudience) {
      const result = { error: 'invalid_request', error_description: 'aud is not the FHIR base URL of this gateway' };
      await finish(provider, ctx, interaction, result);
    } else if (ctx.method === 'POST') {
      await finish(provider, ctx, interaction, await answer(provider, interaction, await readForm(ctx.req), context));
    } else {
      ctx.type = 'html';
      ctx.body = loginPage({
        uid: interaction.uid,
        client: String(interaction.params.client_id),
        scope: String(interaction.params.scope ?? ''),
        personas: context.personas,
        patients: wantsPatient(interaction) ? ((await context.options.patients?.()) ?? []) : [],
      });
    }
  } catch (error) {
    if (!(error instanceof errors.SessionNotFound)) throw error;
    ctx.status = 400;
    ctx.body = 'This log-in has expired. Go back to the app and start again.';
  }
};

const wantsPatient = ({ params }: Interaction): boolean =>
  /(?:^| )(?:launch\/patient|patient\/)/.test(String(params.scope ?? ''));

const finish = async (
  provider: Provider,
  ctx: RouteContext,
  interaction: Interaction,
  result: Parameters<Provider['interactionResult']>[2],
): Promise<void> => {
  interaction.result = result;
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result, { mergeWithLastSubmission: false }));
};

/** What the form says, as the result of log-in and consent in one step. */
const answer = async (
  provider: Provider,
  interaction: Interaction,
  form: URLSearchParams,
  { personas, launches }: InteractionContext,
): Promise<Parameters<Provider['interactionResult']>[2]> => {
  const persona = personas.find(({ name }) => name === form.get('persona'));
  if (form.get('answer') !== 'allow' || !persona)
    return { error: 'access_denied', error_description: 'The log-in was refused.' };
  const grant = new provider.Grant({ accountId: persona.user, clientId: String(interaction.params.client_id) });
  const scope = String(interaction.params.scope ?? '');
  grant.addOIDCScope(scope);
  grant.addResourceScope(String(interaction.params.resource), scope);
  const id = await grant.save();
  const patient = persona.patient ?? (wantsPatient(interaction) ? form.get('patient') : null);
  if (patient) launches.set(id, patient);
  const acr = String(interaction.params.acr_values ?? '')
    .split(' ')
    .find((each) => acrValues.includes(each));
  return { login: { accountId: persona.user, ...(acr ? { acr } : {}) }, consent: { grantId: id } };
};

const readForm = async (request: IncomingMessage): Promise<URLSearchParams> => {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > 10_000) break;
  }
  return new URLSearchParams(text);
};
