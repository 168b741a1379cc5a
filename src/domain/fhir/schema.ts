import { codeSetSource, elementSource, primitiveTypeNames, resourceTypeNames } from './generated/elements.ts';

/** One JSON member that a type may have; a choice element has one for each of its types. */
export interface ElementSchema {
  /** The member's name in JSON: `valueQuantity`. */
  readonly name: string;
  /** The element's name in paths: `value`. */
  readonly path: string;
  readonly type: string;
  readonly list: boolean;
  readonly required: boolean;
  readonly choice: boolean;
  /** Name of the list of codes that a `code` is bound to, see `codeSet`. */
  readonly codes?: string;
}

export interface TypeSchema {
  readonly name: string;
  /** The types it is a specialisation of, nearest first. */
  readonly ancestors: readonly string[];
  readonly elements: ReadonlyMap<string, ElementSchema>;
}

export const resourceTypes: ReadonlySet<string> = new Set(resourceTypeNames);
export const primitiveTypes: ReadonlySet<string> = new Set([...primitiveTypeNames, 'xhtml']);

const schemas = new Map<string, TypeSchema>();

const elementsOf = (words: readonly string[]): ElementSchema[] =>
  words.flatMap((word) => {
    const colon = word.indexOf(':');
    const [types = '', codes] = word
      .slice(colon + 1)
      .replace(/[*!]+$/, '')
      .split('~');
    const list = word.includes('*');
    const required = word.endsWith('!');
    const written = word.slice(0, colon);
    const choice = written.endsWith('[x]');
    const path = choice ? written.slice(0, -3) : written;
    return types.split(',').map((type) => ({
      name: choice ? `${path}${type.charAt(0).toUpperCase()}${type.slice(1)}` : path,
      path,
      type,
      list,
      required,
      choice,
      ...(codes === undefined ? {} : { codes }),
    }));
  });

/** The schema of a resource, datatype or backbone element (`Patient.contact`); undefined for primitives and the unknown. */
export const typeSchema = (name: string): TypeSchema | undefined => {
  const known = schemas.get(name);
  if (known !== undefined) return known;
  const source = Object.hasOwn(elementSource, name) ? elementSource[name] : undefined;
  if (source === undefined) return undefined;
  const [base = '<', ...words] = source.split(' ').filter((word) => word !== '');
  const parent = typeSchema(base.slice(1));
  const elements = new Map(parent?.elements);
  for (const element of elementsOf(words)) elements.set(element.name, element);
  const schema = { name, ancestors: parent === undefined ? [] : [parent.name, ...parent.ancestors], elements };
  schemas.set(name, schema);
  return schema;
};

const codeSets = new Map<string, ReadonlySet<string>>();

export const codeSet = (name: string): ReadonlySet<string> => {
  let codes = codeSets.get(name);
  if (codes === undefined) {
    codes = new Set(codeSetSource[name]?.split(' '));
    codeSets.set(name, codes);
  }
  return codes;
};

/** The type itself and all it specialises: a rule on `Quantity` holds for an `Age` too. */
export const lineage = (type: string): readonly string[] => [type, ...(typeSchema(type)?.ancestors ?? [])];

/** Every type that a rule may start from. */
export const typeNames = (): readonly string[] => [...Object.keys(elementSource), ...primitiveTypes];

/** The elements of a type with this path name: several for a choice. */
export const elementsNamed = (type: string, path: string): readonly ElementSchema[] => {
  // A primitive has the members of Element, in its `_name` sibling.
  const schema = typeSchema(primitiveTypes.has(type) ? 'Element' : type);
  return schema === undefined
    ? []
    : [...schema.elements.values()].filter((element) => element.path === path || element.name === path);
};

export const pathNames = (type: string): readonly string[] => [
  ...new Set(
    [...(typeSchema(primitiveTypes.has(type) ? 'Element' : type)?.elements.values() ?? [])].map(
      (element) => element.path,
    ),
  ),
];
