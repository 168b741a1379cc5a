import type { MaskingPlan } from '../../domain/masking/plan.ts';

/** `W/"version.plan"`: two callers with different masks never share a validator, so a 304 never crosses masks. */
export const etagOf = (versionId: string | undefined, plan: MaskingPlan): string | undefined =>
  versionId === undefined ? undefined : `W/"${versionId}.${plan.id}"`;

/** The upstream's version of a role-scoped If-Match, or undefined when it was made for another mask or is no such tag. */
export function versionOf(tag: string, plan: MaskingPlan): string | undefined {
  const found = /^(?:W\/)?"([A-Za-z0-9.@+_-]{1,400})"$/.exec(tag)?.[1];
  const suffix = `.${plan.id}`;
  return found?.endsWith(suffix) === true ? found.slice(0, -suffix.length) : undefined;
}
