import { member, stringOf, text } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { type Problem, problem } from '../problem.ts';
import type { Steps } from '../steps.ts';
import type { Call, ClassifyOptions } from './call.ts';
import { subTape } from './classify-body.ts';
import type { RawHeaders } from './classify-headers.ts';
import { readTarget } from './classify-target.ts';
import type { BatchEntry, FhirHeaders, FhirInteraction, RefusedEntry } from './interaction.ts';
import { isInstant } from './search-value.ts';

/** What FHIR lets an entry of a request hold. `response` belongs to answers: a request that has one is not understood. */
const entryKeys: ReadonlySet<string> = new Set(['id', 'fullUrl', 'link', 'resource', 'search', 'request']);
/** A name or address under which the other entries can point to this one. */
const fullUrlPattern = /^(?:urn:(?:uuid|oid):[0-9A-Za-z.-]{1,64}|https?:\/\/[!$-;=@-Z_a-z~]{1,2000})$/;

interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: RawHeaders;
  readonly modifiedSince?: string;
}

const onlyKeys = (tape: Tape, object: number, keys: ReadonlySet<string>): boolean => {
  const past = tape.next[object] as number;
  for (let key = object + 1; key < past; key = tape.next[key] as number) if (!keys.has(text(tape, key))) return false;
  return true;
};

/** The text of an optional member: undefined when absent, null when it is no string. */
const optional = (tape: Tape, object: number, name: string): string | undefined | null => {
  const node = member(tape, object, name);
  return node < 0 ? undefined : (stringOf(tape, node) ?? null);
};

const headerOf: ReadonlyMap<string, string> = new Map([
  ['ifMatch', 'if-match'],
  ['ifNoneMatch', 'if-none-match'],
  ['ifNoneExist', 'if-none-exist'],
]);

/** Undefined: it holds what no request has, or something that is no string. */
const requestOf = (tape: Tape, entry: number): Request | undefined => {
  const node = member(tape, entry, 'request');
  if (node < 0 || tape.kind[node] !== KIND.object) return undefined;
  let method: string | undefined;
  let url: string | undefined;
  let modifiedSince: string | undefined;
  const headers: Record<string, string> = {};
  const past = tape.next[node] as number;
  for (let key = node + 1; key < past; key = tape.next[key] as number) {
    const name = text(tape, key);
    if (name === 'id') continue;
    const value = stringOf(tape, key + 1);
    if (value === undefined) return undefined;
    const header = headerOf.get(name);
    if (header !== undefined) headers[header] = value;
    else if (name === 'method') method = value;
    else if (name === 'url') url = value;
    else if (name === 'ifModifiedSince' && isInstant.test(value)) modifiedSince = value;
    else return undefined;
  }
  if (method === undefined || url === undefined) return undefined;
  return { method, url, headers, ...(modifiedSince !== undefined && { modifiedSince }) };
};

/** The path as if sent alone. An absolute URL is read only under a base that the gateway answers for. */
const targetOf = (url: string, bases: readonly string[]): string | undefined => {
  for (const base of bases) if (url.startsWith(`${base}/`)) return url.slice(base.length);
  if (url.startsWith('/') || url.startsWith('?')) return url;
  return /^[A-Za-z][A-Za-z0-9+.-]*:/.test(url) ? undefined : `/${url}`;
};

type ClassifyCall = (call: Call, options: ClassifyOptions) => FhirInteraction | Problem;

