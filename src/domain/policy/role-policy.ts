import { isMap, isScalar } from 'yaml';
import { type ConsolePage, consolePages } from '../console/page.ts';
import { resourceTypes } from '../fhir/generated/resource-types.ts';
import type { PolicyFault } from './fault.ts';
import { nearestName } from './nearest.ts';
import { type PolicyFile, PolicySource } from './source.ts';

export interface RoleRights {
  readonly purposes: ReadonlySet<string>;
  readonly read: ReadonlySet<string> | 'all';
  readonly write: ReadonlySet<string> | 'all';
  /** Pages of the console, and with each the gateway API behind it. */
  readonly console: ReadonlySet<ConsolePage>;
}

/** What each role may do at all. Immutable; a role that is absent may do nothing. */
export interface RolePolicy {
  readonly roles: ReadonlyMap<string, RoleRights>;
}

/** Reads policies/roles.yaml; whatever is not understood is a fault with its place, and no policy. */
export function parseRolePolicy(
  file: PolicyFile,
):
  | { readonly ok: true; readonly policy: RolePolicy }
  | { readonly ok: false; readonly faults: readonly PolicyFault[] } {
  const source = new PolicySource(file);
  const roles = new Map<string, RoleRights>();
  const root = source.members(source.root, ['kind', 'roles'], 'A role policy');
  const listed = root.get('roles');
  if (isMap(listed)) {
    for (const pair of listed.items) {
      const name = isScalar(pair.key) ? String(pair.key.value) : '';
      const rights = source.members(pair.value as never, ['purposes', 'read', 'write', 'console'], `The role ${name}`);
      roles.set(name, {
        purposes: new Set(source.words(rights.get('purposes'), '`purposes`').map((word) => word.text)),
        read: types(source, rights.get('read'), 'read'),
        write: types(source, rights.get('write'), 'write'),
        console: pages(source, rights.get('console')),
      });
    }
  } else source.fault(listed, '`roles` must be a mapping of role names to their rights.');
  const errors = source.faults.filter((fault) => fault.severity === 'error');
  return errors.length > 0 ? { ok: false, faults: errors } : { ok: true, policy: { roles } };
}

type Yaml = Parameters<PolicySource['fault']>[0];

function types(source: PolicySource, node: Yaml, what: string): ReadonlySet<string> | 'all' {
  if (isScalar(node) && node.value === 'all') return 'all';
  const known: readonly string[] = resourceTypes;
  const names = source.words(node, `\`${what}\``);
  for (const name of names) {
    if (!known.includes(name.text))
      source.fault(name.node, `\`${name.text}\` is no R4 resource type.`, nearestName(name.text, known));
  }
  return new Set(names.map((name) => name.text));
}

function pages(source: PolicySource, node: Yaml): ReadonlySet<ConsolePage> {
  const named = node === undefined ? [] : source.words(node, '`console`');
  for (const { text, node: place } of named) {
    if (!isPage(text)) source.fault(place, `\`${text}\` is no page of the console.`, nearestName(text, consolePages));
  }
  return new Set(named.map(({ text }) => text).filter(isPage));
}

const isPage = (text: string): text is ConsolePage => (consolePages as readonly string[]).includes(text);

/** Whether the role opens anything of the officers' side. Without a policy nobody can tell which do, so each might. */
export const isOfficer = (policy: RolePolicy | undefined, role: string): boolean =>
  policy === undefined || (policy.roles.get(role)?.console.size ?? 0) > 0;

/** Roles add up: the pages that any of them opens, in the order of the console. */
export const pagesFor = (policy: RolePolicy, roles: readonly string[]): readonly ConsolePage[] =>
  consolePages.filter((page) => roles.some((role) => policy.roles.get(role)?.console.has(page) === true));

/** The first of the caller's roles that allows it, or undefined: roles add up here, and masks take the strictest. */
export function roleFor(
  policy: RolePolicy,
  roles: readonly string[],
  purpose: string,
  right: 'read' | 'write',
  type: string | undefined,
): string | undefined {
  return roles.find((role) => {
    const rights = policy.roles.get(role);
    if (rights === undefined || !rights.purposes.has(purpose)) return false;
    const allowed = rights[right];
    return allowed === 'all' || (type !== undefined && allowed.has(type));
  });
}
