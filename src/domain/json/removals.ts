import type { Splice } from '../masking/plan.ts';
import { size } from './cursor.ts';
import { mergeSplices, removeElements, removeMembers } from './splice.ts';
import type { Tape } from './tape.ts';

/**
 * Gathers what is to go from one document, in any order, and makes splices that fit together: commas of neighbours,
 * removals inside what is itself removed, and arrays that would be left empty, which FHIR does not allow.
 */
export class Removals {
  private readonly tape: Tape;
  private readonly members = new Map<number, Set<number>>();
  private readonly elements = new Map<number, { readonly object: number; readonly gone: Set<number> }>();

  constructor(tape: Tape) {
    this.tape = tape;
  }

  /** The member of the object whose key is at the node. */
  member(object: number, key: number): void {
    const keys = this.members.get(object);
    if (keys === undefined) this.members.set(object, new Set([key]));
    else keys.add(key);
  }

  /** An element of the array that is a member of the object; the member goes when nothing is left in it. */
  element(object: number, array: number, element: number): void {
    const known = this.elements.get(array);
    if (known === undefined) this.elements.set(array, { object, gone: new Set([element]) });
    else known.gone.add(element);
  }

  splices(): readonly Splice[] {
    const inOrder = (nodes: ReadonlySet<number>): number[] => [...nodes].sort((a, b) => a - b);
    const lists: (readonly Splice[])[] = [];
    for (const [array, { object, gone }] of this.elements) {
      // The key of a member's value is the node before it.
      if (gone.size === size(this.tape, array)) this.member(object, array - 1);
      else lists.push(removeElements(this.tape, array, inOrder(gone)));
    }
    for (const [object, keys] of this.members) lists.push(removeMembers(this.tape, object, inOrder(keys)));
    return mergeSplices(...lists);
  }
}
