import type { Tape } from '../json/tape.ts';
import type { ResourceType } from '../fhir/interaction.ts';

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
}

/** What the masking needs beside the plan; two runs with the same give the same bytes. */
export interface MaskingContext {
  /** `2026-11-22`: ages and cut-offs are reckoned from here, never from the clock. */
  readonly asOf: string;
  /** Key bytes by name: `pseudonym`, `date-shift`, `encrypt`. */
  key(name: string): Uint8Array;
  /** Per patient: date-shift and pseudonyms hang on it. */
  readonly patient?: string;
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
