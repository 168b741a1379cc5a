import { resourceId, resourceType } from './ids.ts';
import type { SearchKind, SearchParameter } from './search-parameters.ts';

/**
 * The inside of a search value (FHIR R4 search.html#escaping): `,` parts alternatives, `$` the parts of a composite,
 * `|` system from code, and a backslash takes the meaning from any of them and from itself.
 */
export const splitAt = (text: string, separator: string): readonly string[] => {
  if (!text.includes('\\')) return text.includes(separator) ? text.split(separator) : [text];
  const found: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === separator) {
      found.push(text.slice(from, at));
      from = at + 1;
    }
  }
  found.push(text.slice(from));
  return found;
};

/** A backslash before anything else means nothing in FHIR, and different things to different servers. */
export const wellEscaped = (text: string): boolean => !text.includes('\\') || /^(?:[^\\]|\\[\\,$|])*$/.test(text);

export const unescapeValue = (text: string): string =>
  text.includes('\\') ? text.replace(/\\([\\,$|])/g, '$1') : text;

/** `system|code` of one alternative still escaped. `system` absent: any system; empty: no system. */
export const tokenParts = (alternative: string): { readonly system?: string; readonly code: string } => {
  const [first = '', second] = splitAt(alternative, '|');
  return second === undefined
    ? { code: unescapeValue(first) }
    : { system: unescapeValue(first), code: unescapeValue(second) };
};

const number = String.raw`[+-]?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?`;
const date = String.raw`\d{4}(?:-\d\d(?:-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?)?)?`;
const prefix = '(?:eq|ne|gt|lt|ge|le|sa|eb|ap)?';
const isNumber = new RegExp(`^${prefix}${number}$`);
const isDate = new RegExp(`^${prefix}${date}$`);
/** A date as an operation or a history takes it: without prefix. */
export const isInstant = new RegExp(`^${date}$`);
const blank = /^\s*$/;
const space = /\s/;

const isQuantity = (text: string): boolean => {
  const parts = splitAt(text, '|');
  return isNumber.test(parts[0] ?? '') && (parts.length === 1 || (parts.length === 3 && parts[2] !== ''));
};

const isToken = (text: string): boolean => {
  const parts = splitAt(text, '|');
  if (parts.length > 2) return false;
  return parts.some((part) => part !== '');
};

/** `id`, `Type/id`, `Type/id/_history/v`, an absolute URL or URN. A relative path with anything else in it is refused. */
const isReference = (text: string): boolean => {
  if (/^[a-z][a-z0-9+.-]*:[^\s?\\]+$/i.test(text)) return true;
  const [first = '', second, history, version, ...more] = text.split('/');
  if (second === undefined) return resourceId(first) !== undefined;
  if (resourceType(first) === undefined || resourceId(second) === undefined) return false;
  return (
    history === undefined || (history === '_history' && resourceId(version ?? '') !== undefined && more.length === 0)
  );
};

const isKind = (kind: SearchKind, text: string): boolean => {
  switch (kind) {
    case 'number':
      return isNumber.test(text);
    case 'date':
      return isDate.test(text);
    case 'quantity':
      return isQuantity(text);
    case 'token':
      return isToken(text);
    case 'reference':
      return isReference(text);
    case 'uri':
      return text !== '' && !space.test(text);
    case 'string':
    case 'special':
      return !blank.test(text);
    case 'composite':
      return false;
  }
};

/** Modifiers by kind (search.html#modifiers); `missing` goes with all, and `[type]` with references. */
const modifiers: Readonly<Record<SearchKind, readonly string[]>> = {
  string: ['exact', 'contains'],
  token: ['text', 'not', 'in', 'not-in', 'above', 'below', 'of-type'],
  reference: ['identifier', 'above', 'below'],
  uri: ['above', 'below'],
  number: [],
  date: [],
  quantity: [],
  composite: [],
  special: [],
};

export const takesModifier = (parameter: SearchParameter, modifier: string): boolean => {
  if (modifier === 'missing') return parameter.kind !== 'composite' && parameter.kind !== 'special';
  if (modifiers[parameter.kind].includes(modifier)) return true;
  const type = resourceType(modifier);
  return (
    type !== undefined &&
    parameter.kind === 'reference' &&
    (parameter.targets.length === 0 || parameter.targets.includes(type))
  );
};

/** True when one alternative, still escaped, can be read in one way under the parameter and its modifier. */
export const fitsParameter = (parameter: SearchParameter, modifier: string | undefined, text: string): boolean => {
  switch (modifier) {
    case 'missing':
      return text === 'true' || text === 'false';
    case 'identifier':
      return isToken(text);
    case 'text':
      return !blank.test(text);
    case 'in':
    case 'not-in':
      return text !== '' && !space.test(text);
    case 'of-type': {
      const parts = splitAt(text, '|');
      return parts.length === 3 && parts.every((part) => part !== '');
    }
  }
  if (parameter.kind === 'composite') {
    const parts = splitAt(text, '$');
    return (
      parts.length === parameter.parts.length && parameter.parts.every((kind, at) => isKind(kind, parts[at] ?? ''))
    );
  }
  return isKind(parameter.kind, text);
};
