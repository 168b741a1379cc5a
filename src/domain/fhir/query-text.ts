import { type Problem, problem } from '../problem.ts';

/** One decoded `name=value` pair of a query or form. */
export type Pair = readonly [name: string, value: string];

/** Undefined: not the one plain encoding of a text. Control characters have no place in any FHIR parameter. */
const decode = (text: string): string | undefined => {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    return /\p{Cc}/u.test(decoded) ? undefined : decoded;
  } catch {
    return undefined;
  }
};

/** Characters that a server which decodes twice would take for structure. */
const hidden = /%(?:[01][0-9a-f]|7f|2[3-6b-c]|3[b-f]|5c|7c)/i;

/** URLs and forms are ASCII; `#` and `;` would part the query for some servers and not for others. */
const plain = /^[!"$-:<-~]*$/;

/** The caller's own parameter name, when it is one that an answer can repeat safely. */
export const refuseParameter = (name: string): Problem =>
  /^[A-Za-z_][\w:.-]{0,99}$/.test(name)
    ? problem('query-ambiguous', { expression: [name] })
    : problem('query-ambiguous');

/**
 * The pairs of `a=b&c=d`, or a refusal when any of it can be read in two ways: a bad or doubled escape, a name without
 * a value (servers drop those, and a narrowing filter with them), a raw `;`, `#` or non-ASCII character.
 */
export const readPairs = (text: string, most: number): readonly Pair[] | Problem => {
  if (!plain.test(text)) return problem('query-ambiguous');
  const pairs: Pair[] = [];
  for (const part of text.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = decode(equals < 0 ? part : part.slice(0, equals));
    if (name === undefined || name === '' || pairs.length === most) return problem('query-ambiguous');
    const value = equals < 0 ? '' : decode(part.slice(equals + 1));
    if (value === undefined || value === '' || hidden.test(value)) return refuseParameter(name);
    pairs.push([name, value]);
  }
  return pairs;
};

/** The one encoding that `readPairs` reads back to the same pairs. */
export const writePairs = (pairs: readonly Pair[]): string =>
  pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');

const encode = (text: string): string =>
  /^[\w.~:,/-]*$/.test(text)
    ? text
    : encodeURIComponent(text).replace(/%3A|%2C|%2F/g, (escaped) => decodeURIComponent(escaped));
