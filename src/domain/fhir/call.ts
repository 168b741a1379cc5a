import { defaultLimits, type Limits } from '../json/fault.ts';
import type { Tape } from '../json/tape.ts';
import { type Problem, problem } from '../problem.ts';
import { readJson } from './classify-body.ts';
import type { RawHeaders } from './classify-headers.ts';
import type { FhirInteraction } from './interaction.ts';
import type { BodyMedia } from './media.ts';
import { defaultOperations, type OperationTable } from './operations.ts';
import type { Pair } from './query-text.ts';

export interface RawRequest {
  readonly method: string;
  /** As it came on the wire, the base path taken off: `/Patient/1?x=y`. */
  readonly target: string;
  readonly headers: RawHeaders;
  readonly body: Uint8Array | undefined;
}

export interface ClassifyOptions {
  /** Limits on bodies. */
  readonly json: Limits;
  /** Characters of a request target. */
  readonly target: number;
  /** Parameters of one query. */
  readonly parameters: number;
  /** Entries of one batch or transaction. */
  readonly entries: number;
  readonly operations: OperationTable;
  /**
   * Absolute URLs of the gateway and its upstream, without the last slash: what stands below them in an entry of a
   * batch or in a reference to search by is read as relative.
   */
  readonly bases: readonly string[];
  /**
   * One entry of a batch that is not understood is refused alone, in `refused`; otherwise it refuses the batch. Set it
   * only where `refused` is answered. A transaction is all or nothing in any case.
   */
  readonly partialBatch: boolean;
}

export const classifyDefaults: ClassifyOptions = {
  json: defaultLimits,
  target: 16_384,
  parameters: 200,
  entries: 1000,
  operations: defaultOperations,
  bases: [],
  partialBatch: false,
};

export type Classified =
  | { readonly ok: true; readonly interaction: FhirInteraction }
  | { readonly ok: false; readonly problem: Problem };

/** The body of a call: none, bytes still to be read, or (in a batch) a resource already read. */
export type Body = { readonly media: BodyMedia; readonly bytes: Uint8Array } | { readonly tape: Tape } | undefined;

/** One call in parts: from the wire or from an entry of a batch. */
export interface Call {
  readonly method: string;
  readonly segments: readonly string[];
  readonly pairs: readonly Pair[];
  readonly headers: RawHeaders;
  readonly body: Body;
  /** It is an entry of a batch. */
  readonly nested: boolean;
}

const pageToken = /^[A-Za-z0-9_-]{16,16000}$/;

/** The paging token of a query: undefined when it has none, null when it is malformed or not alone. */
export const pageOf = (pairs: readonly Pair[]): string | undefined | null => {
  const paged = pairs.filter(([name]) => name === '_page');
  const [first] = paged;
  if (first === undefined) return undefined;
  // MedplumClient adds its own _count to every next link; the page has its size already.
  const others = pairs.filter(([name]) => name !== '_page');
  const alone = paged.length === 1 && others.length <= 1 && others.every(([name]) => name === '_count');
  return alone && pageToken.test(first[1]) ? first[1] : null;
};

/** The body as JSON. */
export const jsonBody = (call: Call, options: ClassifyOptions): Tape | Problem => {
  const { body } = call;
  if (body === undefined) return problem('body-invalid');
  if ('tape' in body) return body.tape;
  return body.media === 'json' ? readJson(body.bytes, options.json) : problem('media-unsupported');
};
