import { is, member, stringOf } from '../../domain/json/cursor.ts';
import type { Limits } from '../../domain/json/fault.ts';
import { scan } from '../../domain/json/scan.ts';
import type { Tape } from '../../domain/json/tape.ts';
import type { ProblemCode } from '../../domain/problem.ts';
import type { UpstreamResponse } from '../../domain/upstream.ts';

/** One interaction's share of the upstream's answer: of a batch, one entry. */
export interface Reply {
  readonly status: number;
  readonly etag: string | undefined;
  readonly location: string | undefined;
  readonly lastModified: string | undefined;
  readonly tape: Tape | undefined;
  readonly node: number;
}

/** `findings`: what the answer says of a refusal is what was asked for. */
export function replyOf(
  response: Extract<UpstreamResponse, { kind: 'answer' }>,
  limits: Limits,
  findings = false,
): Reply | { readonly code: ProblemCode; readonly text: string } {
  const { status, headers, body } = response;
  const share = { status, etag: headers.etag, location: headers.location, lastModified: headers['last-modified'] };
  if (body.length === 0 || (status >= 400 && !findings)) return { ...share, tape: undefined, node: -1 };
  const media = headers['content-type'] ?? '';
  if (!/^application\/(fhir\+)?json\b/i.test(media))
    return { code: 'content-unmaskable', text: 'The answer is not FHIR JSON.' };
  const scanned = scan(body, limits);
  if (!scanned.ok)
    return {
      code: 'upstream-malformed',
      text: `The answer is not lossless JSON: ${scanned.fault.code} at byte ${scanned.fault.offset}.`,
    };
  return { ...share, tape: scanned.tape, node: 0 };
}

export function entryReplies(bundle: Reply): Reply[] {
  const { tape } = bundle;
  if (tape === undefined) return [];
  const replies: Reply[] = [];
  const entries = member(tape, bundle.node, 'entry');
  if (entries < 0) return replies;
  for (let entry = entries + 1; entry < (tape.next[entries] as number); entry = tape.next[entry] as number) {
    const response = member(tape, entry, 'response');
    const status = Number.parseInt(stringOf(tape, member(tape, response, 'status')) ?? '', 10);
    const node = member(tape, entry, 'resource');
    replies.push({
      status: Number.isInteger(status) ? status : 502,
      etag: stringOf(tape, member(tape, response, 'etag')),
      location: stringOf(tape, member(tape, response, 'location')),
      lastModified: stringOf(tape, member(tape, response, 'lastModified')),
      tape: node < 0 ? undefined : tape,
      node,
    });
  }
  return replies;
}

const lists: ReadonlySet<string | undefined> = new Set(['searchset', 'history', undefined]);

/** A Bundle that lists what was found; any other is a resource of its own. */
export const isList = (tape: Tape, node: number): boolean =>
  is(tape, member(tape, node, 'resourceType'), 'Bundle') && lists.has(stringOf(tape, member(tape, node, 'type')));

/** The answer of a server that has nothing. */
export const nothingFound: Tape = (() => {
  const scanned = scan(new TextEncoder().encode('{"resourceType":"Bundle","type":"searchset"}'));
  if (!scanned.ok) throw new Error('an empty Bundle is JSON');
  return scanned.tape;
})();
