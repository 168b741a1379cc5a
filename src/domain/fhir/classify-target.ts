import { type Problem, problem } from '../problem.ts';
import { formatIsJson } from './media.ts';
import { type Pair, readPairs, refuseParameter } from './query-text.ts';

export interface Target {
  /** Decoded, each one a type, id, operation or word of FHIR; none empty. */
  readonly segments: readonly string[];
  /** Without the parameters that only say how the answer looks. */
  readonly pairs: readonly Pair[];
}

const segment = /^(?:\*|\$?[A-Za-z0-9_][A-Za-z0-9\-._]*|[A-Za-z0-9\-.]{1,64})$/;

/** Nothing in a FHIR path needs an escape; `$` is escaped by some clients. Once decoded, no other may be left. */
const decodeSegment = (text: string): string | undefined => {
  const decoded = text.includes('%')
    ? text.replace(/%([2-7][0-9A-Fa-f])/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : text;
  return segment.test(decoded) && decoded !== '.' && decoded !== '..' ? decoded : undefined;
};

/** `_format` and `_pretty` say how the answer looks: here it is FHIR JSON, always. */
export const withoutLooks = (pairs: readonly Pair[]): readonly Pair[] | Problem => {
  if (!pairs.some(([name]) => name === '_format' || name === '_pretty')) return pairs;
  const rest: Pair[] = [];
  const seen = new Set<string>();
  for (const pair of pairs) {
    const [name, value] = pair;
    if (name !== '_format' && name !== '_pretty') {
      rest.push(pair);
      continue;
    }
    if (seen.has(name) || (name === '_pretty' && value !== 'true' && value !== 'false')) return refuseParameter(name);
    if (name === '_format' && !formatIsJson(value)) return problem('format-unsupported', { expression: [name] });
    seen.add(name);
  }
  return rest;
};

const noPairs: readonly Pair[] = [];

/**
 * Reads a request target, the base path taken off. One trailing slash is taken as written for none; anything else that
 * two servers could read differently (dot segments, empty segments, `;`, escapes of structure) is refused.
 */
export const readTarget = (
  target: string,
  limits: { readonly target: number; readonly parameters: number },
): Target | Problem => {
  if (target.length > limits.target) return problem('query-ambiguous');
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const segments: string[] = [];
  if (path !== '' && path !== '/') {
    if (path.charCodeAt(0) !== 0x2f) return problem('query-ambiguous');
    const end = path.endsWith('/') ? path.length - 1 : path.length;
    for (const text of path.slice(1, end).split('/')) {
      const decoded = decodeSegment(text);
      if (decoded === undefined) return problem('query-ambiguous');
      segments.push(decoded);
    }
  }
  if (mark < 0 || mark === target.length - 1) return { segments, pairs: noPairs };
  const read = readPairs(target.slice(mark + 1), limits.parameters);
  if ('code' in read) return read;
  const pairs = withoutLooks(read);
  return 'code' in pairs ? pairs : { segments, pairs };
};
