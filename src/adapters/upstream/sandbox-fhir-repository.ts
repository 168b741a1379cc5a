import {
  allOk,
  badRequest,
  created,
  type Filter,
  gone,
  multipleMatches,
  notFound,
  OperationOutcomeError,
  Operator,
  parseSearchRequest,
  preconditionFailed,
  type SearchRequest,
  splitSearchOnComma,
  validateResource,
  type WithId,
} from '@medplum/core';
import {
  type CreateResourceOptions,
  getExtraEntries,
  MemoryRepository,
  type UpdateResourceOptions,
} from '@medplum/fhir-router';
import type { Bundle, BundleEntry, OperationOutcome, Reference, Resource } from '@medplum/fhirtypes';
import { conditionalReferences } from './load-references.ts';
import { cloneExact } from './sandbox-fhir-decimals.ts';
import { isResourceType, searchParameterOf } from './sandbox-fhir-definitions.ts';
import { compartmentCode, matches, referenceForms } from './sandbox-fhir-match.ts';
import { bySortRules } from './sandbox-fhir-sort.ts';
import type { ResourceStore, StoredResource, Version } from './sandbox-fhir-store.ts';

/** Largest page; the default page is smaller so that paging is met in a demo. */
const maxCount = 1000;
export const defaultCount = 50;

/**
 * Medplum's memory repository on our own store: it adds what a real server has and it lacks, namely tombstones (410), roll-back,
 * integer versions, validation, indexed and paged searches, and a feed of commits for the journal.
 */
export class SandboxRepository extends MemoryRepository {
  readonly store: ResourceStore;
  readonly #commit: (version: Version) => void;
  readonly #now: () => Date;

  constructor(store: ResourceStore, commit: (version: Version) => void, now: () => Date) {
    super();
    this.store = store;
    this.#commit = commit;
    this.#now = now;
  }

  /** Keeps what it is given: for data that is loaded, which need not pass the validator. */
  load(resource: WithId<Resource>): StoredResource {
    return this.#put(resource);
  }

  override async createResource<T extends Resource>(resource: T, options?: CreateResourceOptions): Promise<WithId<T>> {
    const id = options?.assignedId && resource.id ? resource.id : this.generateId();
    validate(resource);
    return this.#put(this.#withResolvedReferences({ ...resource, id })) as unknown as WithId<T>;
  }

  override async updateResource<T extends Resource>(resource: T, options?: UpdateResourceOptions): Promise<WithId<T>> {
    const { resourceType, id } = resource;
    if (!id) throw new OperationOutcomeError(badRequest('Missing id'));
    this.#requireVersion(resourceType, id, options?.ifMatch);
    validate(resource);
    return this.#put(this.#withResolvedReferences({ ...resource, id })) as unknown as WithId<T>;
  }

