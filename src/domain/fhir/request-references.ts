import type { FhirInteraction, PatientId } from './interaction.ts';
import { type Bases, parseReference, type Reference } from './references.ts';
import { type Resolve, type Subjects, subjectsOf, type Target } from './subjects.ts';

/** An entry of a transaction that is about to be carried out, its criteria resolved. */
export interface SentEntry {
  readonly fullUrl?: string;
  readonly interaction: FhirInteraction;
  /** What its criteria meant: a resource that stands, and whose it is, or none. */
  readonly meant?: { readonly kind: 'one'; readonly patients: readonly PatientId[] } | { readonly kind: 'none' };
}

/**
 * Resolves references among the entries of a transaction: `urn:uuid:` by fullUrl, and `Type/id` by the id in an entry's URL.
 * Only what the upstream will do with an entry counts: a POST takes no id from its resource, and a Patient that it makes is
 * `fresh`. Where two entries answer to one name the name is ambiguous and resolves to nothing.
 */
export const requestReferences = (entries: readonly SentEntry[], bases: Bases): Resolve => {
  let targets: ReadonlyMap<string, Target | undefined> | undefined;
  const resolve: Resolve = (reference) => {
    const name = nameOf(reference);
    if (name === undefined) return undefined;
    targets ??= gather(entries, bases, resolve);
    return targets.get(name);
  };
  return resolve;
};

const gather = (
  entries: readonly SentEntry[],
  bases: Bases,
  resolve: Resolve,
): ReadonlyMap<string, Target | undefined> => {
  const targets = new Map<string, Target | undefined>();
  const put = (name: string, target: Target): void => {
    targets.set(name, targets.has(name) ? undefined : target);
  };
  for (const entry of entries) {
    const { fullUrl, interaction } = entry;
    if (interaction.kind !== 'create' && interaction.kind !== 'update') continue;
    const target = { type: interaction.type, subjects: once(() => whose(entry, interaction, bases, resolve)) };
    const fromUrl = fullUrl === undefined ? undefined : parseReference(fullUrl, bases);
    if (fromUrl?.kind === 'urn') put(fromUrl.url, target);
    if (interaction.kind === 'update' && interaction.id !== undefined)
      put(`${interaction.type}/${interaction.id}`, target);
  }
  return targets;
};

const whose = (
  { fullUrl, meant }: SentEntry,
  interaction: Extract<FhirInteraction, { kind: 'create' | 'update' }>,
  bases: Bases,
  resolve: Resolve,
): Subjects => {
  const { kind, type, body } = interaction;
  const stands = meant?.kind === 'one' ? meant.patients : [];
  if (kind === 'create') {
    // What meets If-None-Exist stays as it stands: the body is not stored.
    if (meant?.kind === 'one') return stands.length === 0 ? { kind: 'universal' } : { kind: 'patients', ids: stands };
    if (type === 'Patient') return fullUrl === undefined ? NO_NAME : { kind: 'patients', ids: [], fresh: [fullUrl] };
  }
  const sent = subjectsOf(body, 0, bases, resolve);
  if (sent.kind === 'unknown' || stands.length === 0) return sent;
  if (sent.kind === 'universal') return { kind: 'patients', ids: stands };
  return { ...sent, ids: [...new Set([...sent.ids, ...stands])] };
};

const NO_NAME: Subjects = { kind: 'unknown', why: 'the entry does not tell which resource it will be' };
const IN_A_CIRCLE: Subjects = { kind: 'unknown', why: 'resources own each other in a circle' };

/** Reckons at most once, and not within itself. */
export const once = (reckon: () => Subjects): (() => Subjects) => {
  let known: Subjects | undefined;
  return () => {
    if (known === undefined) {
      known = IN_A_CIRCLE;
      known = reckon();
    }
    return known;
  };
};

/** The name under which an entry answers to a reference. */
export const nameOf = (reference: Reference): string | undefined => {
  if (reference.kind === 'urn') return reference.url;
  return reference.kind === 'local' ? `${reference.type}/${reference.id}` : undefined;
};
