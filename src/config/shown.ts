import type { Setting } from '../domain/console/system.ts';
import type { Origin } from './load.ts';
import type { Config } from './schema.ts';

/** Every value in force, as people may see it, and where it came from. Secrets are names in the configuration and stay names. */
export function shownSettings(config: Config, origins: ReadonlyMap<string, Origin>): readonly Setting[] {
  return leaves(config, '').map(([path, value]) => ({
    path,
    value: shown(path, value),
    origin: originOf(path, origins),
  }));
}

/** A list came from where it was written, with all that is in it. */
function originOf(path: string, origins: ReadonlyMap<string, Origin>): Origin {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) {
    const origin = origins.get(at);
    if (origin !== undefined) return origin;
  }
  return 'default';
}

function leaves(value: object, under: string): (readonly [string, unknown])[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const path = under === '' ? key : `${under}.${key}`;
    return typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0
      ? leaves(inner, path)
      : [[path, inner] as const];
  });
}

/** Addresses of services may carry a key: in the user part, the query, or, as providers of chain endpoints and feeds have it, the path. */
function shown(path: string, value: unknown): string {
  if (typeof value !== 'string' || !URL.canParse(value) || !/^(https?|wss?):/.test(value))
    return typeof value === 'string' ? value : JSON.stringify(value);
  const { protocol, host, pathname } = new URL(value);
  const keyed = /^(chain\.rpcUrls|threatFeeds)\./.test(path) && pathname !== '/';
  return `${protocol}//${host}${keyed ? '/…' : pathname}`;
}
