/** A FHIR date, dateTime or instant taken apart; `rest` is the time and zone as written. */
export interface FhirDate {
  readonly year: number;
  readonly month?: number;
  readonly day?: number;
  readonly rest: string;
}

const pattern =
  /^(\d{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01])(T\d\d(?::\d\d(?::\d\d(?:\.\d{1,12})?)?)?(?:Z|[+-]\d\d:?\d\d)?)?)?)?$/;

export const parseDate = (text: string): FhirDate | undefined => {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  return {
    year: Number(match[1]),
    ...(match[2] === undefined ? {} : { month: Number(match[2]) }),
    ...(match[3] === undefined ? {} : { day: Number(match[3]) }),
    rest: match[4] ?? '',
  };
};

/** Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant's days_from_civil). */
export const dayNumber = (year: number, month: number, day: number): number => {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const ofEra = y - era * 400;
  const ofYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719468;
};

const two = (value: number): string => (value < 10 ? `0${value}` : `${value}`);

/** `2026-11-22` of a day number. */
export const dayText = (days: number): string => {
  const z = days + 719468;
  const era = Math.floor(z / 146097);
  const ofEra = z - era * 146097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36524) - Math.floor(ofEra / 146096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * ofYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(ofYear - Math.floor((153 * shifted + 2) / 5) + 1)}`;
};

/** Whole years from the date to `asOf`; of a date without month or day the most there can be. */
export const yearsBefore = (date: FhirDate, asOf: FhirDate): number => {
  const years = asOf.year - date.year;
  const month = date.month ?? 1;
  const day = date.day ?? 1;
  const asOfMonth = asOf.month ?? 12;
  const asOfDay = asOf.day ?? 31;
  return asOfMonth < month || (asOfMonth === month && asOfDay < day) ? years - 1 : years;
};

/** Moves a date by whole days. Precision, time and zone stay; what has no day is cut to its year, as a shift would lie. */
export const shiftDate = (date: FhirDate, days: number, time: 'keep' | 'drop'): string => {
  if (date.month === undefined || date.day === undefined) return String(date.year).padStart(4, '0');
  const moved = dayText(dayNumber(date.year, date.month, date.day) + days);
  return time === 'keep' ? moved + date.rest : moved;
};
