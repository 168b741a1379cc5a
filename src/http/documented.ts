import type { TObject, TSchema } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';

/** What the OpenAPI document says of a route. It stands at the route; the schemas are those that the route reads by. */
export interface RouteText {
  /** One sentence. */
  readonly summary: string;
  readonly body?: TSchema;
  readonly query?: TObject;
  /** Media type of the answer; JSON when left out. */
  readonly answers?: string;
  readonly status?: number;
  /** Anybody may call it. */
  readonly open?: true;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly api?: RouteText;
  }
}

/** The second argument of `app.get`, `app.post` and the like. */
export const documented = (summary: string, more: Omit<RouteText, 'summary'> = {}) => ({
  config: { api: { summary, ...more } },
});

export interface Route {
  readonly method: string;
  readonly url: string;
  readonly text: RouteText | undefined;
}

/** Every route that is registered from now on, but for the HEAD that Fastify adds to each GET. */
export function collectRoutes(app: FastifyInstance): readonly Route[] {
  const routes: Route[] = [];
  app.addHook('onRoute', ({ method, url, config }) => {
    for (const each of [method].flat()) if (each !== 'HEAD') routes.push({ method: each, url, text: config?.api });
  });
  return routes;
}
