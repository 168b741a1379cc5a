import { criteriaTargets } from '../../domain/fhir/criteria.ts';
import type { PatientId, ResourceType } from '../../domain/fhir/interaction.ts';
import type { Reference } from '../../domain/fhir/references.ts';
import type { Resolve } from '../../domain/fhir/subjects.ts';
import { member, stringOf } from '../../domain/json/cursor.ts';
import { applySplices, mergeSplices } from '../../domain/json/splice.ts';
import { KIND, type Tape } from '../../domain/json/tape.ts';
import type { IntegrityState } from '../../domain/ledger/record-integrity.ts';
import type { MaskingContext, MaskingPlan, MaskResource, Splice } from '../../domain/masking/plan.ts';
import type { ProblemCode } from '../../domain/problem.ts';
import type { RecordIntegrity } from '../../ports.ts';
import type { Planned } from '../exchange.ts';
import { contentName, Remembered } from './remembered.ts';

/** A resource that may leave, masked and with its links on the gateway. */
export interface ReleasedResource {
  readonly kind: 'released';
  readonly bytes: Uint8Array;
  readonly type: ResourceType;
  /** As the caller sees it: a pseudonym where the plan makes one, absent where the plan removes it. */
  readonly id: string | undefined;
  readonly versionId: string | undefined;
  /** `Type/id/_history/version` as the upstream has it, for the ledger. */
  readonly reference: string;
  readonly patients: readonly PatientId[];
  readonly grants: readonly string[];
  readonly basis: string | undefined;
  readonly masked: number;
  readonly rules: readonly string[];
  /** Of what the server holds, before masking; absent where records are not checked. */
  readonly integrity: IntegrityState | undefined;
  /** It leaves without who it is about, as the grant asks. */
  readonly deidentified: boolean;
  /** Of a container: what it holds, how much of it is held back, and what would tell whose that is. */
  readonly inner?: readonly ReleasedResource[];
  readonly held?: number;
  readonly needs?: readonly Reference[];
}

/** The reason stays inside: a withheld resource leaves no trace in the answer. */
export interface WithheldResource {
  readonly kind: 'withheld';
  readonly why: string;
  /** What a caller who may see the resource is told when it was asked for alone. */
  readonly code?: ProblemCode;
  /** Resources that would tell whose it is. */
  readonly needs?: readonly Reference[];
}

export type ResourceRight =
  | {
      readonly kind: 'may';
      readonly patients: readonly PatientId[];
      readonly grants: readonly string[];
      readonly basis: string | undefined;
      /** The grant opens the record only without who it is about. */
      readonly deidentify: boolean;
    }
  | { readonly kind: 'may-not'; readonly why: string; readonly needs?: readonly Reference[] };

export interface ResourceReleaseParts {
  /** Whose the resource is, and whether every one of them lets this caller see it. */
  readonly right: (
    tape: Tape,
    node: number,
    type: ResourceType,
    part: Planned,
    resolve: Resolve | undefined,
    name: string | undefined,
  ) => ResourceRight;
  readonly mask: MaskResource;
  readonly maskingContext: (part: Planned, patient: PatientId | undefined) => MaskingContext;
  readonly anchor: (tape: Tape, node: number) => readonly Splice[];
  readonly integrity?: {
    readonly records: RecordIntegrity;
    /** What becomes of a record that is not what was notarised. */
    readonly altered: 'flag' | 'refuse';
  };
}

export type ReleaseResource = (
  tape: Tape,
  node: number,
  part: Planned,
  resolve?: Resolve,
) => ReleasedResource | WithheldResource;

/** Judges, masks and re-anchors one resource of an answer. Anything not understood is withheld. */
export function resourceRelease(parts: ResourceReleaseParts): ReleaseResource {
  const views = new Remembered<MaskedView | WithheldResource>();
  return (tape, node, part, resolve) => {
    const type = stringOf(tape, member(tape, node, 'resourceType')) as ResourceType | undefined;
    if (type === undefined) return withheld('not a resource');
    if (!part.plan.covers(type)) return withheld('no masking rule for the type');
    const name = contentName(tape, node);
    const right = parts.right(tape, node, type, part, resolve, name);
    if (right.kind === 'may-not') return withheld(right.why, right.needs);
    const integrity = integrityOf(tape, node, type, part, right.patients[0], name, parts.integrity?.records);
    if (integrity === 'altered' && parts.integrity?.altered === 'refuse')
      return { kind: 'withheld', why: 'it is not what was notarised', code: 'record-altered' };

    const patient = right.patients[0];
    const plan = right.deidentify ? deidentifying(part) : part.plan;
    if (plan === undefined) return withheld('the grant asks for a de-identified view that this call cannot have');
    const context = parts.maskingContext(part, patient);
    const view = views.of(
      name === undefined ? undefined : `${plan.id} ${plan.project} ${context.asOf} ${patient ?? ''} ${name}`,
      () => maskedView(tape, node, type, plan, context, parts),
    );
    if (view.kind === 'withheld') return view;
    const { patients, grants, basis } = right;
    return { ...view, kind: 'released', type, patients, grants, basis, integrity, deidentified: right.deidentify };
  };
}

