import { resourceId, resourceType } from './ids.ts';
import type { ResourceId, ResourceType } from './interaction.ts';

/** Where the records live and how the gateway names them: absolute URLs without a slash at the end. */
export interface Bases {
  readonly upstreamBase: string;
  readonly gatewayBase: string;
  /** Other absolute URLs by which the upstream calls itself, such as its address behind a balancer. */
  readonly upstreamAliases?: readonly string[];
}

/** What `Reference.reference` can be (R4 references.html#literal). */
export type Reference =
  | { readonly kind: 'local'; readonly type: ResourceType; readonly id: ResourceId; readonly version?: ResourceId }
  /** `#id` of the same resource; the id is empty for the resource itself. */
  | { readonly kind: 'contained'; readonly id: string }
  /** `urn:uuid:` or `urn:oid:`: it means an entry of the same Bundle, by its fullUrl. */
  | { readonly kind: 'urn'; readonly url: string }
  /** At a server that is neither the upstream nor the gateway. */
  | { readonly kind: 'foreign'; readonly url: string; readonly type?: ResourceType }
  /** `Type?criteria`, in a transaction only. */
  | { readonly kind: 'conditional'; readonly type: ResourceType; readonly query: string }
  | { readonly kind: 'unreadable' };

export type LocalReference = Extract<Reference, { kind: 'local' }>;

const UNREADABLE: Reference = { kind: 'unreadable' };

/** `Type/id` or `Type/id/_history/version`, and nothing else. */
const relative = (text: string): Reference => {
  const slash = text.indexOf('/');
  if (slash < 0) {
    const question = text.indexOf('?');
    const type = question < 0 ? undefined : resourceType(text.slice(0, question));
    return type === undefined ? UNREADABLE : { kind: 'conditional', type, query: text.slice(question + 1) };
  }
  const type = resourceType(text.slice(0, slash));
  if (type === undefined) return UNREADABLE;
  const history = text.indexOf('/_history/', slash + 1);
  const id = resourceId(text.slice(slash + 1, history < 0 ? undefined : history));
  if (id === undefined) return UNREADABLE;
  if (history < 0) return { kind: 'local', type, id };
  const version = resourceId(text.slice(history + '/_history/'.length));
  return version === undefined ? UNREADABLE : { kind: 'local', type, id, version };
};

/** The part of an absolute URL after one of the bases, or undefined. Spelling of scheme, host and port does not matter. */
export const underBase = (url: string, base: string): string | undefined => {
  const exact = rest(url, base);
  if (exact !== undefined) return exact;
  return URL.canParse(url) && URL.canParse(base)
    ? rest(new URL(url).href, withoutSlash(new URL(base).href))
    : undefined;
};

/** The part of an absolute URL after any name of the upstream. */
export const underUpstream = (url: string, bases: Bases): string | undefined => {
  const inside = underBase(url, bases.upstreamBase);
  if (inside !== undefined || bases.upstreamAliases === undefined) return inside;
  for (const alias of bases.upstreamAliases) {
    const underAlias = underBase(url, alias);
    if (underAlias !== undefined) return underAlias;
  }
  return undefined;
};

const withoutSlash = (url: string): string => (url.endsWith('/') ? url.slice(0, -1) : url);

const rest = (url: string, base: string): string | undefined => {
  if (!url.startsWith(base)) return undefined;
  if (url.length === base.length) return '';
  const next = url.charAt(base.length);
  return next === '/' || next === '?' || next === '#' ? url.slice(base.length) : undefined;
};

const absolute = (url: string, bases: Bases): Reference => {
  const inside = underUpstream(url, bases) ?? underBase(url, bases.gatewayBase);
  if (inside !== undefined) return inside.startsWith('/') ? relative(inside.slice(1)) : UNREADABLE;
  const segments = url.split(/[?#]/, 1)[0]?.split('/') ?? [];
  const type = segments.map(resourceType).findLast((segment) => segment !== undefined);
  return type === undefined ? { kind: 'foreign', url } : { kind: 'foreign', url, type };
};

/**
 * Reads a literal reference. An id of another server is never taken for one of ours; what is not in a form that FHIR
 * knows is `unreadable`, and MUST then be taken for the worst it could mean.
 *
 * @example parseReference('Patient/p1/_history/2', bases) // { kind: 'local', type: 'Patient', id: 'p1', version: '2' }
 */
export const parseReference = (text: string, bases: Bases): Reference => {
  if (text.startsWith('#')) return { kind: 'contained', id: text.slice(1) };
  const colon = text.indexOf(':');
  if (colon < 0) return relative(text);
  const scheme = text.slice(0, colon).toLowerCase();
  if (scheme === 'urn') return { kind: 'urn', url: text };
  if (scheme === 'http' || scheme === 'https') return absolute(text, bases);
  // A colon in the criteria of a conditional reference.
  const question = text.indexOf('?');
  return question >= 0 && question < colon ? relative(text) : UNREADABLE;
};
