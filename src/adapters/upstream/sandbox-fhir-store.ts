import type { Resource } from '@medplum/fhirtypes';
import { stringifyExact } from './sandbox-fhir-decimals.ts';

export type StoredResource = Resource & {
  readonly id: string;
  readonly meta: { versionId: string; lastUpdated: string };
};

/** One version of a resource; `resource` is absent in the version that a delete made. */
export interface Version {
  readonly type: string;
  readonly id: string;
  readonly versionId: string;
  readonly lastUpdated: string;
  readonly resource?: StoredResource;
}

/**
 * Every version of every resource in memory, with two indexes that make searches by reference and by identifier cost
 * what they return. Medplum's memory repository keeps neither tombstones nor roll-back and scans on every search.
 */
export class ResourceStore {
  readonly #histories = new Map<string, Map<string, Version[]>>();
  readonly #index = new Map<string, Map<string, StoredResource>>();
  readonly #texts = new WeakMap<StoredResource, string>();
  #undo: Version[] | undefined;

  /** The newest version, a tombstone included; `undefined` when the id was never used. */
  newest(type: string, id: string): Version | undefined {
    return this.#histories.get(type)?.get(id)?.at(-1);
  }

  /** Oldest first. */
  history(type: string, id: string): readonly Version[] {
    return this.#histories.get(type)?.get(id) ?? [];
  }

  types(): readonly string[] {
    return [...this.#histories.keys()];
  }

  *all(type: string): Generator<StoredResource> {
    for (const versions of this.#histories.get(type)?.values() ?? []) {
      const resource = versions.at(-1)?.resource;
      if (resource) yield resource;
    }
  }

  *versions(type: string): Generator<Version> {
    for (const versions of this.#histories.get(type)?.values() ?? []) yield* versions;
  }

  referring(type: string, reference: string): Iterable<StoredResource> {
    return this.#index.get(`${type} ${reference}`)?.values() ?? [];
  }

  identified(type: string, value: string): Iterable<StoredResource> {
    return this.#index.get(`${type}#${value.toLowerCase()}`)?.values() ?? [];
  }

  /** The resource as JSON text, made once per version. */
  textOf(resource: StoredResource): string {
    let text = this.#texts.get(resource);
    if (text === undefined) {
      text = stringifyExact(resource);
      this.#texts.set(resource, text);
    }
    return text;
  }

  add(version: Version): void {
    const byId = getOrMake(this.#histories, version.type, () => new Map<string, Version[]>());
    const versions = getOrMake(byId, version.id, (): Version[] => []);
    const before = versions.at(-1)?.resource;
    if (before) this.#unindex(before);
    versions.push(version);
    if (version.resource) this.#enter(version.resource);
    this.#undo?.push(version);
  }

  /** All that `work` adds is taken back when it rejects. One at a time: the caller holds the write lock. */
  async atomically<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#undo) return work();
    this.#undo = [];
    try {
      return await work();
    } catch (error) {
      for (const version of this.#undo.reverse()) this.#takeBack(version);
      throw error;
    } finally {
      this.#undo = undefined;
    }
  }

  #takeBack(version: Version): void {
    const byId = this.#histories.get(version.type);
    const versions = byId?.get(version.id);
    if (!versions) return;
    versions.pop();
    if (version.resource) this.#unindex(version.resource);
    const now = versions.at(-1)?.resource;
    if (now) this.#enter(now);
    if (versions.length === 0) byId?.delete(version.id);
  }

  #enter(resource: StoredResource): void {
    for (const key of indexKeys(resource)) {
      getOrMake(this.#index, key, () => new Map<string, StoredResource>()).set(resource.id, resource);
    }
  }

  #unindex(resource: StoredResource): void {
    for (const key of indexKeys(resource)) {
      const entries = this.#index.get(key);
      entries?.delete(resource.id);
      if (entries?.size === 0) this.#index.delete(key);
    }
  }
}

const getOrMake = <Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value => {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
};

const indexKeys = (resource: StoredResource): readonly string[] => {
  const keys: string[] = [];
  for (const reference of referencesIn(resource)) keys.push(`${resource.resourceType} ${reference}`);
  const { identifier } = resource as { identifier?: unknown };
  for (const each of Array.isArray(identifier) ? identifier : [identifier]) {
    const value: unknown = each?.value;
    if (typeof value === 'string') keys.push(`${resource.resourceType}#${value.toLowerCase()}`);
  }
  return keys;
};

/** Every literal reference in a resource, without the version part. */
export function* referencesIn(node: unknown): Generator<string> {
  if (Array.isArray(node)) {
    for (const each of node) yield* referencesIn(each);
  } else if (typeof node === 'object' && node !== null) {
    for (const [name, value] of Object.entries(node)) {
      if (name === 'reference' && typeof value === 'string') yield value.replace(/\/_history\/.*$/, '');
      else if (typeof value === 'object') yield* referencesIn(value);
    }
  }
}
