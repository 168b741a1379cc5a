import { actionNames, classNames, conditionNames, labelNames, purposeNames } from './bits.ts';
import type { Grant, GranteeKind } from './grant.ts';
import type { GrantScope } from './typed-data.ts';

/** A grant as people speak of it: the grantee by reference, before the vault gives it a keyed name. */
export interface GrantDraft extends GrantScope {
  readonly effect: 'permit' | 'deny';
  readonly granteeKind: GranteeKind;
  /** `Practitioner/p1`, `Organization/o1`, a role code, a client id. */
  readonly grantee: string;
}

/** Bitmaps and seconds as words and dates, for people and APIs. An absent list or side is not limited. */
export interface GrantWords {
  readonly effect: 'permit' | 'deny';
  readonly actions?: readonly string[];
  readonly purposes?: readonly string[];
  readonly classes?: readonly string[];
  readonly labels?: readonly string[];
  readonly conditions?: readonly string[];
  readonly from?: string;
  readonly until?: string;
  readonly dataFrom?: string;
  readonly dataUntil?: string;
}

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();

const listed = <Name extends string>(name: Name, words: readonly string[]) =>
  words.length === 0 ? {} : { [name]: words };
const dated = <Name extends string>(name: Name, seconds: number) => (seconds === 0 ? {} : { [name]: iso(seconds) });

export const grantWords = (grant: GrantScope & Pick<Grant, 'effect'>): GrantWords => ({
  effect: grant.effect,
  ...listed('actions', actionNames(grant.actions)),
  ...listed('purposes', purposeNames(grant.purposes)),
  ...listed('classes', classNames(grant.classes)),
  ...listed('labels', labelNames(grant.labels)),
  ...listed('conditions', conditionNames(grant.conditions)),
  ...dated('from', grant.from),
  ...dated('until', grant.until),
  ...dated('dataFrom', grant.dataFrom),
  ...dated('dataUntil', grant.dataUntil),
});
