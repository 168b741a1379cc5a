import type { PatientId } from '../fhir/interaction.ts';
import type { AuditEvent } from './audit-event.ts';

/** What a search narrows by before entries are opened; `matches` decides. */
export interface AuditNarrowing {
  readonly patient?: PatientId;
  readonly purpose?: string;
  readonly decision?: 'permit' | 'deny';
  /** Milliseconds since 1970; `until` is exclusive. */
  readonly from?: number;
  readonly until?: number;
}

export interface AuditSearch {
  readonly narrow: AuditNarrowing;
  readonly ids?: readonly string[];
  readonly count: number;
  /** Entries below this number only: the next page of a list that runs from new to old. */
  readonly before?: number;
  matches(event: AuditEvent): boolean;
}

type Test = (event: AuditEvent) => boolean;
interface Token {
  readonly system?: string;
  readonly code: string;
}

const MOST = 200;
const USUAL = 50;

const tokenOf = (value: string): Token => {
  const bar = value.indexOf('|');
  return bar < 0 ? { code: value } : { system: value.slice(0, bar), code: value.slice(bar + 1) };
};

const isToken = (want: Token, coding: { readonly system?: string; readonly code: string }): boolean =>
  (want.code === '' || want.code === coding.code) &&
  (want.system === undefined || want.system === (coding.system ?? ''));

/** `Type/id` of a relative, absolute or versioned reference. */
const plainReference = (reference: string): string => {
  const parts = (reference.split('/_history/')[0] ?? '').split('/');
  return parts.slice(-2).join('/');
};

const UNIT =
  /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?(Z|[+-]\d{2}:\d{2})?)?)?)?$/;

/** The period a FHIR date stands for, in UTC unless it says otherwise; the end is exclusive. */
const periodOf = (text: string): readonly [number, number] | undefined => {
  const match = UNIT.exec(text);
  if (match === null) return undefined;
  const [, year = '', month, day, hour, minute, second, fraction, zone] = match;
  const numbers = [
    Number(year),
    Number(month ?? 1) - 1,
    Number(day ?? 1),
    Number(hour ?? 0),
    Number(minute ?? 0),
    Number(second ?? 0),
  ] as const;
  const milliseconds = fraction === undefined ? 0 : Number(fraction.padEnd(3, '0'));
  const shift =
    zone === undefined || zone === 'Z'
      ? 0
      : (zone.startsWith('-') ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4)));
  const start =
    Date.UTC(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], milliseconds) - shift * 60_000;
  if (new Date(start + shift * 60_000).getUTCMonth() !== numbers[1] || numbers[3] > 23 || numbers[4] > 59)
    return undefined;
  if (month === undefined) return [start, Date.UTC(numbers[0] + 1, 0)];
  if (day === undefined) return [start, Date.UTC(numbers[0], numbers[1] + 1)];
  const length = hour === undefined ? 86_400_000 : second === undefined ? 60_000 : fraction === undefined ? 1000 : 1;
  return [start, start + length];
};

interface DateTest {
  readonly from?: number;
  readonly until?: number;
  readonly test: (at: number) => boolean;
}

const dateTest = (value: string): DateTest | undefined => {
  const prefix = /^(eq|ne|gt|lt|ge|le|sa|eb|ap)/.exec(value)?.[0] ?? 'eq';
  const period = periodOf(value.replace(/^[a-z]{2}/, ''));
  if (period === undefined) return undefined;
  const [start, end] = period;
  switch (prefix) {
    case 'eq':
    case 'ap':
      return { from: start, until: end, test: (at) => at >= start && at < end };
    case 'ne':
      return { test: (at) => at < start || at >= end };
    case 'gt':
    case 'sa':
      return { from: end, test: (at) => at >= end };
    case 'ge':
      return { from: start, test: (at) => at >= start };
    case 'lt':
    case 'eb':
      return { until: start, test: (at) => at < start };
    default:
      return { until: end, test: (at) => at < end };
  }
};

const anyOf =
  (tests: readonly Test[]): Test =>
  (event) =>
    tests.some((test) => test(event));

