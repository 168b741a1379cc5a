import { labelBit, labelBitmap } from './bits.ts';

/**
 * What a label takes in (v3-ActCode, InformationSensitivityPolicy): a statement about substance use is one about
 * alcohol and opioids too. Used when a statement is made into a grant; a decision compares bits only.
 */
const includes: Readonly<Record<string, readonly string[]>> = {
  SPI: ['PSY', 'MH', 'SUD', 'ETHUD', 'OPIOIDUD'],
  BH: ['PSY', 'MH', 'SUD', 'ETHUD', 'OPIOIDUD'],
  MH: ['MH', 'PSY'],
  PSY: ['PSY', 'MH'],
  PSYTHPN: ['PSY'],
  ETH: ['SUD', 'ETHUD', 'OPIOIDUD'],
  SUD: ['SUD', 'ETHUD', 'OPIOIDUD'],
  STD: ['STD', 'HIV'],
  V: ['V', 'R'],
};

/** The codes that a resource may be labelled with, and the label each counts as: codes without one of their own are `R`. */
const counts: Readonly<Record<string, string>> = {
  BH: 'MH',
  COGN: 'MH',
  DVD: 'MH',
  EMOTDIS: 'MH',
  SPI: 'MH',
  PSYTHPN: 'PSY',
  ETH: 'SUD',
  MST: 'SDV',
  VIO: 'SDV',
  SCA: 'GDIS',
  SICKLE: 'GDIS',
  GENDER: 'SEX',
  TBOO: 'R',
  ADOL: 'R',
  CEL: 'R',
  DIA: 'R',
  DRGIS: 'R',
  EMP: 'R',
  EMPL: 'R',
  LIVARG: 'R',
  LOCIS: 'R',
  PDS: 'R',
  PHY: 'R',
  PRS: 'R',
  SSP: 'R',
};

/** The bit of a security label's code as it stands on a resource; 0 for codes that restrict nothing (`N`, `M`, `L`, `U`). */
export const labelOf = (code: string): number => labelBit(counts[code] ?? code);

/** All bits that a statement naming this code is about; 0: the code is not known here. */
export const labelClosure = (code: string): number => labelBitmap(includes[code] ?? [counts[code] ?? code]);
