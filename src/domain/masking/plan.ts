import type { ResourceType } from '../fhir/interaction.ts';
import type { Tape } from '../json/tape.ts';

/** What one call may see, compiled for role x purpose (x client x organisation). Immutable; part of a policy snapshot. */
export interface MaskingPlan {
  /** Id of the plan within its set: named in ETags, so that a 304 never crosses plans. */
  readonly id: string;
  /** False: the role and purpose have no rule for this type, and no resource of it may leave. */
  covers(type: ResourceType): boolean;
  /** The rule that masks an element the search parameter reads, or undefined when the criterion is open. */
  masksParameter(type: ResourceType, code: string): string | undefined;
  /** True when every element of the type passes unmasked. */
  readonly transparent: boolean;
  /** Pseudonyms, shifts and hashes of one project tell nothing about those of another. */
  readonly project: string;
  /** True when ids leave as pseudonyms: a caller's ids are theirs, see `realId`. */
  readonly pseudonymous: boolean;
}

/** What the masking needs beside the plan; two runs with the same give the same bytes. */
export interface MaskingContext {
  /** `2026-11-22`: ages and cut-offs are reckoned from here, never from the clock. */
  readonly asOf: string;
  /** Key bytes by name: `pseudonym`, `date-shift`, `encrypt`. */
  key(name: string): Uint8Array;
  /** Per patient: date-shift and pseudonyms hang on it. Absent: the patient whom the resource itself names. */
  readonly patient?: string;
  /** Names and identifiers that the caller knows of the patient and that free text must not hold. */
  readonly known?: readonly string[];
}

/** An edit of the original bytes: [start, end) becomes `text`. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface Masked {
  readonly kind: 'masked';
  readonly splices: readonly Splice[];
  /** Ids of the rules that fired. */
  readonly rules: readonly string[];
  /** Number of elements changed. */
  readonly count: number;
}

/** The resource holds something that the plan cannot judge: it is withheld whole. */
export interface Unmaskable {
  readonly kind: 'unmaskable';
  readonly reason: string;
}

export type MaskResource = (
  tape: Tape,
  node: number,
  plan: MaskingPlan,
  context: MaskingContext,
) => Masked | Unmaskable;