/**
 * Asked only of what the caller may see, so that the answer tells nothing of what is withheld. A part that a server cut from a
 * record (SUBSETTED) or made up for an operation has no version of its own to be compared with; audit events come from the ledger itself.
 */
function integrityOf(
  tape: Tape,
  node: number,
  type: ResourceType,
  part: Planned,
  patient: PatientId | undefined,
  name: string | undefined,
  records: RecordIntegrity | undefined,
): IntegrityState | undefined {
  const id = stringOf(tape, member(tape, node, 'id'));
  // Within a stored Bundle stands the version of its day.
  if (records === undefined || type === 'AuditEvent' || part.within !== undefined) return undefined;
  const meta = member(tape, node, 'meta');
  const { kind } = part.interaction;
  if (id === undefined || subsetted(tape, meta)) return 'unknown';
  const record = {
    reference: `${type}/${id}`,
    version: stringOf(tape, member(tape, meta, 'versionId')),
    patient,
    tape,
    node,
    current: kind !== 'vread' && kind !== 'history',
    ...(name === undefined ? {} : { name }),
  };
  return isStore(kind) ? records.written(record) : records.check(record);
}

const isStore = (kind: Planned['interaction']['kind']): boolean =>
  kind === 'create' || kind === 'update' || kind === 'patch';

function subsetted(tape: Tape, meta: number): boolean {
  const tags = member(tape, meta, 'tag');
  if (tags < 0 || tape.kind[tags] !== KIND.array) return false;
  for (let tag = tags + 1; tag < (tape.next[tags] as number); tag = tape.next[tag] as number)
    if (stringOf(tape, member(tape, tag, 'code')) === 'SUBSETTED') return true;
  return false;
}

/** The resource as this plan shows it: the same for the same bytes, plan, day and patient. */
interface MaskedView extends Pick<ReleasedResource, 'bytes' | 'id' | 'versionId' | 'reference' | 'masked' | 'rules'> {
  readonly kind: 'view';
}

export function maskedView(
  tape: Tape,
  node: number,
  type: ResourceType,
  plan: MaskingPlan,
  context: MaskingContext,
  parts: ResourceReleaseParts,
): MaskedView | WithheldResource {
  const masked = parts.mask(tape, node, plan, context);
  if (masked.kind === 'unmaskable') return withheld(masked.reason);
  const links = parts.anchor(tape, node);
  const splices = links.length === 0 ? masked.splices : mergeSplices(masked.splices, links);
  const idNode = member(tape, node, 'id');
  const id = stringOf(tape, idNode);
  const versionId = stringOf(tape, member(tape, member(tape, node, 'meta'), 'versionId'));
  const range = { start: tape.start[node] as number, end: tape.end[node] as number };
  return {
    kind: 'view',
    // A copy even where nothing changes: a view that is remembered must not hold on to a whole answer.
    bytes: applySplices(tape.bytes, splices, range),
    id: id === undefined ? undefined : seenId(tape, idNode, id, masked.splices),
    versionId,
    reference: `${type}/${id ?? ''}${versionId === undefined ? '' : `/_history/${versionId}`}`,
    masked: masked.count,
    rules: masked.rules,
  };
}

/**
 * A pseudonymous plan is de-identified already; any other gets the overlay. A query that reads what the overlay hides would
 * tell it by what matches.
 */
export function deidentifying(part: Planned): MaskingPlan | undefined {
  if (part.plan.pseudonymous) return part.plan;
  const plan = part.narrowed(['obligation-deidentify']);
  const tells = criteriaTargets(part.interaction).some(
    (target) => plan?.masksParameter(target.type, target.code) !== undefined,
  );
  return tells ? undefined : plan;
}

export const withheld = (why: string, needs: readonly Reference[] = []): WithheldResource =>
  needs.length === 0 ? { kind: 'withheld', why } : { kind: 'withheld', why, needs };

/** The id after masking: links to the resource must agree with the resource. */
function seenId(tape: Tape, node: number, id: string, splices: readonly Splice[]): string | undefined {
  const start = tape.start[node] as number;
  const end = tape.end[node] as number;
  for (const splice of splices) {
    if (splice.start <= start && splice.end >= end) {
      if (splice.start !== start || splice.end !== end) return undefined;
      const seen: unknown = JSON.parse(splice.text);
      return typeof seen === 'string' ? seen : undefined;
    }
  }
  return id;
}
