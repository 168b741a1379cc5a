import { bundleReferences } from '../../domain/fhir/bundle-references.ts';
import type { PatientId } from '../../domain/fhir/interaction.ts';
import type { Bases, LocalReference } from '../../domain/fhir/references.ts';
import type { Resolve } from '../../domain/fhir/subjects.ts';
import { is, member, raw, stringOf } from '../../domain/json/cursor.ts';
import { KIND, type Tape } from '../../domain/json/tape.ts';
import type { IntegrityState } from '../../domain/ledger/record-integrity.ts';
import type { Planned } from '../exchange.ts';
import type { AnyRelease } from './container.ts';
import { entryTail, extensionOf } from './entry.ts';
import type { ReleasedResource, ReleaseResource, WithheldResource } from './resource.ts';
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
  /** What is to be told to others once the answer stands. */
  readonly effects: (() => void)[];
  basis: string | undefined;
  returned: number;
  withheld: number;
  masked: number;
}

export const emptyTally = (): Tally => ({
  patients: new Set(),
  resources: [],
  grants: new Set(),
  rules: new Set(),
  integrity: new Set(),
  needs: new Map(),
  effects: [],
  basis: undefined,
  returned: 0,
  withheld: 0,
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

/** To be looked up: what would tell whose the resource is. */
export function note(tally: Tally, { needs }: ReleasedResource | WithheldResource): void {
  for (const need of needs ?? []) if (need.kind === 'local') tally.needs.set(`${need.type}/${need.id}`, need);
}

export interface BundleRelease extends AnyRelease {
  readonly bases: Bases;
  /** The caller's own links for this answer, by relation; never the upstream's. */
  readonly links: (
    tape: Tape,
    bundle: number,
    part: Planned,
  ) => readonly { readonly relation: string; readonly url: string }[];
  /** Leaves out top-level elements that `_elements` or `_summary` do not ask for; after masking. */
  readonly project: (resource: ReleasedResource, part: Planned) => Uint8Array;
}

interface Found {
  readonly entry: number;
  readonly resource: number;
  readonly mode: string | undefined;
  readonly released: ReleasedResource;
}

const encoder = new TextEncoder();
const comma = encoder.encode(',');

/**
 * Builds a new Bundle from what may leave. An entry that may not leave leaves no trace: no stub, id, fullUrl or count. The
 * total is exact when the whole result is on this page, else absent: it would tell how much was withheld.
 */
export function releaseBundle(
  tape: Tape,
  bundle: number,
  part: Planned,
  tally: Tally,
  parts: BundleRelease,
  around?: Resolve,
): Uint8Array {
  const chunks: Uint8Array[] = [];
  let matches = 0;
  let sent = 0;
  const resolve = bundleReferences(tape, bundle, parts.bases, around);
  const entries = member(tape, bundle, 'entry');
  const found: Found[] = [];
  if (entries >= 0 && tape.kind[entries] === KIND.array) {
    for (let entry = entries + 1; entry < (tape.next[entries] as number); entry = tape.next[entry] as number) {
      const resource = member(tape, entry, 'resource');
      if (resource < 0) continue;
      const mode = stringOf(tape, member(tape, member(tape, entry, 'search'), 'mode'));
      // The upstream's own remarks quote values; they stay here.
      if (mode === 'outcome' || is(tape, member(tape, resource, 'resourceType'), 'OperationOutcome')) continue;
      if (mode !== 'include') sent += 1;
      const released = parts.release(tape, resource, part, resolve);
      note(tally, released);
      if (released.kind === 'withheld') tally.withheld += 1;
      else found.push({ entry, resource, mode, released });
    }
  }
  const kept = tied(tape, found, parts.bases);
  tally.withheld += found.length - kept.length;
  for (const { entry, mode, released } of kept) {
    count(tally, released);
    if (mode !== 'include') matches += 1;
    if (chunks.length > 0) chunks.push(comma);
    const fullUrl =
      released.id === undefined
        ? ''
        : `"fullUrl":${JSON.stringify(`${parts.bases.gatewayBase}/${released.type}/${released.id}`)},`;
    chunks.push(
      encoder.encode(`{${extensionOf(released.integrity)}${fullUrl}"resource":`),
      parts.project(released, part),
      encoder.encode(`${entryTail(tape, entry, mode, released)}}`),
    );
  }
  const type = stringOf(tape, member(tape, bundle, 'type')) ?? 'searchset';
  const links = parts.links(tape, bundle, part);
  const claimed = member(tape, bundle, 'total');
  // An upstream that counts more than it sent and links to no further page has not sent the whole result.
  const whole =
    (claimed < 0 || raw(tape, claimed) === String(sent)) &&
    !links.some((link) => link.relation === 'next' || link.relation === 'previous' || link.relation === 'prev');
  const onlyCount = part.interaction.kind === 'search' && part.interaction.query.summary === 'count';
  const head =
    `{"resourceType":"Bundle","type":${JSON.stringify(type)}` +
    (whole ? `,"total":${matches}` : '') +
    (links.length === 0 ? '' : `,"link":${JSON.stringify(links)}`);
  if (onlyCount || chunks.length === 0) return encoder.encode(`${head}}`);
  return join([encoder.encode(`${head},"entry":[`), ...chunks, encoder.encode(']}')]);
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
