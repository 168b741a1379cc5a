import { is, stringOf } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { type Problem, problem } from '../problem.ts';
import { resourceType } from './ids.ts';
import type { ConditionalReference } from './interaction.ts';
import { readPairs } from './query-text.ts';
import { noResults, parseQuery } from './search-query.ts';

const QUESTION = 0x3f;
/** `\u003f`: an escaped question mark still is one. */
const BACKSLASH = 0x5c;

const none: readonly ConditionalReference[] = [];

const refuse = problem('query-ambiguous', { expression: ['reference'] });

const readReference = (text: string, parameters: number): ConditionalReference | Problem => {
  const mark = text.indexOf('?');
  const type = resourceType(text.slice(0, mark));
  // An absolute URL with a query is a match URL to some servers and a foreign address to others.
  if (type === undefined) return refuse;
  const pairs = readPairs(text.slice(mark + 1), parameters);
  if ('code' in pairs || pairs.length === 0) return refuse;
  const query = parseQuery(pairs, { types: [type], results: noResults });
  return 'code' in query ? refuse : { type, query };
};

const referenceAt = (tape: Tape, node: number): string | undefined =>
  tape.kind[node] === KIND.key && is(tape, node, 'reference') ? stringOf(tape, node + 1) : undefined;

/** `Type?name=value`: nothing else looks like it. */
const criteriaAt = (tape: Tape, node: number): string | undefined => {
  const text = stringOf(tape, node);
  return text !== undefined &&
    (/^[A-Z][A-Za-z]+\?[^ ]*=/.test(text) || /^https?:[^ ]*\/[A-Z][A-Za-z]+\?[^ ]*=/.test(text))
    ? text
    : undefined;
};

/**
 * The references of a body that are searches: `Patient?identifier=…` (R4 http.html#trules). The upstream will run each
 * of them and tell by its answer whether it matched, in a transaction and, on some servers, in any write. A patch puts
 * the text of a reference anywhere, so there any text is taken for one that looks like one.
 */
export const conditionalReferences = (
  tape: Tape,
  parameters: number,
  places: 'references' | 'any text',
): readonly ConditionalReference[] | Problem => {
  const bytes = tape.bytes.subarray(tape.start[0], tape.end[0]);
  if (!bytes.includes(QUESTION) && !bytes.includes(BACKSLASH)) return none;
  const found: ConditionalReference[] = [];
  for (let node = 0; node < tape.length; node += 1) {
    const text = places === 'references' ? referenceAt(tape, node) : criteriaAt(tape, node);
    if (text === undefined || !text.includes('?')) continue;
    const reference = readReference(text, parameters);
    if ('code' in reference) return reference;
    found.push(reference);
  }
  return found;
};
