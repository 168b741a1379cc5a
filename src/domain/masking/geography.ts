/**
 * Three-digit ZIP areas with 20,000 people or fewer: 45 CFR 164.514(b)(2)(i)(B). Both censuses that guidance and
 * products go by are here with their date; the default is their union.
 */
export const sparseZip3 = {
  2000: '036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893',
  2010: '036 059 102 203 205 369 556 692 821 823 878 879 884 893',
} as const;

const sparse = new Set(Object.values(sparseZip3).flatMap((list) => list.split(' ')));

/** The three digits that may stay of a US ZIP code, `000` for a sparse area; undefined: not a ZIP code. */
export const zip3 = (postalCode: string): string | undefined => {
  const match = /^(\d{3})(?:\d{2}(?:[- ]?\d{4})?)?$/.exec(postalCode.trim());
  const digits = match?.[1];
  if (digits === undefined) return undefined;
  return sparse.has(digits) ? '000' : digits;
};
