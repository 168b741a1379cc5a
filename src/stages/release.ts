import type { PatientId } from '../domain/fhir/interaction.ts';
import { nameOf } from '../domain/fhir/request-references.ts';
import type { Resolve, Target } from '../domain/fhir/subjects.ts';
import { is, member, raw, stringOf } from '../domain/json/cursor.ts';
import type { Limits } from '../domain/json/fault.ts';
import { scan } from '../domain/json/scan.ts';
import type { Tape } from '../domain/json/tape.ts';
import type { LedgerEntry } from '../domain/ledger/entry.ts';
import { type IntegrityState, worstOf } from '../domain/ledger/record-integrity.ts';
import { operationOutcome } from '../domain/outcome.ts';
import { type Problem, type ProblemCode, problem, problemRow } from '../domain/problem.ts';
import type { UpstreamResponse } from '../domain/upstream.ts';
import type { Forward, RecordIntegrity } from '../ports.ts';
import type { BodyStream } from './answer.ts';
import { clearPage, isDone } from './clear.ts';
import type { Planned } from './exchange.ts';
import type { Judged } from './judge.ts';
import type { OwnerLookup } from './owners.ts';
import {
  type BundleRelease,
  count,
  emptyTally,
  join,
  type Listing,
  note,
  releaseBundle,
  type Tally,
  type UpstreamPage,
} from './release/bundle.ts';
import { extensionOf } from './release/entry.ts';
import { etagOf } from './release/etag.ts';
import { deny, proceed, type StageContext, type Verdict } from './stage.ts';

/** What one ledger entry says of what was released. */
export interface Disclosed {
  readonly patients: ReadonlySet<PatientId>;
  readonly resources: readonly string[];
  readonly rules: ReadonlySet<string>;
  readonly returned: number;
  readonly withheld: number;
  readonly masked: number;
  readonly consent?: NonNullable<LedgerEntry['consent']>;
}

/** The answer as it may leave, and the facts about it for the ledger and the risk engine. */
export interface Released extends Disclosed {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | BodyStream;
  /** Of an answer with more resources than one entry holds: what each entry says, in order. */
  readonly disclosures?: AsyncIterable<Disclosed>;
}

export interface Release {
  /** `response` is absent when nothing was forwarded: every entry of a batch was refused. */
  release(
    judged: Judged,
    response: UpstreamResponse | undefined,
    context: StageContext,
  ): Verdict<Released> | Promise<Verdict<Released>>;
}

export interface ReleaseParts {
  readonly bundle: BundleRelease;
  readonly limits: Limits;
  readonly owners: OwnerLookup;
  /** Reads a further page of a judged search. Never rejects. */
  readonly further: Forward;
  /** Called with every resource that is released, for the facts that explain later accesses. */
  readonly seen: (tape: Tape, node: number) => void;
  /** Called with what was deleted: `ServiceRequest/sr1`. */
  readonly gone?: (reference: string) => void;
  /** Told of what was deleted here, and of what the server no longer has. */
  readonly records?: Pick<RecordIntegrity, 'deleted' | 'missing'>;
}

/** One interaction's share of the upstream's answer: of a batch, one entry. */
interface Reply {
  readonly status: number;
  readonly etag: string | undefined;
  readonly location: string | undefined;
  readonly lastModified: string | undefined;
  readonly tape: Tape | undefined;
  readonly node: number;
}

interface Share {
  readonly status: number;
  readonly etag?: string;
  readonly location?: string;
  readonly lastModified?: string;
  readonly body?: Uint8Array | string;
  readonly integrity?: IntegrityState;
}

const fhirJson = 'application/fhir+json; charset=utf-8';
const encoder = new TextEncoder();

/** Times an answer is judged again with more at hand. */
const ROUNDS = 25;
/** Resources looked up for one answer; what would take more stays withheld. */
const MOST_LOOKED_UP = 500;
/** Pages of the upstream beyond the first that are read to fill one; then a page may be short, and has a next one. */
const MOST_PAGES = 20;

/** What was fetched beside the answer, because the answer alone did not do. */
interface Beside {
  readonly owners?: Resolve;
  readonly listings: ReadonlyMap<Planned, Listing>;
}

