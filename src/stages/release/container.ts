import { labelsOf } from '../../domain/consent/classifier.ts';
import { bundleReferences } from '../../domain/fhir/bundle-references.ts';
import type { ResourceType } from '../../domain/fhir/interaction.ts';
import { eachMention } from '../../domain/fhir/mentions.ts';
import { findOperation, type OperationTable } from '../../domain/fhir/operations.ts';
import { type Bases, parseReference, type Reference } from '../../domain/fhir/references.ts';
import type { Resolve } from '../../domain/fhir/subjects.ts';
import { mayReturn } from '../../domain/identity/scope-release.ts';
import { is, member, raw, stringOf, text } from '../../domain/json/cursor.ts';
import { scan } from '../../domain/json/scan.ts';
import { applySplices, removeMembers } from '../../domain/json/splice.ts';
import { KIND, type Tape } from '../../domain/json/tape.ts';
import { JsonWriter } from '../../domain/json/writer.ts';
import type { Steps } from '../../domain/steps.ts';
import type { Planned } from '../exchange.ts';
import { writeEntry } from './entry.ts';
import type { ReleasedResource, ReleaseResource, WithheldResource } from './resource.ts';
import { deidentifying, maskedView, type ResourceReleaseParts, withheld } from './resource.ts';

export interface ContainerParts extends ResourceReleaseParts {
  readonly bases: Bases;
  readonly operations: OperationTable;
}

export interface AnyRelease {
  /** A resource of any type. */
  readonly release: ReleaseAny;
  /** The same for what an operation answers with: a Bundle or Parameters that is stored nowhere needs no scope of its own. */
  readonly answer: ReleaseAny;
}

/** What a resource holds can be very much. */
export type ReleaseAny = (...asked: Parameters<ReleaseResource>) => Steps<ReturnType<ReleaseResource>>;

/** Members of a container that are made anew, or that vouch for what is not there any more. */
const remade: Readonly<Record<string, ReadonlySet<string>>> = {
  Bundle: new Set(['entry', 'link', 'total', 'signature', '_total']),
  Parameters: new Set(['parameter']),
};

const encoder = new TextEncoder();

/** The first entry says what the rest is: without it there is no such document or message. */
const headed: ReadonlySet<string | undefined> = new Set(['document', 'message']);

/** What has been let go of a container so far. */
class Holding {
  readonly inner: ReleasedResource[] = [];
  readonly needs: Reference[] = [];
  held = 0;

  take(outcome: ReleasedResource | WithheldResource): outcome is ReleasedResource {
    this.needs.push(...(outcome.needs ?? []));
    if (outcome.kind === 'withheld') this.held += 1;
    else this.inner.push(outcome);
    return outcome.kind === 'released';
  }
}

/**
 * Bundles and Parameters belong to those whose resources they hold: each of these goes the way of any resource, however deep,
 * and what is withheld leaves no trace. A container of which nothing may leave is withheld itself.
 */