const readEntry = (
  tape: Tape,
  entry: number,
  options: ClassifyOptions,
  classifyCall: ClassifyCall,
): Omit<BatchEntry, 'index'> | Problem => {
  const invalid = problem('body-invalid');
  if (tape.kind[entry] !== KIND.object || !onlyKeys(tape, entry, entryKeys)) return invalid;
  const request = requestOf(tape, entry);
  if (request === undefined) return invalid;
  const fullUrl = optional(tape, entry, 'fullUrl');
  if (fullUrl === null || (fullUrl !== undefined && !fullUrlPattern.test(fullUrl))) return invalid;
  const path = targetOf(request.url, options.bases);
  if (path === undefined) return problem('query-ambiguous');
  const target = readTarget(path, options);
  if ('code' in target) return target;
  const resource = member(tape, entry, 'resource');
  const interaction = classifyCall(
    {
      method: request.method,
      ...target,
      headers: request.headers,
      body: resource < 0 ? undefined : { tape: subTape(tape, resource) },
      nested: true,
    },
    options,
  );
  if ('code' in interaction) return interaction;
  const guarded = request.modifiedSince === undefined ? interaction : since(interaction, request.modifiedSince);
  if (guarded === undefined) return invalid;
  if (fullUrl === undefined) return { interaction: guarded };
  return namesIt(fullUrl, guarded) ? { fullUrl, interaction: guarded } : problem('query-ambiguous');
};

/**
 * An address as fullUrl MUST be that of the resource itself. Otherwise a reference to `…/Patient/2` is the new resource
 * of this entry to one reader and the record of someone else to another; what has no address yet has a `urn:`.
 */
const namesIt = (fullUrl: string, interaction: FhirInteraction): boolean => {
  if (fullUrl.startsWith('urn:')) return true;
  if (!('type' in interaction && 'id' in interaction) || interaction.type === undefined) return false;
  return interaction.id !== undefined && fullUrl.endsWith(`/${interaction.type}/${interaction.id}`);
};

/** In a Bundle If-Modified-Since is an instant, not the date of HTTP. */
const since = (interaction: FhirInteraction, ifModifiedSince: string): FhirInteraction | undefined =>
  interaction.kind === 'read' || interaction.kind === 'vread'
    ? { ...interaction, headers: { ...interaction.headers, ifModifiedSince } }
    : undefined;

/** Where in the Bundle a refusal belongs, so that the caller finds the entry. */
const inEntry = (index: number, { code, expression = [] }: Problem): Problem =>
  problem(code, { expression: [`Bundle.entry[${index}]`, ...expression] });

/**
 * Every entry of a batch or transaction as if it were sent alone. One entry that is not understood refuses the whole of
 * a transaction, and of a batch unless refused entries are answered in their place.
 */
export function* readBundle(
  tape: Tape,
  headers: FhirHeaders,
  options: ClassifyOptions,
  classifyCall: ClassifyCall,
): Steps<FhirInteraction | Problem> {
  const kind = stringOf(tape, member(tape, 0, 'type'));
  if (kind !== 'batch' && kind !== 'transaction')
    return kind === undefined ? problem('body-invalid') : problem('interaction-unsupported');
  const list = member(tape, 0, 'entry');
  const entries: BatchEntry[] = [];
  const refused: RefusedEntry[] = [];
  if (list < 0) return { kind, body: tape, entries, headers };
  if (tape.kind[list] !== KIND.array) return problem('body-invalid');
  const fullUrls = new Set<string>();
  const past = tape.next[list] as number;
  for (let entry = list + 1; entry < past; entry = tape.next[entry] as number) {
    const index = entries.length + refused.length;
    if (index === options.entries) return problem('body-too-large');
    yield undefined;
    const read = readEntry(tape, entry, options, classifyCall);
    if ('code' in read) {
      if (kind === 'transaction' || !options.partialBatch) return inEntry(index, read);
      refused.push({ index, problem: read });
      continue;
    }
    if (read.fullUrl !== undefined) {
      // Two entries under one name: a reference to it could mean either.
      if (kind === 'transaction' && fullUrls.has(read.fullUrl)) return inEntry(index, problem('query-ambiguous'));
      fullUrls.add(read.fullUrl);
    }
    entries.push({ index, ...read });
  }
  return { kind, body: tape, entries, headers, ...(refused.length > 0 && { refused }) };
}