/** One attempt at an answer, and what was counted on the way. Nothing of it is told to anybody before it is the last. */
interface Attempt {
  readonly verdict: Verdict<Released>;
  readonly tally: Tally;
}

export function release(parts: ReleaseParts): Release {
  return {
    release(judged, response, context) {
      const begun = performance.now();
      const finish = ({ verdict, tally }: Attempt): Verdict<Released> => {
        for (const effect of tally.effects) effect();
        for (const reason of verdict.reasons) context.story.push({ stage: 'release', ...reason });
        context.telemetry.stage(
          'release',
          verdict.kind === 'deny' ? verdict.problem.code : 'continue',
          performance.now() - begun,
        );
        return verdict;
      };
      const first = attempt(judged, response, { listings: new Map() }, context);
      return isWanting(first) ? gathered(judged, response, first, context).then(finish) : finish(first);
    },
  };

  function attempt(
    judged: Judged,
    response: UpstreamResponse | undefined,
    beside: Beside,
    context: StageContext,
  ): Attempt {
    const tally = emptyTally();
    try {
      const verdict =
        judged.shape === 'single' ? single(judged, response, tally, beside) : batch(judged, response, tally, beside);
      return { verdict, tally };
    } catch (error) {
      return { verdict: failed(error, context), tally: emptyTally() };
    }
  }

  /**
   * Where the answer alone does not tell whose something is, what it is about is read; where a page is not full, the next one
   * is. Then the whole is judged again.
   */
  async function gathered(
    judged: Judged,
    response: UpstreamResponse | undefined,
    first: Attempt,
    context: StageContext,
  ): Promise<Attempt> {
    const owners = new Map<string, Target>();
    const resolve: Resolve = (reference) => owners.get(nameOf(reference) ?? '');
    const asked = new Set<string>();
    const listings = new Map<Planned, Listing>();
    let last = first;
    try {
      for (let round = 0; round < ROUNDS && isWanting(last); round += 1) {
        const wanted = [...last.tally.needs].filter(([name]) => !asked.has(name)).slice(0, MOST_LOOKED_UP - asked.size);
        if (wanted.length === 0 && last.tally.more.size === 0) break;
        for (const [name] of wanted) asked.add(name);
        const pages = [...last.tally.more].map(async ([part, path]) => {
          const known = listings.get(part) ?? { pages: [], ended: false };
          const page = known.pages.length < MOST_PAGES ? await pageAt(path, context) : undefined;
          listings.set(
            part,
            page === undefined ? { ...known, ended: true } : { pages: [...known.pages, page], ended: false },
          );
        });
        const looked =
          wanted.length === 0
            ? undefined
            : parts.owners(
                wanted.map(([, each]) => each),
                resolve,
                context.signal,
              );
        await Promise.all(pages);
        const { found, failed: missed } = (await looked) ?? { found: new Map<string, Target>(), failed: false };
        if (missed) context.telemetry.failed('owners', 'UpstreamFault');
        for (const [name, target] of found) owners.set(name, target);
        last = attempt(judged, response, { owners: resolve, listings }, context);
      }
      return last;
    } catch (error) {
      return { verdict: failed(error, context), tally: emptyTally() };
    }
  }

  /** Undefined: it cannot be had, and the caller's page ends here with a link to it. */
  async function pageAt(path: string, context: StageContext): Promise<UpstreamPage | undefined> {
    const response = await parts.further(clearPage(path), context.signal);
    const read = response.kind === 'answer' && response.status === 200 ? replyOf(response) : undefined;
    if (read === undefined || 'code' in read || read.tape === undefined || !isList(read.tape, read.node)) {
      context.telemetry.failed('further-page', 'UpstreamFault');
      return undefined;
    }
    return { tape: read.tape, node: read.node, path };
  }

  function failed(error: unknown, context: StageContext): Verdict<Released> {
    const name = error instanceof Error ? error.name : typeof error;
    context.telemetry.failed('release', name);
    return deny('stage-failed', { rule: 'release-failed', text: `The stage release failed (${name}) and refuses.` });
  }

  function single(
    judged: Judged,
    response: UpstreamResponse | undefined,
    tally: Tally,
    beside: Beside,
  ): Verdict<Released> {
    const [part] = judged.parts;
    if (part?.kind !== 'permitted') return deny('stage-failed');
    if (isDone(part.value)) return proceed({ ...told(tally, judged), status: 204, headers: {} }, nothingLeft);
    if (response === undefined) return deny('stage-failed');
    if (response.kind === 'fault')
      return deny(response.code, { rule: response.code, text: problemRow(response.code).text });
    const read = replyOf(response, isValidation(part.value));
    if ('code' in read) return deny(read.code, { rule: read.code, text: read.text });
    const share = shareOf(part.value, read, tally, beside);
    if ('code' in share) return deny(share, { rule: share.code, text: problemRow(share.code).text });
    const headers: Record<string, string> = {};
    if (share.body !== undefined) headers['content-type'] = fhirJson;
    if (share.etag !== undefined) headers.etag = share.etag;
    if (share.location !== undefined) headers.location = share.location;
    if (share.lastModified !== undefined) headers['last-modified'] = share.lastModified;
    const integrity = worstOf(tally.integrity);
    if (integrity !== undefined) headers['x-record-integrity'] = integrity;
    const { interaction } = part.value;
    const bodiless = 'head' in interaction && interaction.head;
    return proceed(
      {
        ...told(tally, judged),
        status: share.status,
        headers,
        ...(share.body === undefined || bodiless ? {} : { body: share.body }),
      },
      { rule: part.value.plan.id, text: summary(tally) },
    );
  }

  function batch(
    judged: Judged,
    response: UpstreamResponse | undefined,
    tally: Tally,
    beside: Beside,
  ): Verdict<Released> {
    let replies: Reply[] = [];
    if (response !== undefined) {
      if (response.kind === 'fault')
        return deny(response.code, { rule: response.code, text: problemRow(response.code).text });
      if (response.status >= 400)
        return deny(refusalOf(response.status), {
          rule: 'upstream-status',
          text: 'The FHIR server refused the whole Bundle.',
        });
      const read = replyOf(response);
      if ('code' in read) return deny(read.code, { rule: read.code, text: read.text });
      replies = entryReplies(read);
    }
    const chunks: Uint8Array[] = [];
    let next = 0;
    for (const part of judged.parts) {
      const done = part.kind === 'permitted' && isDone(part.value);
      const reply = part.kind === 'permitted' && !done ? replies[next++] : undefined;
      const share: Share | Problem =
        part.kind === 'refused'
          ? part.problem
          : done
            ? { status: 204 }
            : reply === undefined
              ? problem('upstream-malformed')
              : shareOf(part.value, reply, tally, beside);
      if (chunks.length > 0) chunks.push(encoder.encode(','));
      chunks.push(entryOf(share));
    }
    const type = judged.shape === 'transaction' ? 'transaction-response' : 'batch-response';
    const body = join([
      encoder.encode(`{"resourceType":"Bundle","type":"${type}","entry":[`),
      ...chunks,
      encoder.encode(']}'),
    ]);
    return proceed(
      { ...told(tally, judged), status: 200, headers: { 'content-type': fhirJson }, body },
      { rule: type, text: summary(tally) },
    );
  }

  /** `findings`: what the answer says of a refusal is what was asked for. */
  function replyOf(
    response: Extract<UpstreamResponse, { kind: 'answer' }>,
    findings = false,
  ): Reply | { readonly code: ProblemCode; readonly text: string } {
    const { status, headers, body } = response;
    const share = { status, etag: headers.etag, location: headers.location, lastModified: headers['last-modified'] };
    if (body.length === 0 || (status >= 400 && !findings)) return { ...share, tape: undefined, node: -1 };
    const media = headers['content-type'] ?? '';
    if (!/^application\/(fhir\+)?json\b/i.test(media))
      return { code: 'content-unmaskable', text: 'The answer is not FHIR JSON.' };
    const scanned = scan(body, parts.limits);
    if (!scanned.ok)
      return {
        code: 'upstream-malformed',
        text: `The answer is not lossless JSON: ${scanned.fault.code} at byte ${scanned.fault.offset}.`,
      };
    return { ...share, tape: scanned.tape, node: 0 };
  }

  /** What the caller gets of one interaction: the status, headers and masked body, or the refusal. */
  function shareOf(part: Planned, reply: Reply, tally: Tally, beside: Beside): Share | Problem {
    const { interaction } = part;
    if (reply.status >= 300) {
      const { tape, node } = reply;
      if (
        isValidation(part) &&
        (reply.status === 400 || reply.status === 412 || reply.status === 422) &&
        tape !== undefined
      )
        return { status: 200, body: plainOutcome(tape, node) };
      if (isGone(reply.status) && interaction.kind === 'read')
        tally.effects.push(() => parts.records?.missing(`${interaction.type}/${interaction.id}`));
      // Whose compartment it is may be nobody's or somebody else's: to the caller both are empty.
      return isGone(reply.status) && interaction.kind === 'search' && interaction.compartment !== undefined
        ? list(part, { ...reply, tape: nothingFound, node: 0 }, tally, beside)
        : failure(part, reply.status);
    }
    switch (interaction.kind) {
      case 'read':
      case 'vread':
        return instance(part, reply, tally, interaction.id, beside);
      case 'search':
      case 'history':
      case 'operation':
        return list(part, reply, tally, beside);
      case 'create':
      case 'update':
      case 'patch':
        return written(part, reply, tally, beside);
      case 'delete':
        if (interaction.id !== undefined) {
          tally.resources.push(`${interaction.type}/${interaction.id}`);
          tally.effects.push(() => {
            parts.records?.deleted(`${interaction.type}/${interaction.id}`);
            parts.gone?.(`${interaction.type}/${interaction.id}`);
          });
        }
        return { status: 204 };
      case 'graphql':
      case 'batch':
      case 'transaction':
      case 'capabilities':
        return problem('content-unmaskable');
      default:
        return interaction satisfies never;
    }
  }

  function instance(part: Planned, reply: Reply, tally: Tally, id: string, beside: Beside): Share | Problem {
    const { interaction } = part;
    const { tape, node } = reply;
    // A read returns the requested resource or nothing.
    if (tape === undefined) return problem('upstream-malformed');
    if (!('type' in interaction) || interaction.type === undefined) return problem('upstream-malformed');
    if (
      !is(tape, member(tape, node, 'resourceType'), interaction.type) ||
      stringOf(tape, member(tape, node, 'id')) !== id
    )
      return problem('upstream-malformed');
    const released = parts.bundle.release(tape, node, part, beside.owners);
    note(tally, released);
    if (released.kind === 'withheld') {
      tally.withheld += 1;
      return problem(released.code ?? (part.subjects.kind === 'universal' ? 'not-found' : 'consent-not-granted'));
    }
    tally.effects.push(() => parts.seen(tape, node));
    count(tally, released);
    const etag = etagOf(released.versionId, part.plan);
    const { ifNoneMatch, ifModifiedSince } = interaction.headers;
    const unchanged =
      ifNoneMatch === undefined
        ? part.plan.transparent && isUnchangedSince(reply.lastModified, ifModifiedSince)
        : etag !== undefined && namesTag(ifNoneMatch, etag);
    if (unchanged) return { status: 304, ...(etag === undefined ? {} : { etag }) };
    return {
      status: 200,
      ...integrityOf(released),
      body: parts.bundle.project(released, part),
      ...(etag === undefined ? {} : { etag }),
      ...(part.plan.transparent && reply.lastModified !== undefined ? { lastModified: reply.lastModified } : {}),
    };
  }

  function list(part: Planned, reply: Reply, tally: Tally, beside: Beside): Share | Problem {
    const { tape, node } = reply;
    if (tape === undefined) return problem('upstream-malformed');
    const { interaction } = part;
    const type = member(tape, node, 'resourceType');
    if (type >= 0 && is(tape, type, 'OperationOutcome'))
      return interaction.kind === 'operation'
        ? { status: 200, body: plainOutcome(tape, node) }
        : problem('upstream-malformed');
    if (isList(tape, node)) {
      const { pages, ended } = beside.listings.get(part) ?? { pages: [], ended: false };
      const listing = { pages: [{ tape, node, path: part.page?.upstream ?? '' }, ...pages], ended };
      const body = releaseBundle(listing, part, tally, parts.bundle, beside.owners);
      return tally.returned === 0 && mayHideInstance(part) ? problem('consent-not-granted') : { status: 200, body };
    }
    // An operation may answer with one resource, or with a Bundle that is one.
    const released = parts.bundle.answer(tape, node, part, beside.owners);
    note(tally, released);
    if (released.kind === 'withheld') return problem(released.code ?? 'consent-not-granted');
    count(tally, released);
    return { status: 200, body: released.bytes, ...integrityOf(released) };
  }

  function written(part: Planned, reply: Reply, tally: Tally, beside: Beside): Share | Problem {
    const { interaction } = part;
    const { tape, node } = reply;
    // Another call made a resource that meets the criteria, after they were resolved.
    const overtaken = interaction.kind === 'create' && part.meant?.kind === 'none' && reply.status === 200;
    if (overtaken && part.meant?.upsert === true) return problem('precondition-failed');
    const location = anchored(reply.location, parts.bundle.bases.gatewayBase);
    const share: Share = { status: reply.status, ...(location === undefined ? {} : { location }) };
    const version = /^(?:W\/)?"([A-Za-z0-9.-]{1,64})"$/.exec(reply.etag ?? '')?.[1];
    const tag = etagOf(version, part.plan);
    const tagged = tag === undefined ? share : { ...share, etag: tag };
    if (tape === undefined || is(tape, member(tape, node, 'resourceType'), 'OperationOutcome')) {
      if (location !== undefined) tally.resources.push(location.slice(parts.bundle.bases.gatewayBase.length + 1));
      return tagged;
    }
    const released = parts.bundle.release(tape, node, part, beside.owners);
    note(tally, released);
    // The write was permitted and is done; what may not be shown of it is not shown.
    if (released.kind === 'withheld') {
      tally.withheld += 1;
      return overtaken ? problem('precondition-failed') : tagged;
    }
    tally.effects.push(() => parts.seen(tape, node));
    count(tally, released);
    const etag = etagOf(released.versionId, part.plan) ?? tag;
    const answer: Share = { ...share, ...(etag === undefined ? {} : { etag }), ...integrityOf(released) };
    const { preferReturn } = interaction.headers;
    if (preferReturn === 'minimal') return answer;
    return { ...answer, body: preferReturn === 'OperationOutcome' ? done : released.bytes };
  }
}

