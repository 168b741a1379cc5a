import { resourceTypeNames } from './generated/elements.ts';
import { typeNames, typeSchema } from './schema.ts';

/** Members that hold the address of something, told by their name and the name of the member around them. */
interface UrlElements {
  /** `parent.child`: `content.attachment` is an Attachment, so `attachment.url`. */
  readonly pairs: ReadonlySet<string>;
  /** At the top of a resource, and choices whose name tells their type: `address` of Endpoint, `valueUrl`. */
  readonly anywhere: ReadonlySet<string>;
}

/** What FHIR types as uri although it is a link to be followed (R4 bundle.html). */
const bundleLinks: readonly string[] = ['link.url', 'entry.fullUrl', 'response.location', 'request.url'];

/**
 * Out of the schema: every element of type `url`. An element of type `uri` or `canonical` is a name, not an address,
 * and an Identifier.system or a profile stays as it is although it begins with the upstream's base.
 */
const gather = (): UrlElements => {
  const pairs = new Set(bundleLinks);
  const anywhere = new Set<string>();
  const urlsOf = (type: string): readonly string[] =>
    [...(typeSchema(type)?.elements.values() ?? [])]
      .filter((element) => element.type === 'url')
      .map(({ name }) => name);
  const resources = new Set(resourceTypeNames);
  for (const type of typeNames()) {
    for (const element of typeSchema(type)?.elements.values() ?? []) {
      // The definitions give Binary a `url`, which R4 has not; of other resources `url` is the canonical name.
      const atTop = resources.has(type) && element.name !== 'url';
      if (element.type === 'url' && (element.choice || atTop)) anywhere.add(element.name);
      const inner = [...urlsOf(element.type), ...urlsOf(`${type}.${element.name}`)];
      for (const name of inner) pairs.add(`${element.name}.${name}`);
    }
  }
  return { pairs, anywhere };
};

let gathered: UrlElements | undefined;

/** True when the member is a link by FHIR's own typing. `parent` is the name of the member around it, '' at the top. */
export const isUrlElement = (parent: string, name: string): boolean => {
  gathered ??= gather();
  return gathered.pairs.has(`${parent}.${name}`) || gathered.anywhere.has(name);
};
