import {
  type ConsentAction,
  consentActions,
  consentPurposes,
  type DataClass,
  dataClasses,
  type GrantCondition,
  grantConditions,
  type SecurityLabel,
  securityLabels,
} from './grant.ts';
import { nearestPurpose } from './purpose.ts';

const bitsOf = <Name extends string>(names: readonly Name[]): ReadonlyMap<string, number> =>
  new Map(names.map((name, bit) => [name, 2 ** bit]));

const actionBits = bitsOf(consentActions);
const purposeBits = bitsOf(consentPurposes);
const classBits = bitsOf(dataClasses);
const labelBits = bitsOf(securityLabels);
const conditionBits = bitsOf(grantConditions);

/** 0 for a name outside the list: a bit that no grant can hold. */
export const actionBit = (action: string): number => actionBits.get(action) ?? 0;
/** A purpose without a bit counts as the nearest broader one that has: coordination of care is treatment. */
export const purposeBit = (purpose: string): number => {
  const bit = purposeBits.get(purpose);
  if (bit !== undefined) return bit;
  const broader = nearestPurpose(purpose, (code) => purposeBits.has(code));
  return broader === undefined ? 0 : (purposeBits.get(broader) ?? 0);
};
export const classBit = (name: string): number => classBits.get(name) ?? 0;
export const labelBit = (label: string): number => labelBits.get(label) ?? 0;
export const conditionBit = (condition: string): number => conditionBits.get(condition) ?? 0;

const namesIn = <Name extends string>(names: readonly Name[], bitmap: number): readonly Name[] =>
  names.filter((_, bit) => (bitmap & (2 ** bit)) !== 0);

export const actionNames = (bitmap: number): readonly ConsentAction[] => namesIn(consentActions, bitmap);
export const purposeNames = (bitmap: number): readonly string[] => namesIn(consentPurposes, bitmap);
export const classNames = (bitmap: number): readonly DataClass[] => namesIn(dataClasses, bitmap);
export const labelNames = (bitmap: number): readonly SecurityLabel[] => namesIn(securityLabels, bitmap);
export const conditionNames = (bitmap: number): readonly GrantCondition[] => namesIn(grantConditions, bitmap);

export const labelBitmap = (labels: Iterable<string>): number => {
  let bitmap = 0;
  for (const label of labels) bitmap |= labelBit(label);
  return bitmap;
};

/** NO-OVERRIDE closes break-glass and nothing else: a permit need not name it. */
export const noOverride = labelBit('NO-OVERRIDE');
/** The labels that a permit must name to open. */
export const sensitiveLabels = 2 ** securityLabels.length - 1 - noOverride;
export const everyClass = 2 ** dataClasses.length - 1;
