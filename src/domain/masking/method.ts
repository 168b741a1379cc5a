/** What a rule does with an element, from the mildest to the strictest: where rules overlap the later one wins. */
export const methodNames = [
  'keep',
  'by-type',
  'scrub',
  'perturb',
  'date-shift',
  'generalise',
  'partial',
  'encrypt',
  'pseudonymise',
  'hash',
  'substitute',
  'redact',
  'remove',
  'hide',
] as const;
export type MethodName = (typeof methodNames)[number];

export const strictness = (method: MethodName): number => methodNames.indexOf(method);

export interface MethodOptions {
  /** generalise: what is left of the value. */
  readonly to?: 'year' | 'month' | 'decade' | 'zip3' | 'ages' | 'steps' | 'prefix' | 'map';
  /** generalise to steps: width; to prefix: number of characters. */
  readonly size?: number;
  /** generalise to map: code to ancestor. What is not listed is removed. */
  readonly map?: Readonly<Record<string, string>>;
  /** partial: characters left at the end and at the start. */
  readonly last?: number;
  readonly first?: number;
  /** date-shift: the greatest shift in days. */
  readonly days?: number;
  readonly direction?: 'any' | 'past';
  readonly time?: 'keep' | 'drop';
  /** date-shift and generalise: dates this many years before `asOf` are dropped. */
  readonly over?: number;
  /** substitute: the JSON value put in place. */
  readonly value?: unknown;
  /** perturb: greatest change in percent. */
  readonly percent?: number;
}

const dates = ['date', 'dateTime', 'instant'];
const numbers = ['decimal', 'integer', 'positiveInt', 'unsignedInt'];
const words = ['string', 'id', 'uri', 'url', 'canonical', 'oid', 'uuid', 'code', 'markdown', 'base64Binary'];

/** Whether a method can work on a value of the primitive datatype; where it cannot, the value is judged by its type. */
export const applies = (method: MethodName, options: MethodOptions, type: string): boolean => {
  switch (method) {
    case 'date-shift':
      return dates.includes(type);
    case 'perturb':
      return numbers.includes(type);
    case 'scrub':
      return type === 'string' || type === 'markdown' || type === 'xhtml';
    case 'generalise':
      if (options.to === 'zip3' || options.to === 'prefix' || options.to === 'map') {
        return type === 'string' || type === 'code';
      }
      if (options.to === 'steps') return numbers.includes(type);
      return options.to === 'ages' ? numbers.includes(type) : dates.includes(type);
    case 'partial':
    case 'encrypt':
    case 'pseudonymise':
    case 'hash':
      return words.includes(type);
    default:
      return true;
  }
};

/** Codes of v3-ObservationValue for `meta.security`, by bit. */
export const labelCodes = ['REDACTED', 'MASKED', 'PSEUDED', 'CRYTOHASH', 'ABSTRED', 'ANONYED'] as const;
export const LABEL = { redacted: 1, masked: 2, pseuded: 4, cryptohash: 8, abstracted: 16, anonymised: 32 } as const;

export const labelOf = (method: MethodName): number => {
  switch (method) {
    case 'keep':
    case 'by-type':
      return 0;
    case 'encrypt':
      return LABEL.masked;
    case 'pseudonymise':
    case 'date-shift':
      return LABEL.pseuded;
    case 'hash':
      return LABEL.cryptohash;
    case 'generalise':
    case 'perturb':
      return LABEL.abstracted;
    default:
      return LABEL.redacted;
  }
};
