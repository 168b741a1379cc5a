/** A moment of FHIR is a stretch of time: `2024` is a year long. Milliseconds; `until` is exclusive. */
export interface DateRange {
  readonly from: number;
  readonly until: number;
}

const pattern = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;

const offsetOf = (zone: string | undefined): number => {
  if (zone === undefined || zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
};

/** Without a zone UTC is meant: the gateway knows no other. */
export const dateRange = (text: string): DateRange | undefined => {
  const parts = pattern.exec(text);
  if (parts === null) return undefined;
  const [, year = '', month, day, hour, minute = '0', second, fraction, zone] = parts;
  const y = Number(year);
  const m = month === undefined ? 0 : Number(month) - 1;
  const d = day === undefined ? 1 : Number(day);
  if (m > 11 || d < 1 || d > 31) return undefined;
  if (month === undefined) return { from: Date.UTC(y, 0), until: Date.UTC(y + 1, 0) };
  if (day === undefined) return { from: Date.UTC(y, m), until: Date.UTC(y, m + 1) };
  if (hour === undefined) return { from: Date.UTC(y, m, d), until: Date.UTC(y, m, d + 1) };
  const milliseconds = fraction === undefined ? 0 : Number(`0.${fraction}`) * 1000;
  const from = Date.UTC(y, m, d, Number(hour), Number(minute), Number(second ?? '0')) + milliseconds - offsetOf(zone);
  const length = second === undefined ? 60_000 : fraction === undefined ? 1000 : 1;
  return { from, until: from + length };
};

/** FHIR R4 search.html#prefix: how the stretch of the value and that of the criterion must lie. */
export const rangeFits = (value: DateRange | undefined, criterion: string): boolean => {
  const prefix = /^[a-z]{2}/.exec(criterion)?.[0];
  const asked = dateRange(prefix === undefined ? criterion : criterion.slice(2));
  if (value === undefined || asked === undefined) return false;
  switch (prefix) {
    case undefined:
    case 'eq':
      return asked.from <= value.from && value.until <= asked.until;
    case 'ne':
      return value.from < asked.from || asked.until < value.until;
    case 'gt':
      return value.until > asked.until;
    case 'lt':
      return value.from < asked.from;
    case 'ge':
      return value.until > asked.from;
    case 'le':
      return value.from < asked.until;
    case 'sa':
      return value.from >= asked.until;
    case 'eb':
      return value.until <= asked.from;
    default:
      return false;
  }
};
