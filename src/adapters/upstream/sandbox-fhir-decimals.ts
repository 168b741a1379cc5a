/**
 * FHIR decimals keep their precision: 1.00 is not 1 (R4 datatypes.html#decimal). JavaScript numbers do not, so the source text
 * of each number that would change is remembered beside the object that holds it, and written back.
 */
const sources = new WeakMap<object, Map<string, string>>();

// A zero at the end of the decimals, an exponent, or more digits than a double holds.
const mayChange = /\.\d*0[\s,\]}]|\d[eE]|\d{16}|-0/;

/** Part of ECMAScript 2026; the TypeScript library does not know it yet. */
interface SourceContext {
  readonly source?: string;
}
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };

export const parseExact = (text: string): unknown => {
  if (!mayChange.test(text)) return JSON.parse(text);
  return JSON.parse(text, function (this: object, key: string, value: unknown, context?: SourceContext): unknown {
    const source = context?.source;
    if (typeof value === 'number' && source !== undefined && source !== String(value)) remember(this, key, source);
    return value;
  });
};

const remember = (holder: object, key: string, source: string): void => {
  const known = sources.get(holder) ?? new Map<string, string>();
  sources.set(holder, known.set(key, source));
};

/** Only for what `parseExact` made; a copy of it has forgotten. */
export const stringifyExact = (value: unknown): string => {
  if (!isRemembered(value)) return JSON.stringify(value);
  return JSON.stringify(value, function (this: object, key: string, each: unknown): unknown {
    const source = typeof each === 'number' ? sources.get(this)?.get(key) : undefined;
    return source === undefined ? each : rawJSON(source);
  });
};

/** A replacer makes JSON.stringify several times slower, and few resources need it. */
const isRemembered = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  return sources.has(value) || Object.values(value).some(isRemembered);
};

export const cloneExact = <Value>(value: Value): Value =>
  isRemembered(value) ? (parseExact(stringifyExact(value)) as Value) : structuredClone(value);
