import {
  badRequest,
  convertToSearchableDates,
  convertToSearchableNumbers,
  convertToSearchableQuantities,
  convertToSearchableStrings,
  convertToSearchableTokens,
  type Filter,
  OperationOutcomeError,
  Operator,
  type SearchableToken,
  splitSearchOnComma,
  type TypedValue,
  toPeriod,
} from '@medplum/core';
import type { SearchParameter } from '@medplum/fhirtypes';

/** Whether the values that a search parameter finds in a resource meet a criterion (R4 search.html). */
export const meets = (type: SearchParameter['type'], values: TypedValue[], filter: Filter): boolean => {
  switch (type) {
    case 'string':
      return meetsString(values, filter);
    case 'number':
      return meetsNumber(values, filter);
    case 'quantity':
      return meetsQuantity(values, filter);
    case 'token':
      return meetsToken(values, filter);
    case 'date':
      return meetsDate(values, filter);
    case 'uri':
      return meetsUri(values, filter);
    default:
      return false;
  }
};

const isNegated = (operator: Operator): boolean => operator === Operator.NOT || operator === Operator.NOT_EQUALS;

/** search.html#string: case- and accent-insensitive, starts with, unless a modifier says otherwise. */
const meetsString = (values: TypedValue[], { operator, value }: Filter): boolean => {
  const wanted = splitSearchOnComma(value);
  const texts = values.flatMap(textsOf);
  if (operator === Operator.EXACT) return texts.some((text) => wanted.includes(text));
  const folded = texts.map(fold);
  const isMatch = (text: string, each: string): boolean =>
    operator === Operator.CONTAINS ? text.includes(each) : text.startsWith(each);
  return wanted.map(fold).some((each) => folded.some((text) => isMatch(text, each)));
};

const fold = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

const partsOf: Readonly<Record<string, readonly string[]>> = {
  HumanName: ['text', 'family', 'given', 'prefix', 'suffix'],
  Address: ['text', 'line', 'city', 'district', 'state', 'postalCode', 'country'],
};

const textsOf = (value: TypedValue): readonly string[] => {
  const parts = partsOf[value.type];
  if (parts) return parts.flatMap((part): string[] => value.value[part] ?? []);
  return typeof value.value === 'string' ? [value.value] : convertToSearchableStrings([value]);
};

const meetsToken = (values: TypedValue[], { operator, value }: Filter): boolean => {
  if (operator === Operator.TEXT)
    return meetsString(values.map(displayOf), { code: '', operator: Operator.EQUALS, value });
  const tokens = convertToSearchableTokens(values);
  const found = splitSearchOnComma(value).some((wanted) => tokens.some((token) => isToken(token, wanted)));
  return isNegated(operator) ? !found : found;
};

const displayOf = ({ value }: TypedValue): TypedValue => ({
  type: 'string',
  value: value?.text ?? value?.display ?? value?.coding?.[0]?.display ?? '',
});

/** search.html#token: `code`, `system|code`, `|code` (no system), `system|`. */
const isToken = ({ system, value }: SearchableToken, wanted: string): boolean => {
  const bar = wanted.indexOf('|');
  const code = wanted.slice(bar + 1).toLowerCase();
  if (bar < 0) return value?.toLowerCase() === code;
  const wantedSystem = wanted.slice(0, bar).toLowerCase();
  const isSystem = wantedSystem === '' ? !system : system?.toLowerCase() === wantedSystem;
  return isSystem && (code === '' || value?.toLowerCase() === code);
};

const meetsUri = (values: TypedValue[], { operator, value }: Filter): boolean => {
  const found = splitSearchOnComma(value).some((wanted) =>
    values.some(({ value: uri }) => (operator === Operator.BELOW ? String(uri).startsWith(wanted) : uri === wanted)),
  );
  return isNegated(operator) ? !found : found;
};

const meetsDate = (values: TypedValue[], { operator, value }: Filter): boolean => {
  const periods = convertToSearchableDates(values);
  const found = splitSearchOnComma(value).some((wanted) => {
    const { start, end } = toPeriod(wanted) ?? {};
    if (!start || !end) throw new OperationOutcomeError(badRequest('A date is expected.'));
    return periods.some((period) => isInTime(period.start ?? '0000', period.end ?? '9999', operator, { start, end }));
  });
  return operator === Operator.NOT_EQUALS ? !found : found;
};

/** search.html#prefix, on instants written in UTC, which compare as text. */
const isInTime = (
  start: string,
  end: string,
  operator: Operator,
  wanted: { readonly start: string; readonly end: string },
): boolean => {
  switch (operator) {
    case Operator.LESS_THAN:
      return start < wanted.start;
    case Operator.LESS_THAN_OR_EQUALS:
      return start <= wanted.end;
    case Operator.GREATER_THAN:
      return end > wanted.end;
    case Operator.GREATER_THAN_OR_EQUALS:
      return end >= wanted.start;
    case Operator.STARTS_AFTER:
      return start > wanted.end;
    case Operator.ENDS_BEFORE:
      return end < wanted.start;
    default:
      return start <= wanted.end && end >= wanted.start;
  }
};

const meetsNumber = (values: TypedValue[], { operator, value }: Filter): boolean =>
  convertToSearchableNumbers(values).some(([low, high]) =>
    splitSearchOnComma(value).some((wanted) =>
      compare(low ?? Number.NEGATIVE_INFINITY, high ?? Number.POSITIVE_INFINITY, operator, wanted),
    ),
  );

const meetsQuantity = (values: TypedValue[], { operator, value }: Filter): boolean =>
  convertToSearchableQuantities(values).some((quantity) =>
    splitSearchOnComma(value).some((wanted) => {
      const [number = '', system, code] = wanted.split('|');
      if (system && quantity.system !== system) return false;
      if (code && quantity.code !== code && quantity.unit !== code) return false;
      const { value: actual } = quantity;
      return actual !== undefined && compare(actual, actual, operator, number);
    }),
  );

/** The precision of the number that was sent gives the range it stands for: 100 is 99.5 to 100.5 (search.html#number). */
const compare = (low: number, high: number, operator: Operator, text: string): boolean => {
  const wanted = Number(text);
  if (text === '' || Number.isNaN(wanted)) throw new OperationOutcomeError(badRequest('A number is expected.'));
  const decimals = /\.(\d+)/.exec(text)?.[1]?.length ?? 0;
  const half = 0.5 * 10 ** -decimals;
  switch (operator) {
    case Operator.LESS_THAN:
    case Operator.ENDS_BEFORE:
      return low < wanted;
    case Operator.LESS_THAN_OR_EQUALS:
      return low <= wanted;
    case Operator.GREATER_THAN:
    case Operator.STARTS_AFTER:
      return high > wanted;
    case Operator.GREATER_THAN_OR_EQUALS:
      return high >= wanted;
    case Operator.NOT_EQUALS:
      return high < wanted - half || low >= wanted + half;
    case Operator.APPROXIMATELY:
      return high >= wanted - Math.abs(wanted) / 10 && low <= wanted + Math.abs(wanted) / 10;
    default:
      return high >= wanted - half && low < wanted + half;
  }
};
