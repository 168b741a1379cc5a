/** A log is kept for one half of a calendar year (UTC), then closed for good: `2026h2`. Compares as text in order of time. */
export const halfYearOf = (milliseconds: number): string => {
  const date = new Date(milliseconds);
  return `${date.getUTCFullYear()}h${date.getUTCMonth() < 6 ? 1 : 2}`;
};

export const isHalfYear = (text: string): boolean => /^[0-9]{4}h[12]$/.test(text);

/** The first log has the origin itself, each later one that of its half-year. */
export const originOf = (first: string, half: string | undefined): string =>
  half === undefined ? first : `${first}/${half}`;

/** The first log of those that `origin` is one of. */
export const firstOriginOf = (origin: string): string => {
  const cut = origin.lastIndexOf('/');
  return cut > 0 && isHalfYear(origin.slice(cut + 1)) ? origin.slice(0, cut) : origin;
};
