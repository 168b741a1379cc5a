import { is, member, stringOf } from '../../domain/json/cursor.ts';
import type { Tape } from '../../domain/json/tape.ts';
import type { IntegrityState } from '../../domain/ledger/record-integrity.ts';
import { operationOutcome } from '../../domain/outcome.ts';
import { type Problem, problem, problemRow } from '../../domain/problem.ts';
import type { Steps } from '../../domain/steps.ts';
import type { RecordIntegrity } from '../../ports.ts';
import type { Planned } from '../exchange.ts';
import { type BundleRelease, count, join, note, releaseBundle, type Tally } from './bundle.ts';
import { extensionOf } from './entry.ts';
import { etagOf } from './etag.ts';
import type { Beside } from './gather.ts';
import { plainOutcome } from './outcome.ts';
import { failure, isGone, mayHideInstance } from './refusal.ts';
import { isList, nothingFound, type Reply } from './reply.ts';

/** What the caller gets of one interaction. */
export interface Share {
  readonly status: number;
  readonly etag?: string;
  readonly location?: string;
  readonly lastModified?: string;
  readonly body?: Uint8Array | string;
  readonly integrity?: IntegrityState;
}

export interface ShareParts {
  readonly bundle: BundleRelease;
  /** Called with every resource that is released, for the facts that explain later accesses. */
  readonly seen: (tape: Tape, node: number) => void;
  /** Called with what was deleted: `ServiceRequest/sr1`. */
  readonly gone?: (reference: string) => void;
  /** Told of what was deleted here, and of what the server no longer has. */
  readonly records?: Pick<RecordIntegrity, 'deleted' | 'missing'>;
}

/** The masked view of one reply, or the refusal; what it lets go of is counted. */
export type ShareOf = (part: Planned, reply: Reply, tally: Tally, beside: Beside) => Steps<Share | Problem>;

const encoder = new TextEncoder();

export function sharing(parts: ShareParts): ShareOf {
  return shareOf;

  function* shareOf(part: Planned, reply: Reply, tally: Tally, beside: Beside): Steps<Share | Problem> {
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
        ? yield* list(part, { ...reply, tape: nothingFound, node: 0 }, tally, beside)
        : failure(part, reply.status);
    }
    switch (interaction.kind) {
      case 'read':
      case 'vread':
        return yield* instance(part, reply, tally, interaction.id, beside);
      case 'search':
      case 'history':
      case 'operation':
        return yield* list(part, reply, tally, beside);
      case 'create':
      case 'update':
      case 'patch':
        return yield* written(part, reply, tally, beside);
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

  function* instance(part: Planned, reply: Reply, tally: Tally, id: string, beside: Beside): Steps<Share | Problem> {
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
    const released = yield* parts.bundle.release(tape, node, part, beside.owners);
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

  function* list(part: Planned, reply: Reply, tally: Tally, beside: Beside): Steps<Share | Problem> {
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
      const body = yield* releaseBundle(listing, part, tally, parts.bundle, beside.owners);
      return tally.returned === 0 && mayHideInstance(part) ? problem('consent-not-granted') : { status: 200, body };
    }
    // An operation may answer with one resource, or with a Bundle that is one.
    const released = yield* parts.bundle.answer(tape, node, part, beside.owners);
    note(tally, released);
    if (released.kind === 'withheld') return problem(released.code ?? 'consent-not-granted');
    count(tally, released);
    return { status: 200, body: released.bytes, ...integrityOf(released) };
  }

  function* written(part: Planned, reply: Reply, tally: Tally, beside: Beside): Steps<Share | Problem> {
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
    const released = yield* parts.bundle.release(tape, node, part, beside.owners);
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

/** $validate: a server that answers 4xx tells by its OperationOutcome what is wrong (R4 resource-operation-validate). */
export const isValidation = ({ interaction }: Planned): boolean =>
  interaction.kind === 'operation' && interaction.name === 'validate';

const done =
  '{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational","details":{"text":"Done."}}]}';

/** A mask can change without the resource: only who sees all of it may go by its date (RFC 9110 section 13.1.3). */
const isUnchangedSince = (lastModified: string | undefined, since: string | undefined): boolean =>
  lastModified !== undefined && since !== undefined && Date.parse(lastModified) <= Date.parse(since);

/** If-None-Match compares weakly (RFC 9110 section 13.1.2). */
const namesTag = (tags: string, etag: string): boolean =>
  tags.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag.replace(/^W\//, ''));

/** One entry of the answer to a batch. */
export function entryOf(share: Share | Problem): Uint8Array {
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
