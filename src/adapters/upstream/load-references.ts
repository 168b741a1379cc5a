import type { BundleEntry, Resource } from '@medplum/fhirtypes';

/** Replaces, in place, every string that `rename` gives another name for. */
export const renameReferences = (node: unknown, rename: (text: string) => string | undefined): void => {
  if (typeof node !== 'object' || node === null) return;
  const record = node as Record<string, unknown>;
  for (const [name, value] of Object.entries(record)) {
    if (typeof value === 'string') {
      const renamed = rename(value);
      if (renamed !== undefined) record[name] = renamed;
    } else {
      renameReferences(value, rename);
    }
  }
};

/**
 * Gives each entry's resource its id and its siblings' literal references: `urn:uuid:` full URLs become `Type/id`. Older Synthea
 * refers across files so; `names` remembers every full URL that was seen.
 */
export const resolveBundle = (
  entries: readonly BundleEntry[],
  names: Map<string, string>,
  newId: () => string,
): readonly (Resource & { id: string })[] => {
  const resources: (Resource & { id: string })[] = [];
  for (const { resource, fullUrl } of entries) {
    if (!resource) continue;
    const id = resource.id ?? /^urn:uuid:([A-Za-z0-9.-]{1,64})$/.exec(fullUrl ?? '')?.[1] ?? newId();
    resources.push({ ...resource, id });
    if (fullUrl?.startsWith('urn:')) names.set(fullUrl, `${resource.resourceType}/${id}`);
  }
  for (const resource of resources) renameReferences(resource, (text) => names.get(text));
  return resources;
};

/** `Practitioner?identifier=system|value`: a conditional reference (R4 http.html#trules), as Synthea writes since 2020. */
export interface ConditionalReference {
  readonly holder: { reference?: string; identifier?: { system?: string; value: string } };
  readonly type: string;
  readonly query: string;
}

export function* conditionalReferences(node: unknown): Generator<ConditionalReference> {
  if (typeof node !== 'object' || node === null) return;
  const { reference } = node as { reference?: unknown };
  const mark = typeof reference === 'string' ? reference.indexOf('?') : -1;
  if (typeof reference === 'string' && mark > 0 && /^[A-Za-z]+\?/.test(reference)) {
    yield { holder: node, type: reference.slice(0, mark), query: reference.slice(mark + 1) };
  }
  for (const value of Object.values(node)) yield* conditionalReferences(value);
}

/** The identifier that a conditional reference searches by, when that is all it does. */
export const identifierOf = (query: string): { system?: string; value: string } | undefined => {
  const parameters = new URLSearchParams(query);
  const wanted = parameters.get('identifier');
  if (wanted === null || parameters.size !== 1) return undefined;
  const bar = wanted.indexOf('|');
  const system = wanted.slice(0, Math.max(0, bar));
  return { ...(system === '' ? {} : { system }), value: wanted.slice(bar + 1) };
};

/** What no resource answers stays as a logical reference, by its identifier. Gives the number of them. */
export const makeLogical = (node: unknown): number => {
  const unresolved = [...conditionalReferences(node)];
  for (const { holder, query } of unresolved) {
    const identifier = identifierOf(query);
    if (!identifier) continue;
    delete holder.reference;
    holder.identifier = identifier;
  }
  return unresolved.length;
};
