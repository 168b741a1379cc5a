import { type FeedContent, readStix } from '../../domain/risk/threat.ts';

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

/** A threat feed that cannot be had or read. */
export class FeedFailure extends Error {
  override readonly name = 'FeedFailure';
}

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
    const body = await boundedJson(response);
    if (!isRecord(body)) throw new FeedFailure('the answer of the threat feed is no JSON object');
    return { body, addedLast: response.headers.get('x-taxii-date-added-last') ?? undefined };
  }
}

/** The body of an answer as JSON; rejects beyond what a feed may reasonably weigh, told or not. */
export async function boundedJson(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > BYTES) throw new FeedFailure('the answer of the threat feed is too large');
    chunks.push(chunk as Uint8Array);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
}

const withSlash = (url: string): string => (url.endsWith('/') ? url : `${url}/`);
