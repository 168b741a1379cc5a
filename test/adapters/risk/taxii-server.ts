import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TaxiiServer {
  /** Its discovery resource. */
  readonly url: string;
  /** The query of each call. */
  readonly seen: readonly string[];
  readonly objects: { readonly added: string; readonly object: object }[];
  close(): Promise<void>;
}

export const taxiiAuthorization = 'Basic eDp5';

/** A TAXII 2.1 server with one collection that may be read, in pages of two, each object with the time it was added. */
export const startTaxii = async (objects: TaxiiServer['objects']): Promise<TaxiiServer> => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    seen.push(url.search);
    const send = (body: object, headers: Record<string, string> = {}): void => {
      response.writeHead(200, { 'content-type': 'application/taxii+json;version=2.1', ...headers });
      response.end(JSON.stringify(body));
    };
    if (
      !(request.headers.accept ?? '').includes('application/taxii+json') ||
      request.headers.authorization !== taxiiAuthorization
    ) {
      response.writeHead(401).end();
      return;
    }
    if (url.pathname === '/taxii2/') send({ title: 'test', api_roots: ['/api1/', 'http://elsewhere.invalid/api/'] });
    else if (url.pathname === '/api1/collections/')
      send({
        collections: [
          { id: 'c1', title: 'c', can_read: true, can_write: false },
          { id: 'c2', title: 'hidden', can_read: false },
        ],
      });
    else if (url.pathname === '/api1/collections/c1/objects/') {
      const after = url.searchParams.get('added_after') ?? '';
      const fresh = objects.filter((each) => each.added > after);
      const from = Number(url.searchParams.get('next') ?? 0);
      const page = fresh.slice(from, from + 2);
      const more = from + 2 < fresh.length;
      send(
        { objects: page.map((each) => each.object), more, ...(more ? { next: String(from + 2) } : {}) },
        page.length === 0 ? {} : { 'X-TAXII-Date-Added-Last': page.at(-1)?.added ?? '' },
      );
    } else response.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/taxii2/`,
    seen,
    objects,
    close: () => new Promise((done) => server.close(() => done())),
  };
};