const integrityOf = ({ integrity }: { readonly integrity: IntegrityState | undefined }): Pick<Share, 'integrity'> =>
  integrity === undefined ? {} : { integrity };

/** What an operation such as $validate found and where, without the upstream's own words: those can quote any record. */
function plainOutcome(tape: Tape, node: number): string {
  const outcome = JSON.parse(raw(tape, node)) as { readonly issue?: unknown };
  const issues: unknown[] = Array.isArray(outcome.issue) ? outcome.issue : [];
  const plain = (value: unknown, form: RegExp): string | undefined =>
    typeof value === 'string' && form.test(value) ? value : undefined;
  return JSON.stringify({
    resourceType: 'OperationOutcome',
    issue: issues.map((each) => {
      const { severity, code, expression } = (each ?? {}) as Readonly<Record<string, unknown>>;
      const places = (Array.isArray(expression) ? expression : []).flatMap((place) => plain(place, elementPath) ?? []);
      return {
        severity: plain(severity, /^(?:fatal|error|warning|information)$/) ?? 'error',
        code: plain(code, /^[a-z-]{1,30}$/) ?? 'processing',
        ...(places.length === 0 ? {} : { expression: places }),
      };
    }),
  });
}

/** $validate: a server that answers 4xx tells by its OperationOutcome what is wrong (R4 resource-operation-validate). */
const isValidation = ({ interaction }: Planned): boolean =>
  interaction.kind === 'operation' && interaction.name === 'validate';

