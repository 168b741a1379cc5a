import type { ConsentAction } from './grant.ts';

/**
 * What counts as permission for a purpose: `opt-in` needs a permit; `opt-out` needs the absence of a deny (and still a
 * permit that names the label of sensitive data); `not-required` asks nobody (a legal duty); `closed` never opens.
 */
export type ConsentModel = 'opt-in' | 'opt-out' | 'not-required' | 'closed';

export interface BreakGlassPolicy {
  readonly purposes: ReadonlySet<string>;
  readonly roles: ReadonlySet<string>;
  /** Shortest reason text, in characters after trimming. */
  readonly reasonLength: number;
  /** How long one break-glass session on one patient lasts. */
  readonly seconds: number;
  readonly reviewSeconds: number;
  /** Actions that break-glass can open: reading, as a rule. */
  readonly actions: ReadonlySet<ConsentAction>;
}

export interface SelfPolicy {
  readonly purposes: ReadonlySet<string>;
  readonly actions: ReadonlySet<ConsentAction>;
}

/** Immutable; one per upstream, part of a policy snapshot. */
export interface ConsentPolicy {
  readonly id: string;
  readonly fallback: ConsentModel;
  readonly models: ReadonlyMap<string, ConsentModel>;
  /** Access of patients to their own records. */
  readonly self: SelfPolicy;
  readonly breakGlass: BreakGlassPolicy;
}

export const modelOf = (policy: ConsentPolicy, purpose: string): ConsentModel =>
  policy.models.get(purpose) ?? policy.fallback;

/** Nothing opens but by a grant. What a gateway uses until a policy is loaded, and tests as a base. */
export const closedPolicy: ConsentPolicy = {
  id: 'closed',
  fallback: 'opt-in',
  models: new Map(),
  self: { purposes: new Set(), actions: new Set() },
  breakGlass: {
    purposes: new Set(),
    roles: new Set(),
    reasonLength: 1,
    seconds: 0,
    reviewSeconds: 0,
    actions: new Set(),
  },
};
