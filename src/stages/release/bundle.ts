import { bundleReferences } from '../../domain/fhir/bundle-references.ts';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import type { Bases, LocalReference } from '../../domain/fhir/references.ts';
import type { Resolve } from '../../domain/fhir/subjects.ts';
import { is, member, raw, stringOf } from '../../domain/json/cursor.ts';
import { KIND, type Tape } from '../../domain/json/tape.ts';
import { JsonWriter } from '../../domain/json/writer.ts';
import type { IntegrityState } from '../../domain/ledger/record-integrity.ts';
import type { Steps } from '../../domain/steps.ts';
import type { Planned } from '../exchange.ts';
import { countsAll, countsOnly, wantedOf } from '../page-size.ts';
import type { AnyRelease } from './container.ts';
import { entryTail, extensionOf } from './entry.ts';
import { linkedPage, SAME_PAGE } from './links.ts';
import type { PageStart } from './pages.ts';
import type { ReleasedResource, WithheldResource } from './resource.ts';
import { tied } from './ties.ts';

/** What one answer let go and held back; it goes into the one ledger entry of the call. */
export interface Tally {
  readonly patients: Set<PatientId>;
  readonly resources: string[];
  readonly grants: Set<string>;
  readonly rules: Set<string>;
  readonly integrity: Set<IntegrityState>;
  /** Resources that have to be looked up before it can be told whose something in the answer is. */
  readonly needs: Map<string, LocalReference>;
  /** Where the upstream has the next page of a list that is not full. */
  readonly more: Map<Planned, string>;
  /** What is to be told to others once the answer stands. */
  readonly effects: (() => void)[];
  basis: string | undefined;
  returned: number;
  withheld: number;
  /** Of those, matches of a search that the upstream did not do as it was asked. */
  strayed: number;
  masked: number;
}

export const emptyTally = (): Tally => ({
  patients: new Set(),
  resources: [],
  grants: new Set(),
  rules: new Set(),
  integrity: new Set(),
  needs: new Map(),
  more: new Map(),
  effects: [],
  basis: undefined,
  returned: 0,
  withheld: 0,
  strayed: 0,
  masked: 0,
});

export function count(tally: Tally, resource: ReleasedResource): void {
  tally.withheld += resource.held ?? 0;
  for (const inner of resource.inner ?? []) count(tally, inner);
  tally.returned += 1;
  tally.masked += resource.masked;
  tally.resources.push(resource.reference);
  for (const patient of resource.patients) tally.patients.add(patient);
  for (const grant of resource.grants) tally.grants.add(grant);
  for (const rule of resource.rules) tally.rules.add(rule);
  if (resource.integrity !== undefined) tally.integrity.add(resource.integrity);
  tally.basis ??= resource.basis;
}

/** A count tells of patients, but of no resource. */
function countPatients(tally: Tally, resource: ReleasedResource): void {
  for (const patient of resource.patients) tally.patients.add(patient);
  for (const grant of resource.grants) tally.grants.add(grant);
  tally.basis ??= resource.basis;
}

/** To be looked up: what would tell whose the resource is. */
export function note(tally: Tally, { needs }: ReleasedResource | WithheldResource): void {
  for (const need of needs ?? []) if (need.kind === 'local') tally.needs.set(`${need.type}/${need.id}`, need);
}

export interface BundleRelease extends AnyRelease {
  readonly bases: Bases;
  /** The caller's own links for this answer; never the upstream's. */
  readonly links: (
    part: Planned,
    next: PageStart | undefined,
  ) => readonly { readonly relation: string; readonly url: string }[];
  /** Leaves out top-level elements that `_elements` or `_summary` do not ask for; after masking. */
  readonly project: (resource: ReleasedResource, part: Planned) => Uint8Array;
}

/** A Bundle of the upstream, and where it came from: `''` is the first request itself. */
export interface UpstreamPage {
  readonly tape: Tape;
  readonly node: number;
  readonly path: string;
}

/** The first page, and those that were read because it was not full. */
export interface Listing {
  readonly pages: readonly UpstreamPage[];
  /** No further page can be read for this answer. */
  readonly ended: boolean;
}

interface Found {
  readonly tape: Tape;
  readonly entry: number;
  readonly resource: number;
  readonly mode: string | undefined;
  readonly released: ReleasedResource;
}

/** An id that JSON does not escape: all that FHIR allows. */
const plainId = /^[A-Za-z0-9.-]+$/;

/**
 * Builds a new Bundle from what may leave. An entry that may not leave leaves no trace: no stub, id, fullUrl or count, and no
 * gap. A page is filled from the upstream's further pages, and has a next one only when there is more that the caller may
 * see: else the size of a page, or a link to an empty one, would tell of what was withheld. The total is exact when the whole
 * result was looked at, and absent otherwise: it is on this page, or the caller asks for the total and it is not too long.
 */