const isWanting = ({ tally }: Attempt): boolean => tally.needs.size > 0 || tally.more.size > 0;

const isGone = (status: number): boolean => status === 404 || status === 410;

const lists: ReadonlySet<string | undefined> = new Set(['searchset', 'history', undefined]);

/** A Bundle that lists what was found; any other is a resource of its own. */
const isList = (tape: Tape, node: number): boolean =>
  is(tape, member(tape, node, 'resourceType'), 'Bundle') && lists.has(stringOf(tape, member(tape, node, 'type')));

/** Of a resource that may not be seen its history and operations are as those of one that is not there. */
const mayHideInstance = ({ interaction, subjects }: Planned): boolean =>
  subjects.kind === 'discover' &&
  (interaction.kind === 'history' || interaction.kind === 'operation') &&
  interaction.id !== undefined;

const nothingFound: Tape = (() => {
  const scanned = scan(encoder.encode('{"resourceType":"Bundle","type":"searchset"}'));
  if (!scanned.ok) throw new Error('an empty Bundle is JSON');
  return scanned.tape;
})();

const nothingLeft = { rule: 'conditional-delete', text: 'Nothing meets the criteria, so nothing is deleted.' };

const elementPath = /^[A-Z][A-Za-z]{1,40}(?:\.[a-zA-Z]{1,60}(?:\[\d{1,5}\])?){0,20}$/;

