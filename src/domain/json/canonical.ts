import { raw, text } from './cursor.ts';
import { KIND, type Tape } from './tape.ts';

type NumberText = (literal: string) => string | undefined;

// RFC 8785, 3.2.2.3: a number is what ECMAScript makes of it; what does not fit a double has no canonical form.
const ecmaScript: NumberText = (literal) => {
  const value = Number(literal);
  return Number.isFinite(value) ? String(Object.is(value, -0) ? 0 : value) : undefined;
};

/** A string as JSON.stringify writes it: RFC 8785, 3.2.2.2. What stands without an escape stands so already. */
const stringText = (tape: Tape, node: number): string => JSON.stringify(text(tape, node));

const canonical = (tape: Tape, node: number, number: NumberText): string | undefined => {
  switch (tape.kind[node]) {
    case KIND.object: {
      const past = tape.next[node] as number;
      const names: { readonly name: string; readonly key: number }[] = [];
      let sorted = true;
      for (let key = node + 1; key < past; key = tape.next[key] as number) {
        const name = text(tape, key);
        const last = names[names.length - 1];
        // JavaScript compares strings by UTF-16 units, as RFC 8785, 3.2.3 asks.
        if (last !== undefined && last.name > name) sorted = false;
        names.push({ name, key });
      }
      if (!sorted) names.sort((a, b) => (a.name < b.name ? -1 : 1));
      let out = '{';
      for (const { name, key } of names) {
        const value = canonical(tape, key + 1, number);
        if (value === undefined) return undefined;
        out += `${out.length > 1 ? ',' : ''}${JSON.stringify(name)}:${value}`;
      }
      return `${out}}`;
    }
    case KIND.array: {
      const past = tape.next[node] as number;
      let out = '[';
      for (let element = node + 1; element < past; element = tape.next[element] as number) {
        const value = canonical(tape, element, number);
        if (value === undefined) return undefined;
        out += `${out.length > 1 ? ',' : ''}${value}`;
      }
      return `${out}]`;
    }
    case KIND.string:
      return stringText(tape, node);
    case KIND.number:
      return number(raw(tape, node));
    default:
      return raw(tape, node);
  }
};

/** The JSON Canonicalization Scheme (RFC 8785) of a node; undefined when a number in it does not fit a double. */
export const jcs = (tape: Tape, node = 0): string | undefined => canonical(tape, node, ecmaScript);

/**
 * As `jcs`, but every number keeps its literal: `1.00` and `1.0` are different records. This is the form that record
 * digests are made of. Member order, white space and the spelling of escapes do not change it.
 */
export const losslessCanonical = (tape: Tape, node = 0): string =>
  canonical(tape, node, (literal) => literal) as string;
