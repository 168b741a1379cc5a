import { randomUUID } from 'node:crypto';
import { relative } from 'node:path';
import type { Bundle, Resource } from '@medplum/fhirtypes';
import { type FileContent, filesToLoad, readFhirFile } from './load-files.ts';
import {
  conditionalReferences,
  identifierOf,
  makeLogical,
  renameReferences,
  resolveBundle,
} from './load-references.ts';
import type { SandboxFhir } from './sandbox-fhir.ts';
import { stringifyExact } from './sandbox-fhir-decimals.ts';
import { type ResourceStore, referencesIn } from './sandbox-fhir-store.ts';

export interface LoadProgress {
  readonly files: number;
  readonly totalFiles: number;
  readonly resources: number;
}

export interface LoadReport {
  readonly files: number;
  /** Resources taken, those that were there already included. */
  readonly resources: number;
  readonly unchanged: number;
  /** Files without FHIR resources, by their path in the folder. */
  readonly skipped: readonly string[];
  /** Conditional references that nothing in the folder or on the server answers; kept as logical references. */
  readonly unresolved: number;
}

export interface LoadOptions {
  /** Searched to the bottom for transaction Bundles, NDJSON and single resources, plain or gzipped. */
  readonly folder: string;
  /** The sandbox server itself (fast, keeps ids), or any FHIR server by its base URL. */
  readonly target:
    | Pick<SandboxFhir, 'commit' | 'repository'>
    | { readonly url: string; readonly headers?: Readonly<Record<string, string>> };
  readonly onProgress?: (progress: LoadProgress) => void;
}

interface Sink {
  take(content: FileContent): Promise<void>;
  /** What waited for other files. */
  finish(): Promise<void>;
  readonly resources: number;
  readonly unchanged: number;
  readonly unresolved: number;
}

export const loadFolder = async ({ folder, target, onProgress }: LoadOptions): Promise<LoadReport> => {
  const files = await filesToLoad(folder);
  if (files.length === 0) throw new Error(`${folder} holds no .json or .ndjson files (plain or .gz).`);
  const sink = 'commit' in target ? new SandboxSink(target) : new HttpSink(target.url, target.headers ?? {});
  const skipped: string[] = [];
  for (const [index, file] of files.entries()) {
    const content = await readFhirFile(file);
    if (content) await sink.take(content);
    else skipped.push(relative(folder, file));
    onProgress?.({ files: index + 1, totalFiles: files.length, resources: sink.resources });
  }
  await sink.finish();
  const { resources, unchanged, unresolved } = sink;
  return { files: files.length - skipped.length, resources, unchanged, skipped, unresolved };
};

class SandboxSink implements Sink {
  resources = 0;
  unchanged = 0;
  unresolved = 0;
  #waiting: (Resource & { id: string })[] = [];
  readonly #names = new Map<string, string>();
  readonly #target: Pick<SandboxFhir, 'commit' | 'repository'>;

  constructor(target: Pick<SandboxFhir, 'commit' | 'repository'>) {
    this.#target = target;
  }

  async take({ entries }: FileContent): Promise<void> {
    const resources = resolveBundle(entries, this.#names, randomUUID);
    this.resources += resources.length;
    await this.#put(resources.filter((resource) => this.#isComplete(resource)));
  }

  async finish(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resource of waiting) renameReferences(resource, (text) => this.#names.get(text));
    const still = waiting.filter((resource) => !this.#isComplete(resource));
    this.unresolved += makeLogical(still);
    await this.#put(waiting);
  }

  #isComplete(resource: Resource & { id: string }): boolean {
    let complete = ![...referencesIn(resource)].some((reference) => reference.startsWith('urn:uuid:'));
    for (const { holder, type, query } of conditionalReferences(resource)) {
      const id = findByIdentifier(this.#target.repository.store, type, query);
      if (id === undefined) complete = false;
      else holder.reference = `${type}/${id}`;
    }
    if (!complete) this.#waiting.push(resource);
    return complete;
  }

  #put(resources: readonly (Resource & { id: string })[]): Promise<void> {
    return this.#target.commit(async (repository) => {
      for (const resource of resources) {
        const before = repository.store.newest(resource.resourceType, resource.id)?.resource;
        if (before && withoutMeta(before) === withoutMeta(resource)) this.unchanged += 1;
        else repository.load(resource);
      }
    });
  }
}

const withoutMeta = ({ meta: _meta, ...rest }: Resource): string => stringifyExact(rest);

const findByIdentifier = (store: ResourceStore, type: string, query: string): string | undefined => {
  const wanted = identifierOf(query);
  if (!wanted) return undefined;
  for (const candidate of store.identified(type, wanted.value)) {
    const { identifier } = candidate as { identifier?: unknown };
    const all: unknown[] = Array.isArray(identifier) ? identifier : [identifier];
    if (wanted.system === undefined || all.some((each) => isIdentifier(each) && each.system === wanted.system))
      return candidate.id;
  }
  return undefined;
};

const isIdentifier = (value: unknown): value is { system?: string } => typeof value === 'object' && value !== null;

const batchSize = 100;

/** Any FHIR server: Bundles go as they are, other resources by PUT in transactions. What is refused is tried again at the end. */
class HttpSink implements Sink {
  resources = 0;
  readonly unchanged = 0;
  unresolved = 0;
  #refused: Bundle[] = [];
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, headers: Readonly<Record<string, string>>) {
    this.#url = url;
    this.#headers = headers;
  }

  async take({ bundle, entries }: FileContent): Promise<void> {
    this.resources += entries.length;
    const isCall = bundle?.type === 'transaction' || bundle?.type === 'batch';
    for (const each of isCall ? [bundle] : asUpdates(entries.flatMap(({ resource }) => resource ?? []))) {
      if ((await this.#post(each)) >= 400) this.#refused.push(each);
    }
  }

  async finish(): Promise<void> {
    for (const bundle of this.#refused) {
      if ((await this.#post(bundle)) < 400) continue;
      this.unresolved += makeLogical(bundle);
      const status = await this.#post(bundle);
      if (status >= 400)
        throw new Error(
          `The FHIR server refused a Bundle of ${bundle.entry?.length ?? 0} entries with status ${status}.`,
        );
    }
  }

  async #post(bundle: Bundle): Promise<number> {
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: { ...this.#headers, 'content-type': 'application/fhir+json' },
      body: stringifyExact(bundle),
    });
    await response.arrayBuffer();
    return response.status;
  }
}

const asUpdates = (resources: readonly Resource[]): readonly Bundle[] => {
  const bundles: Bundle[] = [];
  for (let start = 0; start < resources.length; start += batchSize) {
    bundles.push({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: resources.slice(start, start + batchSize).map((resource) => ({
        resource,
        request: resource.id
          ? { method: 'PUT', url: `${resource.resourceType}/${resource.id}` }
          : { method: 'POST', url: resource.resourceType },
      })),
    });
  }
  return bundles;
};