const done =
  '{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational","details":{"text":"Done."}}]}';

/** A mask can change without the resource: only who sees all of it may go by its date (RFC 9110 section 13.1.3). */
const isUnchangedSince = (lastModified: string | undefined, since: string | undefined): boolean =>
  lastModified !== undefined && since !== undefined && Date.parse(lastModified) <= Date.parse(since);

/** If-None-Match compares weakly (RFC 9110 section 13.1.2). */
const namesTag = (tags: string, etag: string): boolean =>
  tags.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag.replace(/^W\//, ''));

/** What the upstream refused, without its text. Where it would tell that a record exists, missing and denied are one answer. */
function failure(part: Planned, status: number): Problem {
  const { interaction, subjects } = part;
  if (isGone(status)) {
    const read = interaction.kind === 'read' || interaction.kind === 'vread';
    return problem(
      mayHideInstance(part) || (read && subjects.kind === 'discover') ? 'consent-not-granted' : 'not-found',
    );
  }
  return problem(refusalOf(status));
}

export function refusalOf(status: number): ProblemCode {
  if (status === 412 || status === 409) return 'precondition-failed';
  if (status === 401 || status === 403) return 'upstream-error';
  if (status === 429) return 'rate-limited';
  if (status === 504) return 'upstream-timeout';
  if (status >= 400 && status < 500) return 'upstream-refused';
  if (status >= 300 && status < 400) return 'upstream-malformed';
  return 'upstream-error';
}

export function told(tally: Tally, judged: Judged) {
  const permitted = judged.parts.find((part) => part.kind === 'permitted');
  const view = permitted?.kind === 'permitted' ? permitted.value.consentView : undefined;
  return {
    patients: tally.patients,
    resources: tally.resources,
    rules: tally.rules,
    returned: tally.returned,
    withheld: tally.withheld,
    masked: tally.masked,
    ...(tally.basis === undefined || view === undefined
      ? {}
      : {
          consent: {
            basis: tally.basis,
            grants: [...tally.grants],
            contract: view.contract,
            block: view.head.number,
            blockHash: view.head.hash,
          },
        }),
  };
}

export const summary = (tally: Tally): string =>
  `${tally.returned} resources released, ${tally.masked} elements masked.`;

function entryReplies(bundle: Reply): Reply[] {
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

function entryOf(share: Share | Problem): Uint8Array {
  if ('code' in share) {
    const { status } = problemRow(share.code);
    return encoder.encode(`{"response":{"status":"${status}","outcome":${operationOutcome(share)}}}`);
  }
  const response = JSON.stringify({
    status: String(share.status),
    ...(share.location === undefined ? {} : { location: share.location }),
    ...(share.etag === undefined ? {} : { etag: share.etag }),
    ...(share.lastModified === undefined ? {} : { lastModified: share.lastModified }),
  });
  if (share.body === undefined) return encoder.encode(`{"response":${response}}`);
  const body = typeof share.body === 'string' ? encoder.encode(share.body) : share.body;
  return join([
    encoder.encode(`{${extensionOf(share.integrity)}"resource":`),
    body,
    encoder.encode(`,"response":${response}}`),
  ]);
}

const location = /(?:^|\/)([A-Z][A-Za-z]{1,63})\/([A-Za-z0-9.-]{1,64})(?:\/_history\/([A-Za-z0-9.-]{1,64}))?$/;

/** A Location on the gateway, rebuilt from type, id and version; any other is dropped. */
function anchored(value: string | undefined, gatewayBase: string): string | undefined {
  const found = value === undefined ? null : location.exec(value);
  if (found === null) return undefined;
  const [, type, id, version] = found;
  return `${gatewayBase}/${type}/${id}${version === undefined ? '' : `/_history/${version}`}`;
}
