import { criteriaTargets } from '../../domain/fhir/criteria.ts';
import type { PatientId, ResourceType } from '../../domain/fhir/interaction.ts';
import type { Resolve } from '../../domain/fhir/subjects.ts';
import { member, stringOf } from '../../domain/json/cursor.ts';
import { applySplices, mergeSplices } from '../../domain/json/splice.ts';
import type { Tape } from '../../domain/json/tape.ts';
import type { MaskingContext, MaskingPlan, MaskResource, Splice } from '../../domain/masking/plan.ts';
import type { Planned } from '../exchange.ts';

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
}

/** The reason stays inside: a withheld resource leaves no trace in the answer. */
export interface WithheldResource {
  readonly kind: 'withheld';
  readonly why: string;
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
  | { readonly kind: 'may-not'; readonly why: string };

export interface ResourceReleaseParts {
  /** Whose the resource is, and whether every one of them lets this caller see it. */
  readonly right: (
    tape: Tape,
    node: number,
    type: ResourceType,
    part: Planned,
    resolve: Resolve | undefined,
  ) => ResourceRight;
  readonly mask: MaskResource;
  readonly maskingContext: (part: Planned, patient: PatientId | undefined) => MaskingContext;
  readonly anchor: (tape: Tape, node: number) => readonly Splice[];
}

export type ReleaseResource = (
  tape: Tape,
  node: number,
  part: Planned,
  resolve?: Resolve,
) => ReleasedResource | WithheldResource;

/** Judges, masks and re-anchors one resource of an answer. Anything not understood is withheld. */
export function resourceRelease(parts: ResourceReleaseParts): ReleaseResource {
  return (tape, node, part, resolve) => {
    const type = stringOf(tape, member(tape, node, 'resourceType')) as ResourceType | undefined;
    if (type === undefined) return withheld('not a resource');
    if (!part.plan.covers(type)) return withheld('no masking rule for the type');
    const right = parts.right(tape, node, type, part, resolve);
    if (right.kind === 'may-not') return withheld(right.why);

    const patient = right.patients[0];
    const plan = right.deidentify ? deidentifying(part) : part.plan;
    if (plan === undefined) return withheld('the grant asks for a de-identified view that this call cannot have');
    const masked = parts.mask(tape, node, plan, parts.maskingContext(part, patient));
    if (masked.kind === 'unmaskable') return withheld(masked.reason);

    const links = parts.anchor(tape, node);
    const splices = links.length === 0 ? masked.splices : mergeSplices(masked.splices, links);
    const idNode = member(tape, node, 'id');
    const id = stringOf(tape, idNode);
    const versionId = stringOf(tape, member(tape, member(tape, node, 'meta'), 'versionId'));
    const range = { start: tape.start[node] as number, end: tape.end[node] as number };
    return {
      kind: 'released',
      bytes:
        splices.length === 0
          ? tape.bytes.subarray(range.start, range.end)
          : applySplices(tape.bytes, splices, range, Buffer.allocUnsafe),
      type,
      id: id === undefined ? undefined : seenId(tape, idNode, id, masked.splices),
      versionId,
      reference: `${type}/${id ?? ''}${versionId === undefined ? '' : `/_history/${versionId}`}`,
      patients: right.patients,
      grants: right.grants,
      basis: right.basis,
      masked: masked.count,
      rules: masked.rules,
    };
  };
}

/**
 * A pseudonymous plan is de-identified already; any other gets the overlay. A query that reads what the overlay hides would
 * tell it by what matches.
 */
function deidentifying(part: Planned): MaskingPlan | undefined {
  if (part.plan.pseudonymous) return part.plan;
  const plan = part.narrowed(['obligation-deidentify']);
  const tells = criteriaTargets(part.interaction).some(
    (target) => plan?.masksParameter(target.type, target.code) !== undefined,
  );
  return tells ? undefined : plan;
}

const withheld = (why: string): WithheldResource => ({ kind: 'withheld', why });

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
