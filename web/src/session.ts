import * as oauth from 'oauth4webapi';
import { home, settings } from './settings.ts';

/** Lives in this module's memory alone: no cookie and no storage, so no other site can make the browser send it. */
export interface Session {
  readonly token: string;
  readonly expires: number;
  /** From the ID token; for the corner of the screen, never for a decision. */
  readonly name: string | undefined;
  readonly idToken: string | undefined;
}

export type LogIn =
  | { readonly state: 'in'; readonly session: Session }
  | { readonly state: 'out' }
  | { readonly state: 'failed'; readonly why: 'unreachable' | 'refused' | 'stale' }
  /** The browser is on its way to the issuer. */
  | { readonly state: 'leaving' };

/** What must outlive the way to the issuer and back, in this tab. */
interface Pending {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly returnTo: string;
}

const key = 'consentry.log-in';
const client: oauth.Client = { client_id: settings.clientId };
const redirectUri = `${location.origin}${home}`;
const insecure = { [oauth.allowInsecureRequests]: settings.issuer?.startsWith('http://') === true };

const server = (): oauth.AuthorizationServer | undefined =>
  settings.authorizationEndpoint === undefined || settings.tokenEndpoint === undefined
    ? undefined
    : {
        issuer: settings.issuer,
        authorization_endpoint: settings.authorizationEndpoint,
        token_endpoint: settings.tokenEndpoint,
      };

let current: Session | undefined;
let ended: () => void = () => undefined;

export const accessToken = (): string | undefined => current?.token;

/** Called when a token has run out or is no longer believed. */
export const onSessionEnd = (listener: () => void): void => {
  ended = listener;
};

export const endSession = (): void => {
  current = undefined;
  ended();
};

/** What the address says: back from the issuer, logged out, or a first visit, which goes to the issuer at once. */
export async function start(): Promise<LogIn> {
  const query = new URLSearchParams(location.search);
  if (query.has('signed-out')) {
    history.replaceState(null, '', home);
    return { state: 'out' };
  }
  if (query.has('state') && (query.has('code') || query.has('error'))) return finish(new URL(location.href));
  return leave({});
}

/** Sends the browser to the issuer. `fresh` asks it to let the person log in anew, also as somebody else. */
export async function leave({ fresh = false }: { readonly fresh?: boolean }): Promise<LogIn> {
  const issuer = server();
  if (issuer?.authorization_endpoint === undefined) return { state: 'failed', why: 'unreachable' };
  const pending: Pending = {
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    verifier: oauth.generateRandomCodeVerifier(),
    returnTo: location.pathname + location.search,
  };
  sessionStorage.setItem(key, JSON.stringify(pending));
  const url = new URL(issuer.authorization_endpoint);
  const asked = {
    response_type: 'code',
    client_id: settings.clientId,
    redirect_uri: redirectUri,
    scope: settings.scopes,
    aud: settings.audience,
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(pending.verifier),
    code_challenge_method: 'S256',
    ...(fresh ? { prompt: 'login' } : {}),
  };
  for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
  location.assign(url);
  return { state: 'leaving' };
}

async function finish(url: URL): Promise<LogIn> {
  const kept = sessionStorage.getItem(key);
  sessionStorage.removeItem(key);
  // The code must not stay in the address: it is worth nothing any more, but it looks as if it were.
  history.replaceState(null, '', home);
  const issuer = server();
  if (issuer === undefined) return { state: 'failed', why: 'unreachable' };
  // A code that this tab did not ask for is somebody else's session: never taken.
  if (kept === null) return { state: 'failed', why: 'stale' };
  const pending = JSON.parse(kept) as Pending;
  try {
    const parameters = oauth.validateAuthResponse(issuer, client, url, pending.state);
    const response = await oauth.authorizationCodeGrantRequest(
      issuer,
      client,
      oauth.None(),
      parameters,
      redirectUri,
      pending.verifier,
      insecure,
    );
    const tokens = await oauth.processAuthorizationCodeResponse(issuer, client, response, {
      expectedNonce: pending.nonce,
      requireIdToken: true,
    });
    const name = oauth.getValidatedIdTokenClaims(tokens)?.name;
    current = {
      token: tokens.access_token,
      expires: Date.now() + (tokens.expires_in ?? 300) * 1000,
      name: typeof name === 'string' ? name : undefined,
      idToken: tokens.id_token,
    };
  } catch (error) {
    const refused = error instanceof oauth.AuthorizationResponseError || error instanceof oauth.ResponseBodyError;
    return { state: 'failed', why: refused ? 'refused' : 'stale' };
  }
  if (pending.returnTo.startsWith(home)) history.replaceState(null, '', pending.returnTo);
  setTimeout(endSession, Math.min(current.expires - Date.now(), 2 ** 31 - 1));
  return { state: 'in', session: current };
}

/** Ends the session here and, where the issuer can, there too. */
export function logOut(): void {
  const idToken = current?.idToken;
  current = undefined;
  const signedOut = `${redirectUri}?signed-out`;
  if (settings.endSessionEndpoint === undefined) {
    location.assign(signedOut);
    return;
  }
  const url = new URL(settings.endSessionEndpoint);
  url.searchParams.set('client_id', settings.clientId);
  url.searchParams.set('post_logout_redirect_uri', signedOut);
  if (idToken !== undefined) url.searchParams.set('id_token_hint', idToken);
  location.assign(url);
}
