import type { Tape } from '../json/tape.ts';
import type { Action } from './automaton.ts';
import type { MaskingContext, Splice } from './plan.ts';

/** A splice that may be settled later: the labels are known only when the resource has been walked. */
export interface OpenSplice extends Splice {
  end: number;
  text: string;
}

/** What one walk gathers, and what the transforms of its leaves may ask. */
export interface WalkState {
  readonly tape: Tape;
  readonly context: MaskingContext;
  /** Key bytes of a name, for the plan's project. */
  key(name: string): Uint8Array;
  /** The patient on whom shifts hang: of the context, or the one this resource names. */
  patient(): string | undefined;
  readonly splices: OpenSplice[];
  /** The object whose member is being judged. */
  holder: number;
}

/**
 * What becomes of one value: its new JSON text, `undefined` to leave the bytes as they are, `null` to take it away.
 */
export type Transform = (walk: WalkState, node: number) => string | undefined | null;

/** What is left where a value was taken away. */
export type Absence = 'nothing' | 'masked';

export type Outcome = 'kept' | 'removed';

/** What an edit did, for those who explain it. */
export interface Mark {
  readonly node: number;
  readonly action: Action;
  readonly outcome: 'removed' | 'masked' | 'changed';
}

/** A walk to those who edit for it. */
export interface Editing extends WalkState {
  /** Counts an edit, for the labels, the rules that fired and those who explain. */
  note(node: number, action: Action, outcome: Mark['outcome']): void;
}
