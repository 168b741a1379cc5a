import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FeedContent, readList, readStix, type ThreatFeeds } from '../../domain/risk/threat.ts';

const MEDIA = 'application/taxii+json;version=2.1';
const PAGES = 200;
const BYTES = 64 << 20;

export interface TaxiiFeed {
  readonly name: string;
  /** Address of the discovery resource, or of an API root. */
  readonly url: string;
  /** Ids of collections; absent: every collection that may be read. */
  readonly collections?: readonly string[];
  /** The value of the Authorization header. */
  readonly authorization?: string;
}

export class FeedFailure extends Error {}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A client of TAXII 2.1 (OASIS, 2021): discovery, API roots, collections, objects with `added_after` and paging. */
export class TaxiiClient {
  readonly #feed: TaxiiFeed;
  /** All objects met so far, newest version by id: `added_after` brings only what is new. */
  readonly #objects = new Map<string, unknown>();
  readonly #after = new Map<string, string>();

  constructor(feed: TaxiiFeed) {
    this.#feed = feed;
  }

  /** All indicators known after this round. Rejects when the server cannot be had; what was known is kept. */
  async poll(signal: AbortSignal): Promise<FeedContent> {
    for (const root of await this.#roots(signal)) {
      for (const id of await this.#collections(root, signal)) await this.#pull(root, id, signal);
    }
    return readStix([...this.#objects.values()]);
  }

  async #roots(signal: AbortSignal): Promise<string[]> {
    const { body } = await this.#get(this.#feed.url, signal);
    const roots: unknown = body.api_roots;
    if (!Array.isArray(roots)) return [withSlash(this.#feed.url)];
    const origin = new URL(this.#feed.url).origin;
    // Roots may be relative (section 4.1.1); credentials are sent to the server they were given for and to no other.
    return roots
      .filter((root): root is string => typeof root === 'string')
      .map((root) => withSlash(new URL(root, this.#feed.url).href))
      .filter((root) => new URL(root).origin === origin);
  }

  async #collections(root: string, signal: AbortSignal): Promise<string[]> {
    if (this.#feed.collections !== undefined) return [...this.#feed.collections];
    const { body } = await this.#get(`${root}collections/`, signal);
    const collections: unknown = body.collections;
    if (!Array.isArray(collections)) return [];
    return collections
      .filter((each) => isRecord(each) && each.can_read === true && typeof each.id === 'string')
      .map((each: { id: string }) => each.id);
  }

  async #pull(root: string, id: string, signal: AbortSignal): Promise<void> {
    const key = `${root}${id}`;
    let next: string | undefined;
    for (let page = 0; page < PAGES; page++) {
      const address = new URL(`${root}collections/${encodeURIComponent(id)}/objects/`);
      address.searchParams.set('match[type]', 'indicator');
      const after = this.#after.get(key);
      if (after !== undefined) address.searchParams.set('added_after', after);
      if (next !== undefined) address.searchParams.set('next', next);
      const { body, addedLast } = await this.#get(address.href, signal);
      const objects: unknown = body.objects;
      if (Array.isArray(objects))
        for (const object of objects)
          if (isRecord(object) && typeof object.id === 'string') this.#keep(object.id, object);
      if (body.more !== true || typeof body.next !== 'string') {
        if (addedLast !== undefined) this.#after.set(key, addedLast);
        return;
      }
      next = body.next;
    }
    throw new FeedFailure(`the collection does not end after ${PAGES} pages`);
  }

  #keep(id: string, object: Record<string, unknown>): void {
    const known = this.#objects.get(id);
    const modified = String(object.modified ?? '');
    if (!isRecord(known) || String(known.modified ?? '') <= modified) this.#objects.set(id, object);
  }

  async #get(
    url: string,
    signal: AbortSignal,
  ): Promise<{ readonly body: Record<string, unknown>; readonly addedLast: string | undefined }> {
    const response = await fetch(url, {
      headers: {
        accept: MEDIA,
        ...(this.#feed.authorization === undefined ? {} : { authorization: this.#feed.authorization }),
      },
      // A redirect could carry the credentials elsewhere.
      redirect: 'error',
      signal,
    });
    if (!response.ok) throw new FeedFailure(`the threat feed answered ${response.status}`);
    if (Number(response.headers.get('content-length') ?? 0) > BYTES)
      throw new FeedFailure('the answer of the threat feed is too large');
    const body: unknown = await response.json();
    if (!isRecord(body)) throw new FeedFailure('the answer of the threat feed is no JSON object');
    return { body, addedLast: response.headers.get('x-taxii-date-added-last') ?? undefined };
  }
}

const withSlash = (url: string): string => (url.endsWith('/') ? url : `${url}/`);

/** Takes a round of polling into the feeds; false when the server could not be had, and the feed ages. */
export const refreshFeed = async (
  client: TaxiiClient,
  name: string,
  feeds: ThreatFeeds,
  now: number,
  signal: AbortSignal,
): Promise<boolean> => {
  try {
    feeds.load(name, await client.poll(signal), now);
    return true;
  } catch {
    return false;
  }
};

/** A folder for houses without a way out: STIX bundles (.json) and lists of addresses (.txt, .netset, .ipset). Its files are feeds of their own. */
export const loadFeedFolder = (folder: string, feeds: ThreatFeeds, now: number): number => {
  let loaded = 0;
  for (const name of readdirSync(folder).sort()) {
    const file = join(folder, name);
    if (name.endsWith('.json')) {
      const bundle: unknown = JSON.parse(readFileSync(file, 'utf8'));
      const objects: unknown = isRecord(bundle) ? bundle.objects : undefined;
      feeds.load(name, readStix(Array.isArray(objects) ? objects : []), now);
    } else if (/\.(txt|netset|ipset)$/.test(name)) feeds.load(name, readList(readFileSync(file, 'utf8'), 0.6), now);
    else continue;
    loaded++;
  }
  return loaded;
};
