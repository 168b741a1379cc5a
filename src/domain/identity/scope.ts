import { resourceType } from '../fhir/ids.ts';
import type { ResourceType } from '../fhir/interaction.ts';
import { readPairs } from '../fhir/query-text.ts';
import type { SearchQuery } from '../fhir/search.ts';
import { isMatchable } from '../fhir/search-match.ts';
import { noResults, parseQuery } from '../fhir/search-query.ts';

/** A SMART 2.2 scope on resources; v1 `.read`, `.write`, `.*` are parsed into the same letters. */
export interface Scope {
  readonly level: 'patient' | 'user' | 'system';
  readonly type: ResourceType | '*';
  readonly create: boolean;
  readonly read: boolean;
  readonly update: boolean;
  readonly delete: boolean;
  readonly search: boolean;
  /** Granular scope: `?category=laboratory`. Limits every interaction and every returned resource. */
  readonly only?: SearchQuery;
  readonly text: string;
}

/** A letter of SMART v2: create, read, update, delete, search. */
export type ScopeLetter = 'c' | 'r' | 'u' | 'd' | 's';

// SMART App Launch 2.2, "Scopes for requesting FHIR resources": letters in the order cruds, each at most once.
const form = /^(patient|user|system)\/(\*|[A-Za-z]+)\.(read|write|\*|(?=[cruds])c?r?u?d?s?)(?:\?(.+))?$/;

const v1: Readonly<Record<string, string>> = { read: 'rs', write: 'cud', '*': 'cruds' };

const MAX_PARAMETERS = 10;

/** The filter of a granular scope; undefined when a returned resource could not be held against it. */
const filterOf = (type: ResourceType | '*', text: string): SearchQuery | undefined => {
  const pairs = readPairs(text, MAX_PARAMETERS);
  if ('code' in pairs) return undefined;
  const searched = type === '*' ? undefined : type;
  const query = parseQuery(pairs, { types: [searched], results: noResults });
  return !('code' in query) && isMatchable(searched, query) ? query : undefined;
};

/** One scope, or undefined: not a scope on resources, or one that this gateway cannot hold a resource against. */
export const parseScope = (text: string): Scope | undefined => {
  const parts = form.exec(text);
  if (parts === null) return undefined;
  const [, level, name = '', letters = '', filter] = parts;
  const type = name === '*' ? name : resourceType(name);
  const old = v1[letters];
  if (type === undefined || (filter !== undefined && old !== undefined)) return undefined;
  const only = filter === undefined ? undefined : filterOf(type, filter);
  if (filter !== undefined && only === undefined) return undefined;
  const may = old ?? letters;
  return {
    level: level as Scope['level'],
    type,
    create: may.includes('c'),
    read: may.includes('r'),
    update: may.includes('u'),
    delete: may.includes('d'),
    search: may.includes('s'),
    ...(only !== undefined && { only }),
    text,
  };
};

/**
 * The scopes on resources of a space-separated list. `openid`, `fhirUser`, `launch/patient`, `offline_access` and what
 * nobody here knows give no right to a resource, and are left out.
 */
export const parseScopes = (text: string): readonly Scope[] => {
  const scopes: Scope[] = [];
  for (const each of text.split(' ')) {
    const scope = parseScope(each);
    if (scope !== undefined) scopes.push(scope);
  }
  return scopes;
};

export const grants = (scope: Scope, letter: ScopeLetter): boolean => {
  switch (letter) {
    case 'c':
      return scope.create;
    case 'r':
      return scope.read;
    case 'u':
      return scope.update;
    case 'd':
      return scope.delete;
    case 's':
      return scope.search;
  }
};

/** Asked for by applications through which officers work. Roles say who somebody is; a scope, what an application may do for them. */
const officerScope = 'consentry/officer';

export const hasOfficerScope = (text: string): boolean => text.split(' ').includes(officerScope);

/** Whether the scopes let an application do this to all Consents of the patient; `r` and `s` are as good as each other here. */
export const opensConsents = (scopes: readonly Scope[], letter: ScopeLetter): boolean =>
  scopes.some(
    (scope) =>
      scope.level !== 'system' &&
      (scope.type === '*' || scope.type === 'Consent') &&
      scope.only === undefined &&
      (grants(scope, letter) || (letter === 's' && grants(scope, 'r'))),
  );
