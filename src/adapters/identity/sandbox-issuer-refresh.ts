import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { Provider } from 'oidc-provider';

const longest = 50_000;

/**
 * A public app may refresh without naming itself (RFC 6749 6: only confidential clients authenticate), and fhirclient does; the
 * provider wants a name. So the client that the refresh token was issued to is filled in.
 */
export const withClientOfRefreshToken = async (
  provider: Provider,
  request: IncomingMessage,
): Promise<IncomingMessage> => {
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  if (request.method !== 'POST' || request.url !== '/token' || !isForm || request.headers.authorization) return request;
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > longest) break;
  }
  const form = new URLSearchParams(text);
  const isAnonymous = !form.has('client_id') && !form.has('client_assertion');
  if (form.get('grant_type') === 'refresh_token' && isAnonymous) {
    const token = await provider.RefreshToken.find(form.get('refresh_token') ?? '');
    const client = token?.clientId === undefined ? undefined : await provider.Client.find(token.clientId);
    if (client?.tokenEndpointAuthMethod === 'none') form.set('client_id', client.clientId);
  }
  return replay(request, form.toString());
};

/** What Koa and the provider read of a request, with another body. A second IncomingMessage would close the socket at its end. */
const replay = ({ method, url, socket, headers, httpVersion }: IncomingMessage, text: string): IncomingMessage => {
  const body = Buffer.from(text);
  const stream = Readable.from([body], { objectMode: false });
  const more = { method, url, socket, httpVersion, headers: { ...headers, 'content-length': String(body.length) } };
  return Object.assign(stream, more) as unknown as IncomingMessage;
};
