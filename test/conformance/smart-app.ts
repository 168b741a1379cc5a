import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import smart from 'fhirclient';

export type FhirClient = Awaited<ReturnType<ReturnType<typeof smart>['ready']>>;

export interface SmartApp {
  /** Open it to start a standalone launch. */
  readonly launchUrl: string;
  /** The client of the first launch that came back. */
  readonly client: Promise<FhirClient>;
  close(): Promise<void>;
}

export interface SmartAppOptions {
  /** FHIR base URL. */
  readonly iss: string;
  readonly clientId: string;
  readonly scope: string;
}

/** A web app on fhirclient as its documentation shows it: `/launch` sends the user to log in, `/callback` gets the client. */
export const startSmartApp = async ({ iss, clientId, scope }: SmartAppOptions): Promise<SmartApp> => {
  const state = new Map<string, unknown>();
  const storage = {
    get: async (key: string) => state.get(key),
    set: async (key: string, value: unknown) => {
      state.set(key, value);
      return value;
    },
    unset: async (key: string) => state.delete(key),
  };
  const launched = Promise.withResolvers<FhirClient>();
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const api = smart(request, response, storage as never);
    if (request.url?.startsWith('/launch')) {
      await api.authorize({ iss, clientId, scope, redirectUri: '/callback', pkceMode: 'required' });
    } else {
      launched.resolve(await api.ready());
      response.end('ready');
    }
  };
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      launched.reject(error);
      response.writeHead(500).end('failed');
    });
  });
  launched.promise.catch(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    launchUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/launch`,
    client: launched.promise,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

/** Cookies and redirects of a user who opens a page and sends its only form. */
export class UserAgent {
  readonly #cookies = new Map<string, string>();

  async open(
    url: string,
    form?: Readonly<Record<string, string>>,
  ): Promise<{ readonly url: string; readonly text: string; readonly status: number }> {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form ? { method: 'POST', body: new URLSearchParams(form) } : {}),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      this.#cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location !== null) {
      await response.arrayBuffer();
      return this.open(new URL(location, url).href);
    }
    return { url, text: await response.text(), status: response.status };
  }

  /** Opens a page that leads to the sandbox's log-in, fills it in, and follows where it leads. */
  async logIn(url: string, choice: { readonly persona: string; readonly patient?: string }) {
    const page = await this.open(url);
    const [, action] = /<form[^>]* action="([^"]+)"/.exec(page.text) ?? [];
    if (action === undefined) throw new Error(`no log-in form, but status ${page.status}`);
    return this.open(new URL(action, page.url).href, { answer: 'allow', ...choice });
  }
}