const tokenTests: Readonly<Record<string, (want: Token) => Test>> = {
  action: (want) => (event) => want.code === event.action,
  outcome: (want) => (event) => want.code === event.outcome,
  type: (want) => (event) => isToken(want, event.type),
  subtype: (want) => (event) => event.subtype.some((coding) => isToken(want, coding)),
  site: (want) => (event) => want.code === event.source.site,
  purpose: (want) => (event) =>
    (event.purposeOfEvent ?? []).some(({ coding }) => coding.some((one) => isToken(want, one))),
  'entity-type': (want) => (event) => event.entity.some(({ type }) => isToken(want, type)),
  'entity-role': (want) => (event) => event.entity.some(({ role }) => role !== undefined && isToken(want, role)),
  'agent-role': (want) => (event) =>
    event.agent.some(({ role }) => (role ?? []).some(({ text }) => text === want.code)),
  'agent.identifier': (want) => (event) =>
    event.agent.some(
      ({ who }) => who.identifier !== undefined && isToken(want, { ...who.identifier, code: who.identifier.value }),
    ),
  'entity.identifier': (want) => (event) =>
    event.entity.some(
      ({ what }) =>
        what?.identifier !== undefined && isToken(want, { ...what.identifier, code: what.identifier.value }),
    ),
};

const referenceTests: Readonly<Record<string, (want: string) => Test>> = {
  patient: (want) => (event) => event.entity.some(({ what }) => what?.reference === want),
  entity: (want) => (event) =>
    event.entity.some(({ what }) => what?.reference !== undefined && plainReference(what.reference) === want),
  agent: (want) => (event) => event.agent.some(({ who }) => who.reference === want),
  source: (want) => (event) => event.source.observer.identifier?.value === want.replace(/^Device\//, ''),
};

const stringTests: Readonly<Record<string, (want: string) => Test>> = {
  address: (want) => (event) =>
    event.agent.some(({ network }) => network?.address.toLowerCase().startsWith(want.toLowerCase()) ?? false),
  policy: (want) => (event) => event.agent.some(({ policy }) => (policy ?? []).includes(want)),
};

const wholeNumber = (value: string): number | undefined => {
  const number = Number(value);
  return /^\d+$/.test(value) && Number.isSafeInteger(number) ? number : undefined;
};

/** The search, or the name of the parameter that cannot be understood: nothing is passed over. */
export const parseAuditSearch = (
  parameters: Iterable<readonly [name: string, value: string]>,
): AuditSearch | { readonly fault: string } => {
  const tests: Test[] = [];
  const narrow: { -readonly [Key in keyof AuditNarrowing]: AuditNarrowing[Key] } = {};
  let ids: readonly string[] | undefined;
  let count = USUAL;
  let before: number | undefined;
  for (const [name, value] of parameters) {
    const [code = '', modifier] = name.split(':');
    const values = value.split(',').filter((one) => one !== '');
    const fault = { fault: name };
    const token = tokenTests[code];
    const reference = referenceTests[code];
    const text = stringTests[code];
    if (values.length === 0) return fault;
    if (code === 'date' || code === '_lastUpdated') {
      const dates = values.map(dateTest);
      if (modifier !== undefined || dates.some((one) => one === undefined)) return fault;
      tests.push((event) => dates.some((one) => one?.test(Date.parse(event.recorded)) ?? false));
      const [only] = dates;
      if (dates.length === 1 && only?.from !== undefined) narrow.from = Math.max(narrow.from ?? only.from, only.from);
      if (dates.length === 1 && only?.until !== undefined)
        narrow.until = Math.min(narrow.until ?? only.until, only.until);
    } else if (token !== undefined) {
      if (modifier !== undefined && modifier !== 'not') return fault;
      const test = anyOf(values.map((one) => token(tokenOf(one))));
      tests.push(modifier === 'not' ? (event) => !test(event) : test);
      const [only = ''] = values;
      if (code === 'purpose' && values.length === 1 && modifier === undefined) narrow.purpose = tokenOf(only).code;
    } else if (reference !== undefined) {
      if (modifier !== undefined && !/^[A-Z][A-Za-z]+$/.test(modifier)) return fault;
      const typed = values.map((one) => {
        const plain = plainReference(one);
        return plain.includes('/') ? plain : `${code === 'patient' ? 'Patient' : (modifier ?? '')}/${plain}`;
      });
      tests.push(anyOf(typed.map(reference)));
      const [only = ''] = typed;
      if (code === 'patient' && typed.length === 1) narrow.patient = only.replace(/^Patient\//, '') as PatientId;
    } else if (text !== undefined) {
      if (modifier !== undefined) return fault;
      tests.push(anyOf(values.map(text)));
    } else if (name === '_id') {
      ids = values;
    } else if (name === '_count') {
      const wanted = wholeNumber(value);
      if (wanted === undefined) return fault;
      count = Math.min(MOST, wanted);
    } else if (name === '_before') {
      before = wholeNumber(value);
      if (before === undefined) return fault;
    } else if (!(name === '_sort' && value === '-date') && name !== '_total' && name !== '_format') return fault;
  }
  return {
    narrow,
    count,
    ...(ids === undefined ? {} : { ids }),
    ...(before === undefined ? {} : { before }),
    matches: (event) => tests.every((test) => test(event)),
  };
};
