import { derivedKey } from './keyed.ts';
import type { MaskingContext, MaskingPlan } from './plan.ts';
import { idBehind } from './pseudonym.ts';

/** The key under which a plan makes pseudonyms; the walk derives the same one. */
const pseudonymKey = (plan: MaskingPlan, context: MaskingContext): Uint8Array =>
  derivedKey(context.key('pseudonym'), `pseudonym/${plan.project}`);

/**
 * The id that a caller means. Under a pseudonymous plan only a pseudonym of this project names anything: a true id MUST
 * be taken for one that does not exist, or a guess would be confirmed. Undefined: it names nothing.
 */
export const realId = (plan: MaskingPlan, context: MaskingContext, id: string): string | undefined =>
  plan.pseudonymous ? idBehind(pseudonymKey(plan, context), id) : id;

/** The same for `Patient/<id>`, `<id>` alone, or a value of a reference criterion. */
export const realReference = (plan: MaskingPlan, context: MaskingContext, reference: string): string | undefined => {
  if (!plan.pseudonymous) return reference;
  const slash = reference.lastIndexOf('/');
  const id = realId(plan, context, reference.slice(slash + 1));
  return id === undefined ? undefined : reference.slice(0, slash + 1) + id;
};
