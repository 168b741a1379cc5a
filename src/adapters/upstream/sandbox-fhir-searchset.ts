import type { Bundle, BundleEntry, BundleLink, Resource } from '@medplum/fhirtypes';
import { stringifyExact } from './sandbox-fhir-decimals.ts';
import { defaultCount } from './sandbox-fhir-repository.ts';
import type { ResourceStore, StoredResource } from './sandbox-fhir-store.ts';

export interface Page {
  readonly base: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly shape: Shape;
}

/** What `_summary` and `_elements` leave of each match; `undefined` leaves all. */
export type Shape = ((resource: Resource) => Resource) | undefined;

const subsetted = { system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'SUBSETTED' };
const always = ['resourceType', 'id', 'meta'];

export const shapeOf = (query: URLSearchParams): Shape => {
  const elements = query.get('_elements')?.split(',');
  if (elements) return keeping((name) => elements.includes(name));
  const summary = query.get('_summary');
  if (summary === 'text') return keeping((name) => name === 'text');
  if (summary === 'data') return keeping((name) => name !== 'text');
  return undefined;
};

const keeping =
  (wanted: (name: string) => boolean) =>
  (resource: Resource): Resource =>
    ({
      ...Object.fromEntries(Object.entries(resource).filter(([name]) => always.includes(name) || wanted(name))),
      meta: { ...resource.meta, tag: [...(resource.meta?.tag ?? []), subsetted] },
    }) as Resource;

/** The Bundle as text, from the text that is kept with each version: a page costs a concatenation. */
export const searchsetText = (bundle: Bundle, page: Page, store: ResourceStore): string => {
  const { entry = [], ...head } = bundle;
  const headText = JSON.stringify({ ...head, link: links(bundle, page) });
  if (entry.length === 0) return headText;
  return `${headText.slice(0, -1)},"entry":[${entry.map((each) => entryText(each, page, store)).join(',')}]}`;
};

const entryText = ({ resource, search }: BundleEntry, { base, shape }: Page, store: ResourceStore): string => {
  const stored = resource as StoredResource;
  const fullUrl = JSON.stringify(`${base}/${stored.resourceType}/${stored.id}`);
  const text = shape && search?.mode === 'match' ? stringifyExact(shape(stored)) : store.textOf(stored);
  return `{"fullUrl":${fullUrl},"resource":${text},"search":${JSON.stringify(search ?? { mode: 'include' })}}`;
};

const links = (bundle: Bundle, { base, path, query }: Page): BundleLink[] => {
  const count = Math.max(0, Number(query.get('_count') ?? defaultCount));
  const offset = Math.max(0, Number(query.get('_offset') ?? 0));
  const total = bundle.total ?? 0;
  const at = (start: number): string => {
    const moved = new URLSearchParams(query);
    moved.delete('_offset');
    moved.set('_count', String(count));
    if (start > 0) moved.set('_offset', String(start));
    return `${base}${path}?${moved}`;
  };
  const own = query.toString();
  const found: BundleLink[] = [{ relation: 'self', url: `${base}${path}${own === '' ? '' : `?${own}`}` }];
  if (count === 0) return found;
  if (offset > 0 || offset + count < total) found.push({ relation: 'first', url: at(0) });
  if (offset > 0) found.push({ relation: 'previous', url: at(Math.max(0, offset - count)) });
  if (offset + count < total) found.push({ relation: 'next', url: at(offset + count) });
  return found;
};
