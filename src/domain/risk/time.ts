export const HOUR = 3_600_000;
export const DAY = 86_400_000;

/** Milliseconds of an RFC 3339 time; a date alone is its first moment. `undefined` when it is neither. */
export const timeOf = (text: unknown): number | undefined => {
  if (typeof text !== 'string' || text.length < 10) return undefined;
  const time = Date.parse(text);
  return Number.isFinite(time) ? time : undefined;
};

export const hourOf = (time: number): number => Math.floor(time / HOUR) % 24;
