import { member, stringOf } from '../json/cursor.ts';
import { removeElements, removeMember } from '../json/splice.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { labelCodes } from './method.ts';
import type { Splice } from './plan.ts';

const SYSTEM = 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue';

const isLabel = (tape: Tape, node: number): boolean =>
  stringOf(tape, member(tape, node, 'system')) === SYSTEM &&
  (labelCodes as readonly string[]).includes(stringOf(tape, member(tape, node, 'code')) ?? '');

/**
 * The splices that take the labels of a masked view out of a resource which a client sends back. Servers carry labels
 * forward on update: without this a record would be called redacted for ever.
 */
export const stripMaskLabels = (tape: Tape, resource: number): readonly Splice[] => {
  const meta = member(tape, resource, 'meta');
  const security = member(tape, meta, 'security');
  if (security < 0 || tape.kind[security] !== KIND.array) return [];
  const labels: number[] = [];
  let others = 0;
  for (let item = security + 1; item < (tape.next[security] as number); item = tape.next[item] as number) {
    if (isLabel(tape, item)) labels.push(item);
    else others += 1;
  }
  if (labels.length === 0) return [];
  if (others > 0) return removeElements(tape, security, labels);
  const isAlone = tape.next[meta + 1] === tape.next[meta];
  return isAlone ? removeMember(tape, resource, meta - 1) : removeMember(tape, meta, security - 1);
};
