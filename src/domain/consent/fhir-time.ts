/** The stretch of time that a FHIR date or dateTime names, in milliseconds: [from, until). `2024-03` is the whole month. */
export interface TimeSpan {
  readonly from: number;
  readonly until: number;
}

const form = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;

const daysIn = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate();

const offsetOf = (zone: string | undefined): number => {
  if (zone === undefined || zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
};

/**
 * Undefined for anything that is no date. A date without a zone is read as UTC.
 * The length follows the precision (FHIR R4 datatypes.html#Period: an end of `2012-02-03` includes that day).
 */
export const timeSpan = (text: string): TimeSpan | undefined => {
  const match = form.exec(text);
  if (match === null) return undefined;
  const [, y, mo, d, h, mi, s, fraction, zone] = match;
  const year = Number(y);
  const month = Number(mo ?? 1);
  const day = Number(d ?? 1);
  if (year === 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  if (mo === undefined) return { from: Date.UTC(year, 0), until: Date.UTC(year + 1, 0) };
  if (d === undefined) return { from: Date.UTC(year, month - 1), until: Date.UTC(year, month) };
  const midnight = Date.UTC(year, month - 1, day);
  if (h === undefined) return { from: midnight, until: midnight + 86_400_000 };
  const hour = Number(h);
  const minute = Number(mi);
  const second = Number(s ?? 0);
  // 60 is a leap second.
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const milliseconds = fraction === undefined ? 0 : Math.floor(Number(`0.${fraction}`) * 1000);
  const from = midnight + ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds - offsetOf(zone);
  const precision = s === undefined ? 60_000 : fraction === undefined ? 1000 : 1;
  return { from, until: from + precision };
};