export function* releaseBundle(
  { pages, ended }: Listing,
  part: Planned,
  tally: Tally,
  parts: BundleRelease,
  around?: Resolve,
): Steps<Uint8Array> {
  const wanted = wantedOf(part);
  const counting = countsAll(part);
  const found: Found[] = [];
  let matches = 0;
  let beyond = 0;
  let sent = 0;
  let next: PageStart | undefined;
  for (const [at, { tape, node, path }] of pages.entries()) {
    const pageIsFull = next !== undefined;
    const resolve = bundleReferences(tape, node, parts.bases, around);
    let position = 0;
    for (const { entry, resource, mode } of entriesOf(tape, node)) {
      if (mode !== 'include') {
        position += 1;
        sent += 1;
        if ((next !== undefined && !counting) || (at === 0 && position <= (part.page?.skip ?? 0))) continue;
      } else if (pageIsFull) continue;
      yield undefined;
      const released = yield* parts.release(tape, resource, part, resolve);
      note(tally, released);
      if (released.kind === 'withheld') {
        tally.withheld += 1;
        continue;
      }
      if (mode !== 'include' && strayed(part, released)) {
        tally.withheld += 1;
        tally.strayed += 1;
        continue;
      }
      if (mode !== 'include' && matches === wanted) {
        next ??= { upstream: path || (linkedPage(tape, node, parts.bases, SAME_PAGE) ?? ''), skip: position - 1 };
        beyond += 1;
        if (counting) countPatients(tally, released);
        continue;
      }
      if (mode !== 'include') matches += 1;
      found.push({ tape, entry, resource, mode, released });
    }
  }
  const last = pages.at(-1);
  const further = last === undefined ? undefined : linkedPage(last.tape, last.node, parts.bases);
  if ((next === undefined || counting) && further !== undefined) {
    if (ended) next ??= { upstream: further, skip: 0 };
    else tally.more.set(part, further);
  }
  const kept = yield* tied(unrepeated(found), parts.bases);
  const onlyCount = countsOnly(part);
  const [first] = pages;
  const type = (first && stringOf(first.tape, member(first.tape, first.node, 'type'))) ?? 'searchset';
  const links = parts.links(part, onlyCount ? undefined : next);
  const claimed = first === undefined ? -1 : member(first.tape, first.node, 'total');
  // An upstream that counts more than it sent and links to no further page has not sent the whole result.
  const whole =
    further === undefined &&
    (next === undefined || counting) &&
    part.page === undefined &&
    (first === undefined || claimed < 0 || raw(first.tape, claimed) === String(sent));
  const out = new JsonWriter(pages.reduce((sum, { tape }) => sum + tape.bytes.length, 1024) * 1.25);
  out.text(`{"resourceType":"Bundle","type":${JSON.stringify(type)}`);
  if (whole) out.text(`,"total":${matches + beyond}`);
  if (links.length > 0) out.text(`,"link":${JSON.stringify(links)}`);
  const base = `"fullUrl":${JSON.stringify(`${parts.bases.gatewayBase}/`).slice(0, -1)}`;
  const matched = part.interaction.kind === 'operation' && part.interaction.name === 'match';
  let before = ',"entry":[{';
  for (const { tape, entry, mode, released } of kept) {
    if (onlyCount) {
      countPatients(tally, released);
      continue;
    }
    yield undefined;
    count(tally, released);
    const { id } = released;
    out.text(before).text(extensionOf(released.integrity));
    before = '},{';
    if (id === undefined) out.text('"resource":');
    else if (plainId.test(id)) out.text(base).text(released.type).text('/').text(id).text('","resource":');
    else out.text(base).text(`${JSON.stringify(`${released.type}/${id}`).slice(1)},"resource":`);
    out.bytes(parts.project(released, part)).text(entryTail(tape, entry, mode, released, matched));
  }
  return out.text(before === '},{' ? '}]}' : '}').done();
}

/** The call asked for records of certain patients alone, and the upstream sent another's: it does not know the criterion. */
const strayed = ({ subjects }: Planned, { patients }: ReleasedResource): boolean =>
  subjects.kind === 'patients' &&
  subjects.only === true &&
  patients.length > 0 &&
  !patients.some((patient) => subjects.ids.includes(patient));

/** Entries with a resource. The upstream's own remarks quote values; they stay here. */
function* entriesOf(
  tape: Tape,
  bundle: number,
): Generator<{ readonly entry: number; readonly resource: number; readonly mode: string | undefined }> {
  const entries = member(tape, bundle, 'entry');
  if (entries < 0 || tape.kind[entries] !== KIND.array) return;
  for (let entry = entries + 1; entry < (tape.next[entries] as number); entry = tape.next[entry] as number) {
    const resource = member(tape, entry, 'resource');
    const type = member(tape, resource, 'resourceType');
    const mode = modeOf(tape, member(tape, member(tape, entry, 'search'), 'mode'));
    if (resource < 0 || mode === 'outcome' || (type >= 0 && is(tape, type, 'OperationOutcome'))) continue;
    yield { entry, resource, mode };
  }
}

function modeOf(tape: Tape, node: number): string | undefined {
  if (node < 0) return undefined;
  return is(tape, node, 'match') ? 'match' : is(tape, node, 'include') ? 'include' : stringOf(tape, node);
}

/** What several matches on several pages include is there once. */
function unrepeated(found: readonly Found[]): readonly Found[] {
  const seen = new Set<string>();
  return found.filter(({ mode, released }) => {
    if (mode !== 'include') return true;
    const known = seen.has(released.reference);
    seen.add(released.reference);
    return !known;
  });
}

export function join(chunks: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