  /** R4 http.html#trules: a reference that is a search must find exactly one. */
  #withResolvedReferences(resource: Resource & { id: string }): Resource & { id: string } {
    if ([...conditionalReferences(resource)].length === 0) return resource;
    const copy = cloneExact(resource);
    for (const { holder, type, query } of conditionalReferences(copy)) {
      const found = this.#find(parseSearchRequest(`${type}?${query}`));
      if (found.length !== 1) throw new OperationOutcomeError(multipleMatches);
      holder.reference = `${type}/${found[0]?.id}`;
    }
    return copy;
  }

  #put(resource: Resource & { id: string }): StoredResource {
    const { resourceType: type, id } = resource;
    if (!/^[A-Za-z0-9.-]{1,64}$/.test(id)) throw new OperationOutcomeError(badRequest('Invalid id'));
    const versionId = this.#nextVersion(type, id);
    const lastUpdated = this.#now().toISOString();
    const stored = { ...resource, meta: { ...resource.meta, versionId, lastUpdated } } as StoredResource;
    this.#add({ type, id, versionId, lastUpdated, resource: stored });
    return stored;
  }

  #nextVersion(type: string, id: string): string {
    return String(Number(this.store.newest(type, id)?.versionId ?? 0) + 1);
  }

  #add(version: Version): void {
    this.store.add(version);
    this.#commit(version);
  }

  #requireVersion(type: string, id: string, ifMatch: string | undefined): void {
    if (ifMatch === undefined) return;
    if (this.store.newest(type, id)?.versionId !== ifMatch) throw new OperationOutcomeError(preconditionFailed);
  }

  #current(type: string, id: string): StoredResource {
    const newest = this.store.newest(type, id);
    if (!newest) throw new OperationOutcomeError(notFound);
    if (!newest.resource) throw new OperationOutcomeError(gone);
    return newest.resource;
  }

  /** A copy: Medplum's patch works in place on what it reads. */
  override async readResource<T extends Resource>(resourceType: string, id: string): Promise<T> {
    return cloneExact(this.#current(resourceType, id)) as unknown as T;
  }

  override async readReference<T extends Resource>(reference: Reference<T>): Promise<WithId<T>> {
    const [type = '', id = ''] = reference.reference?.split('/') ?? [];
    return this.#current(type, id) as unknown as WithId<T>;
  }

  override async readVersion<T extends Resource>(resourceType: string, id: string, versionId: string): Promise<T> {
    const version = this.store.history(resourceType, id).find((each) => each.versionId === versionId);
    if (!version) throw new OperationOutcomeError(notFound);
    if (!version.resource) throw new OperationOutcomeError(gone);
    return version.resource as unknown as T;
  }

  override async readHistory<T extends Resource>(resourceType: string, id: string): Promise<Bundle<T>> {
    const versions = this.store.history(resourceType, id);
    if (versions.length === 0) throw new OperationOutcomeError(notFound);
    return historyBundle(versions) as Bundle<T>;
  }

  /** History of a type, or of the whole server. */
  async readHistoryOf(types: readonly string[]): Promise<Bundle> {
    return historyBundle(types.flatMap((type) => [...this.store.versions(type)]));
  }

  override async deleteResource(resourceType: string, id: string, options?: UpdateResourceOptions): Promise<void> {
    this.#requireVersion(resourceType, id, options?.ifMatch);
    const newest = this.store.newest(resourceType, id);
    if (!newest) throw new OperationOutcomeError(notFound);
    if (!newest.resource) return;
    this.#add({
      type: resourceType,
      id,
      versionId: this.#nextVersion(resourceType, id),
      lastUpdated: this.#now().toISOString(),
    });
  }

  override async search<T extends Resource>(request: SearchRequest<T>): Promise<Bundle<WithId<T>>> {
    const found = this.#find(request);
    const offset = Math.max(0, request.offset ?? 0);
    const page = found.slice(offset, offset + Math.min(request.count ?? defaultCount, maxCount));
    const entry: BundleEntry[] = page.map((resource) => ({ search: { mode: 'match' }, resource }));
    if (entry.length > 0 && (request.include || request.revInclude)) {
      await getExtraEntries(this, request as SearchRequest, page, entry, { maxResults: 10 * maxCount });
    }
    return {
      resourceType: 'Bundle',
      type: 'searchset',
      total: found.length,
      ...(entry.length > 0 ? { entry } : {}),
    } as Bundle<WithId<T>>;
  }

  #find(request: SearchRequest): StoredResource[] {
    if ((request.resourceType as string) === 'MultipleTypes') return this.#findInTypes(request);
    if (!request.resourceType || !isResourceType(request.resourceType)) throw new OperationOutcomeError(notFound);
    const filters = request.filters ?? [];
    const found: StoredResource[] = [];
    for (const resource of this.#candidates(request.resourceType, filters)) {
      if (filters.every((filter) => matches(this.store, resource, filter))) found.push(resource);
    }
    return request.sortRules ? found.sort(bySortRules(request.resourceType, request.sortRules)) : found;
  }

  /** A search of the whole server, with `_type`. */
  #findInTypes({ types = [], sortRules, ...request }: SearchRequest): StoredResource[] {
    const found = types.flatMap((resourceType) => this.#find({ ...request, resourceType }));
    const [first] = types;
    return first && sortRules ? found.sort(bySortRules(first, sortRules)) : found;
  }

  /** A set that holds every match and is as small as the indexes allow. */
  #candidates(type: string, filters: readonly Filter[]): Iterable<StoredResource> {
    for (const { code, operator, value } of filters) {
      if (operator !== Operator.EQUALS) continue;
      if (code === compartmentCode)
        return distinct([this.#byIds(type, [value.split('/')[1] ?? '']), this.store.referring(type, value)]);
      if (code === '_id') return this.#byIds(type, splitSearchOnComma(value));
      const parameter = searchParameterOf(type, code);
      const wanted = parameter?.type === 'reference' ? splitSearchOnComma(value) : [];
      const forms = parameter ? wanted.flatMap((each) => referenceForms(parameter, code, each)) : [];
      if (forms.length > 0) return distinct(forms.map((form) => this.store.referring(type, form)));
      if (code === 'identifier') {
        const values = splitSearchOnComma(value).map((each) => each.slice(each.indexOf('|') + 1));
        if (values.every((each) => each !== ''))
          return distinct(values.map((each) => this.store.identified(type, each)));
      }
    }
    return this.store.all(type);
  }

  *#byIds(type: string, ids: readonly string[]): Generator<StoredResource> {
    for (const id of new Set(ids)) {
      const resource = this.store.newest(type, id)?.resource;
      if (resource) yield resource;
    }
  }

  override async conditionalCreate<T extends Resource>(
    resource: T,
    search: SearchRequest<T>,
    options?: CreateResourceOptions,
  ): Promise<{ resource: WithId<T>; outcome: OperationOutcome }> {
    if (search.resourceType !== resource.resourceType)
      throw new OperationOutcomeError(badRequest('Incorrect resource type'));
    const [first, second] = this.#find(search as SearchRequest);
    if (second) throw new OperationOutcomeError(multipleMatches);
    if (first) return { resource: first as unknown as WithId<T>, outcome: allOk };
    return { resource: await this.createResource(resource, options), outcome: created };
  }

  override withTransaction<Result>(callback: (repository: this) => Promise<Result>): Promise<Result> {
    return this.store.atomically(() => callback(this));
  }
}

const validate = (resource: Resource): void => {
  if (!isResourceType(resource.resourceType)) throw new OperationOutcomeError(badRequest('Unknown resource type'));
  validateResource(resource);
};

const distinct = (sets: readonly Iterable<StoredResource>[]): Iterable<StoredResource> => {
  const [only] = sets;
  return sets.length === 1 && only ? only : new Set(sets.flatMap((set) => [...set]));
};

const historyBundle = (versions: readonly Version[]): Bundle => ({
  resourceType: 'Bundle',
  type: 'history',
  total: versions.length,
  entry: versions
    .toSorted((a, b) => b.lastUpdated.localeCompare(a.lastUpdated) || Number(b.versionId) - Number(a.versionId))
    .map(({ type, id, versionId, lastUpdated, resource }) => ({
      ...(resource ? { resource } : {}),
      request: {
        method: resource ? (versionId === '1' ? 'POST' : 'PUT') : 'DELETE',
        url: resource && versionId === '1' ? type : `${type}/${id}`,
      },
      response: {
        status: resource ? (versionId === '1' ? '201' : '200') : '204',
        etag: `W/"${versionId}"`,
        lastModified: lastUpdated,
      },
    })),
});
