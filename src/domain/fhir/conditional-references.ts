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

const readReference = (text: string, node: number, parameters: number): ConditionalReference | Problem => {
  const mark = text.indexOf('?');
  const type = resourceType(text.slice(0, mark));
  // An absolute URL with a query is a match URL to some servers and a foreign address to others.
  if (type === undefined) return refuse;
  const pairs = readPairs(text.slice(mark + 1), parameters);
  if ('code' in pairs || pairs.length === 0) return refuse;
  const query = parseQuery(pairs, { types: [type], results: noResults });
  return 'code' in query ? refuse : { node, type, query };
};

/**
 * The references of a body that are searches: `Patient?identifier=…` (R4 http.html#trules), for the gateway to resolve: an
 * upstream would run each of them over everybody's records, and tell by its answer whether it matched.
 */
export const conditionalReferences = (tape: Tape, parameters: number): readonly ConditionalReference[] | Problem => {
  const bytes = tape.bytes.subarray(tape.start[0], tape.end[0]);
  if (!bytes.includes(QUESTION) && !bytes.includes(BACKSLASH)) return none;
  const found: ConditionalReference[] = [];
  for (let key = 0; key < tape.length; key += 1) {
    if (tape.kind[key] !== KIND.key || !is(tape, key, 'reference')) continue;
    const text = stringOf(tape, key + 1);
    if (text === undefined || !text.includes('?')) continue;
    const reference = readReference(text, key + 1, parameters);
    if ('code' in reference) return reference;
    found.push(reference);
  }
  return found;
};

/** True when a patch puts in a text that is a search by its looks: it may land in a reference, where nobody resolves it. */
export const putsConditionalReference = (patch: Tape): boolean => {
  for (let node = 0; node < patch.length; node += 1) {
    const text = patch.kind[node] === KIND.string ? stringOf(patch, node) : undefined;
    if (text !== undefined && /^(?:https?:[^ ]*\/)?[A-Z][A-Za-z]+\?[^ ]*=/.test(text)) return true;
  }
  return false;
};