export function containerRelease(single: ReleaseResource, parts: ContainerParts): AnyRelease {
  const release: ReleaseAny = function* (tape, node, part, resolve) {
    const type = member(tape, node, 'resourceType');
    if (type < 0) return withheld('not a resource');
    if (is(tape, type, 'Bundle') || is(tape, type, 'Parameters')) {
      const name = text(tape, type) as ResourceType;
      if (!mayReturn(part.principal, tape, node, name, part.interaction.kind))
        return withheld('the scopes do not open the container');
      return yield* container(tape, node, name, part, resolve, false);
    }
    return single(tape, node, part, resolve);
  };

  return {
    release,
    *answer(tape, node, part, resolve) {
      const type = stringOf(tape, member(tape, node, 'resourceType')) as ResourceType | undefined;
      return type === 'Bundle' || type === 'Parameters'
        ? yield* container(tape, node, type, part, resolve, true)
        : single(tape, node, part, resolve);
    },
  };

  function* container(
    tape: Tape,
    node: number,
    type: ResourceType,
    part: Planned,
    resolve: Resolve | undefined,
    answered: boolean,
  ): Steps<ReleasedResource | WithheldResource> {
    if (!part.plan.covers(type)) return withheld('no masking rule for the type');
    // The label of a container is that of all it holds.
    const labels = (part.within?.labels ?? 0) | labelsOf(tape, node);
    const within = answered && labels === 0 ? part : { ...part, within: { labels } };
    const holding = new Holding();
    const list =
      type === ('Bundle' as ResourceType)
        ? yield* entries(tape, node, within, resolve, holding)
        : yield* all(tape, node, within, resolve, holding);
    if (list === undefined || list.length === 0) return withheld('nothing of it may leave', holding.needs);
    const patients = [...new Set(holding.inner.flatMap((each) => each.patients))];
    const plan = holding.inner.some(({ deidentified }) => deidentified) ? deidentifying(part) : part.plan;
    if (plan === undefined) return withheld('the grant asks for a de-identified view that this call cannot have');
    const shell = shellOf(tape, node, type);
    if (namesOther(shell, 0, patients)) return withheld('the container itself names a patient');
    const view = maskedView(shell, 0, type, plan, parts.maskingContext(part, patients[0]), parts);
    if (view.kind === 'withheld') return view;
    const name = type === ('Bundle' as ResourceType) ? 'entry' : 'parameter';
    return {
      ...view,
      kind: 'released',
      type,
      // A tag of the container would say that nothing has changed when what may leave of it has.
      versionId: holding.held > 0 ? undefined : view.versionId,
      bytes: new JsonWriter(view.bytes.length + list.length + 32)
        .bytes(view.bytes.subarray(0, -1))
        .text(`,"${name}":[`)
        .bytes(list)
        .text(']}')
        .done(),
      patients,
      grants: [],
      basis: undefined,
      integrity: undefined,
      deidentified: plan !== part.plan,
      inner: holding.inner,
      held: holding.held,
      needs: holding.needs,
    };
  }

  /** Undefined: the Bundle cannot stand without what is withheld of it. */
  function* entries(
    tape: Tape,
    node: number,
    part: Planned,
    around: Resolve | undefined,
    holding: Holding,
  ): Steps<Uint8Array | undefined> {
    const resolve = bundleReferences(tape, node, parts.bases, around);
    const isHeaded = headed.has(stringOf(tape, member(tape, node, 'type')));
    const kept = new JsonWriter(1024);
    let first = true;
    for (const entry of elements(tape, member(tape, node, 'entry'))) {
      const resource = member(tape, entry, 'resource');
      // The FHIR server's own remarks quote values, and an entry without a resource tells by its URLs what it was.
      const silent = resource < 0 || is(tape, member(tape, resource, 'resourceType'), 'OperationOutcome');
      yield undefined;
      const released = silent ? undefined : yield* release(tape, resource, part, resolve);
      if (released !== undefined && holding.take(released)) {
        if (holding.inner.length > 1) kept.text(',');
        writeEntry(kept, tape, entry, released, fullUrlOf(tape, entry, released, part));
      } else if (first && isHeaded) return undefined;
      first = false;
    }
    return kept.done();
  }

  /** References within a document go by its full URLs; a name made for the document tells nothing but under pseudonyms. */
  function fullUrlOf(tape: Tape, entry: number, released: ReleasedResource, part: Planned): string | undefined {
    const url = stringOf(tape, member(tape, entry, 'fullUrl'));
    if (url !== undefined && /^urn:(?:uuid|oid):[0-9A-Za-z.-]{1,64}$/.test(url))
      return part.plan.pseudonymous ? undefined : url;
    return released.id === undefined ? undefined : `${parts.bases.gatewayBase}/${released.type}/${released.id}`;
  }

  function* all(
    tape: Tape,
    node: number,
    part: Planned,
    resolve: Resolve | undefined,
    holding: Holding,
  ): Steps<Uint8Array> {
    const open = isTerminology(part);
    const kept = yield* parameters(tape, member(tape, node, 'parameter'), part, resolve, holding, open);
    return encoder.encode(kept.join(','));
  }

  function* parameters(
    tape: Tape,
    list: number,
    part: Planned,
    resolve: Resolve | undefined,
    holding: Holding,
    open: boolean,
  ): Steps<readonly string[]> {
    const kept: string[] = [];
    for (const each of elements(tape, list)) {
      yield undefined;
      const one = yield* parameter(tape, each, part, resolve, holding, open);
      if (one !== undefined) kept.push(one);
    }
    return kept;
  }

  function* parameter(
    tape: Tape,
    node: number,
    part: Planned,
    resolve: Resolve | undefined,
    holding: Holding,
    open: boolean,
  ): Steps<string | undefined> {
    const name = stringOf(tape, member(tape, node, 'name'));
    if (name === undefined || !plainName.test(name)) return undefined;
    const members: string[] = [];
    const resource = member(tape, node, 'resource');
    const released = resource < 0 ? undefined : yield* release(tape, resource, part, resolve);
    if (released !== undefined && holding.take(released))
      members.push(`"resource":${Buffer.from(released.bytes).toString('utf8')}`);
    const inner = yield* parameters(tape, member(tape, node, 'part'), part, resolve, holding, open);
    if (inner.length > 0) members.push(`"part":[${inner.join(',')}]`);
    const value = open ? plainValue(tape, node) : undefined;
    if (value !== undefined) members.push(value);
    return members.length === 0 ? undefined : `{"name":${JSON.stringify(name)},${members.join(',')}}`;
  }

  /** A value by itself belongs to somebody whom nobody can name: only what touches no patient answers with such. */
  function isTerminology({ interaction, subjects }: Planned): boolean {
    if (interaction.kind !== 'operation' || subjects.kind !== 'universal') return false;
    const { name, type, id } = interaction;
    return findOperation(parts.operations, name, type, id !== undefined)?.rule.acts === 'none';
  }

  /** True when a patient is named beside those who are known to permit, or in a way that cannot be told. */
  function namesOther(tape: Tape, node: number, known: readonly string[]): boolean {
    let other = false;
    eachMention(tape, node, (reference) => {
      const found = reference === undefined ? undefined : parseReference(reference, parts.bases);
      if (found === undefined || found.kind !== 'local') other = true;
      else if (found.type === 'Patient' && !known.includes(found.id)) other = true;
    });
    return other;
  }

  function plainValue(tape: Tape, node: number): string | undefined {
    if (namesOther(tape, node, [])) return undefined;
    for (let key = node + 1; key < (tape.next[node] as number); key = tape.next[key] as number)
      if (/^value[A-Z][A-Za-z0-9]+$/.test(text(tape, key)))
        return `${JSON.stringify(text(tape, key))}:${raw(tape, key + 1)}`;
    return undefined;
  }
}

/** The name of a parameter is a word of its operation, not a text. */
const plainName = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

/** The container without what it holds, as a resource of its own to be masked. */
function shellOf(tape: Tape, node: number, type: ResourceType): Tape {
  const gone: number[] = [];
  for (let key = node + 1; key < (tape.next[node] as number); key = tape.next[key] as number)
    if (remade[type]?.has(text(tape, key)) === true) gone.push(key);
  const range = { start: tape.start[node] as number, end: tape.end[node] as number };
  const scanned = scan(applySplices(tape.bytes, removeMembers(tape, node, gone), range));
  if (!scanned.ok) throw new Error('a container without its entries is not JSON');
  return scanned.tape;
}

function elements(tape: Tape, array: number): readonly number[] {
  const found: number[] = [];
  if (array < 0 || tape.kind[array] !== KIND.array) return found;
  for (let each = array + 1; each < (tape.next[array] as number); each = tape.next[each] as number) found.push(each);
  return found;
}
