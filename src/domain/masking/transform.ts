import { codeSet, lineage } from '../fhir/schema.ts';
import { vocabulary } from '../fhir/vocabulary.ts';
import { member, raw, stringOf } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { ByteMemo } from './byte-memo.ts';
import { type FhirDate, parseDate, shiftDate, yearsBefore } from './calendar.ts';
import { encrypt } from './cipher.ts';
import { scrubText } from './free-text.ts';
import { zip3 } from './geography.ts';
import { hex, keyedHash } from './keyed.ts';
import { applies, type MethodName, type MethodOptions } from './method.ts';
import { pseudonymOfId, pseudonymOfReference, pseudonymOfValue } from './pseudonym.ts';
import type { Transform, WalkState } from './walk-state.ts';

/** Where a leaf stands: methods treat an id, a reference and an identifier's value each in its own way. */
export interface LeafPlace {
  /** Datatype of the leaf. */
  readonly type: string;
  /** Type of the object that holds it, and the member's name. */
  readonly parent: string;
  readonly name: string;
  /** List of codes that the element is bound to. */
  readonly codes?: string;
}

const gone: Transform = () => null;

const dates = new Map<string, FhirDate>();
const parsedAsOf = (asOf: string): FhirDate => {
  const known = dates.get(asOf);
  if (known !== undefined) return known;
  const parsed = parseDate(asOf);
  if (parsed === undefined) throw new RangeError('asOf must be a FHIR date');
  if (dates.size > 1000) dates.clear();
  dates.set(asOf, parsed);
  return parsed;
};

const tooOld = (walk: WalkState, date: FhirDate, over: number): boolean =>
  yearsBefore(date, parsedAsOf(walk.context.asOf)) > over;

/** 45 CFR 164.514(b)(2)(i)(C): ages over 89, and dates that tell them, go. */
const OLDEST = 89;

const SAME = 1;
const quotedYears = Array.from({ length: 10_000 }, (_, year) => `"${year}"`);

/** The year of a date that is far from the age limit, read from its bytes: nearly all are. 0: look closer. */
const recentYear = (walk: WalkState, node: number, over: number): number => {
  const { bytes, start, end, kind } = walk.tape;
  if (kind[node] !== KIND.string) return 0;
  const from = (start[node] as number) + 1;
  const length = (end[node] as number) - 1 - from;
  if (length !== 4 && !(length >= 7 && bytes[from + 4] === 0x2d)) return 0;
  let year = 0;
  for (let at = from; at < from + 4; at += 1) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return 0;
    year = year * 10 + digit;
  }
  const limit = parsedAsOf(walk.context.asOf).year - over;
  if (year < 1000 || year <= limit) return 0;
  return length === 4 ? SAME : year;
};

/** What stands where a date belongs and is none may be anything: a name, a number. */
export const onlyDate: Transform = (walk, node) =>
  parseDate(stringOf(walk.tape, node) ?? '') === undefined ? null : undefined;

const generaliseDate = (type: string, to: 'year' | 'month' | 'decade', over: number): Transform => {
  const keep = to === 'month' ? 7 : 4;
  return (walk, node) => {
    const year = to === 'year' && type !== 'instant' ? recentYear(walk, node, over) : 0;
    if (year > 0) return year === SAME ? undefined : quotedYears[year];
    const written = stringOf(walk.tape, node);
    const date = written === undefined ? undefined : parseDate(written);
    // An instant has no form that leaves only the year.
    if (written === undefined || date === undefined || type === 'instant' || tooOld(walk, date, over)) return null;
    if (to === 'decade') return type === 'date' || type === 'dateTime' ? `"${Math.floor(date.year / 10)}0"` : null;
    return written.length <= keep ? undefined : `"${written.slice(0, keep)}"`;
  };
};

/** Days of shift of a patient: uniform over the range without zero. */
export const shiftOf = (key: Uint8Array, patient: string, days: number, direction: 'any' | 'past'): number => {
  const bytes = keyedHash(key, `shift|${patient}`);
  // 48 bits over at most a few thousand days: the bias is below 1e-10.
  const draw = bytes.subarray(0, 6).reduce((sum, byte) => sum * 256 + byte, 0);
  if (direction === 'past') return -1 - (draw % days);
  const offset = draw % (2 * days);
  return offset < days ? offset - days : offset - days + 1;
};

const shifts = new WeakMap<Uint8Array, Map<string, number>>();
const shiftFor = (key: Uint8Array, patient: string, days: number, direction: 'any' | 'past'): number => {
  let known = shifts.get(key);
  if (known === undefined || known.size > 100_000) {
    known = new Map();
    shifts.set(key, known);
  }
  const name = `${days}${direction}${patient}`;
  let shift = known.get(name);
  if (shift === undefined) {
    shift = shiftOf(key, patient, days, direction);
    known.set(name, shift);
  }
  return shift;
};

const shifted = (type: string, options: MethodOptions): Transform => {
  const { days = 365, direction = 'any', time = 'keep', over = OLDEST } = options;
  const fallback = generaliseDate(type, 'year', over);
  return (walk, node) => {
    const written = stringOf(walk.tape, node);
    const date = written === undefined ? undefined : parseDate(written);
    if (date === undefined || tooOld(walk, date, over)) return null;
    const patient = walk.patient();
    // Without a patient there is nothing that intervals could be kept to.
    if (patient === undefined) return fallback(walk, node);
    const shift = shiftFor(walk.key('date-shift'), patient, days, direction);
    if (type === 'instant' && date.rest === '') return null;
    return `"${shiftDate(date, shift, type === 'instant' ? 'keep' : time)}"`;
  };
};

const perYear: Readonly<Record<string, number>> = {
  a: 1,
  y: 1,
  yr: 1,
  yrs: 1,
  year: 1,
  years: 1,
  mo: 12,
  month: 12,
  months: 12,
  wk: 52.1775,
  week: 52.1775,
  weeks: 52.1775,
  d: 365.2425,
  day: 365.2425,
  days: 365.2425,
  h: 8765.82,
  min: 525949.2,
};

const ninety = '{"value":90,"comparator":">=","unit":"years","system":"http://unitsofmeasure.org","code":"a"}';
/** A bound of a Range must not have a comparator (sqty-1). */
const ninetyBound = '{"value":90,"unit":"years","system":"http://unitsofmeasure.org","code":"a"}';

/** A Quantity that tells an age: 90 and over becomes one category. */
export const ageTransform = (bound: boolean): Transform => {
  const category = bound ? ninetyBound : ninety;
  return (walk, node) => {
    const { tape } = walk;
    const value = member(tape, node, 'value');
    if (value < 0) return undefined;
    const years = Number(raw(tape, value)) / unitsPerYear(tape, node);
    if (!(years >= 0)) return null;
    // 89 and a half is still 89; the category begins at the ninetieth birthday.
    return years < OLDEST + 1 ? undefined : category;
  };
};

/** An age in years without a unit. */
const years: Transform = (walk, node) => {
  if (walk.tape.kind[node] !== KIND.number) return null;
  return Number(raw(walk.tape, node)) < OLDEST + 1 ? undefined : String(OLDEST + 1);
};

const unitsPerYear = (tape: Tape, node: number): number => {
  const code = stringOf(tape, member(tape, node, 'code')) ?? stringOf(tape, member(tape, node, 'unit')) ?? 'a';
  return perYear[code.toLowerCase()] ?? 1;
};

const partial = (options: MethodOptions): ((value: string) => string) => {
  const { last = 4, first = 0 } = options;
  return (value) => {
    const characters = [...value];
    // What is shown must never be most of the value.
    const shown = Math.floor(characters.length / 2);
    const head = Math.min(first, shown);
    const tail = Math.min(last, shown - head);
    return characters
      .map((character, i) => {
        if (i < head || i >= characters.length - tail) return character;
        return /[\p{L}\p{N}]/u.test(character) ? '*' : character;
      })
      .join('');
  };
};

const RENDERED = 'http://hl7.org/fhir/StructureDefinition/rendered-value';

/** The `_name` sibling that shows part of a value. */
export const partialSibling = (options: MethodOptions): Transform => {
  const hide = partial(options);
  return (walk, node) => {
    const value = stringOf(walk.tape, node);
    return value === undefined
      ? null
      : `{"extension":[{"url":"${RENDERED}","valueString":${JSON.stringify(hide(value))}}]}`;
  };
};

/** True when the sibling alone is there and shows no more than `partial` would: masking twice is masking once. */
export const isPartialSibling = (tape: Tape, node: number, options: MethodOptions): boolean => {
  const list = member(tape, node, 'extension');
  if (list < 0 || tape.kind[list] !== KIND.array || tape.next[list + 1] !== tape.next[list]) return false;
  const shown = stringOf(tape, member(tape, list + 1, 'valueString'));
  return (
    shown !== undefined &&
    shown === partial(options)(shown) &&
    stringOf(tape, member(tape, list + 1, 'url')) === RENDERED
  );
};

/** The value of a sibling member, for values that mean something only within their system. */
const siblingText = (walk: WalkState, name: string): string =>
  stringOf(walk.tape, member(walk.tape, walk.holder, name)) ?? '';

const quoted = (value: string | undefined, old: string): string | undefined | null =>
  value === undefined ? null : value === old ? undefined : `"${value}"`;

interface Memos {
  readonly ids: ByteMemo<string | undefined | null>;
  readonly references: ByteMemo<string | undefined | null>;
}
const memos = new WeakMap<Uint8Array, Memos>();
let memoKey: Uint8Array | undefined;
let memo: Memos | undefined;

const memosOf = (key: Uint8Array): Memos => {
  if (key === memoKey && memo !== undefined) return memo;
  let found = memos.get(key);
  if (found === undefined) {
    found = {
      ids: new ByteMemo((id) => (id === '' ? null : quoted(pseudonymOfId(key, id), id))),
      references: new ByteMemo((reference) => quoted(pseudonymOfReference(key, reference), reference)),
    };
    memos.set(key, found);
  }
  memoKey = key;
  memo = found;
  return found;
};

const pseudonymised = (place: LeafPlace): Transform => {
  if (place.parent === 'Reference' || place.type === 'uri' || place.type === 'canonical' || place.type === 'url') {
    return (walk, node) =>
      walk.tape.kind[node] === KIND.string ? memosOf(walk.key('pseudonym')).references.of(walk.tape, node) : null;
  }
  if (place.type === 'id') {
    return (walk, node) =>
      walk.tape.kind[node] === KIND.string ? memosOf(walk.key('pseudonym')).ids.of(walk.tape, node) : null;
  }
  return (walk, node) => {
    const value = stringOf(walk.tape, node);
    if (value === undefined) return null;
    const system = place.parent === 'Identifier' || place.parent === 'ContactPoint' ? siblingText(walk, 'system') : '';
    return quoted(pseudonymOfValue(walk.key('pseudonym'), system, value), value);
  };
};

const HASHED = /^hmac-[0-9a-f]{56}$/;

const hashed: Transform = (walk, node) => {
  const value = stringOf(walk.tape, node);
  if (value === undefined) return null;
  const key = walk.key('hash');
  // The last eight digits check the others, so that a hash of this key is known again.
  if (HASHED.test(value) && hex(keyedHash(key, value.slice(0, 53))).slice(0, 8) === value.slice(53)) return undefined;
  const body = `hmac-${hex(keyedHash(key, `hash|${value}`)).slice(0, 48)}`;
  return `"${body}${hex(keyedHash(key, body)).slice(0, 8)}"`;
};

const encrypted: Transform = (walk, node) => {
  const value = stringOf(walk.tape, node);
  return value === undefined ? null : JSON.stringify(encrypt(walk.key('encrypt'), value));
};

const decimals = (literal: string): number => (literal.split(/[eE]/)[0] ?? '').split('.')[1]?.length ?? 0;

const steps =
  (size: number): Transform =>
  (walk, node) => {
    if (walk.tape.kind[node] !== KIND.number) return null;
    const literal = raw(walk.tape, node);
    const floor = Math.floor(Number(literal) / size) * size;
    return Number(literal) === floor ? undefined : floor.toFixed(Math.min(decimals(String(size)), 12));
  };

const perturbed =
  (percent: number): Transform =>
  (walk, node) => {
    if (walk.tape.kind[node] !== KIND.number) return null;
    const literal = raw(walk.tape, node);
    const bytes = keyedHash(walk.key('perturb'), `${walk.patient() ?? ''}|${literal}`);
    const share = ((((bytes[0] as number) << 8) | (bytes[1] as number)) / 65535) * 2 - 1;
    const digits = decimals(literal);
    const moved = (Number(literal) * (1 + (share * percent) / 100)).toFixed(Math.min(digits, 15));
    return moved === literal ? undefined : moved;
  };

const prefix =
  (size: number): Transform =>
  (walk, node) => {
    const value = stringOf(walk.tape, node);
    if (value === undefined) return null;
    return value.length <= size ? undefined : JSON.stringify(value.slice(0, size).replace(/[.\-\s]+$/, ''));
  };

const mapped = (map: Readonly<Record<string, string>>): Transform => {
  const ancestors = new Map(Object.entries(map));
  const known = new Set(ancestors.values());
  return (walk, node) => {
    const value = stringOf(walk.tape, node) ?? '';
    const ancestor = ancestors.get(value);
    return ancestor === undefined ? (known.has(value) ? undefined : null) : JSON.stringify(ancestor);
  };
};

const postal: Transform = (walk, node) => {
  const value = stringOf(walk.tape, node);
  const digits = value === undefined ? undefined : zip3(value);
  if (digits === undefined) return null;
  return digits === value ? undefined : `"${digits}"`;
};

const scrubbed =
  (type: string): Transform =>
  (walk, node) => {
    const value = stringOf(walk.tape, node);
    if (value === undefined) return null;
    const clean = scrubText(value, walk, type === 'xhtml');
    return clean === value ? undefined : JSON.stringify(clean);
  };

const substituted = (value: unknown): Transform => {
  const json = JSON.stringify(value ?? '');
  return (walk, node) => (raw(walk.tape, node) === json ? undefined : json);
};

/** The transform of a method at a leaf; undefined when the method has nothing to do there. */
export const methodTransform = (
  method: MethodName,
  options: MethodOptions,
  place: LeafPlace,
): Transform | undefined => {
  if (!applies(method, options, place.type)) return undefined;
  switch (method) {
    case 'date-shift':
      return shifted(place.type, options);
    case 'generalise':
      switch (options.to) {
        case 'zip3':
          return postal;
        case 'steps':
          return steps(options.size ?? 10);
        case 'prefix':
          return prefix(options.size ?? 3);
        case 'map':
          return mapped(options.map ?? {});
        case 'ages':
          // Within a Quantity a number is an age by its unit, which the whole is judged by.
          return lineage(place.parent).includes('Quantity') ? onlyNumber : years;
        default:
          return generaliseDate(place.type, options.to ?? 'year', options.over ?? OLDEST);
      }
    case 'perturb':
      return perturbed(options.percent ?? 5);
    case 'scrub':
      return scrubbed(place.type);
    case 'partial':
      return partialSibling(options);
    case 'encrypt':
      return encrypted;
    case 'pseudonymise':
      return pseudonymised(place);
    case 'hash':
      return hashed;
    case 'substitute':
      return substituted(options.value);
    case 'redact':
    case 'remove':
    case 'hide':
      return gone;
    default:
      return undefined;
  }
};

const onlyNumber: Transform = (walk, node) => (walk.tape.kind[node] === KIND.number ? undefined : null);
const onlyBoolean: Transform = (walk, node) => {
  const kind = walk.tape.kind[node];
  return kind === KIND.true || kind === KIND.false ? undefined : null;
};
const vocabularyMemo = new ByteMemo((value) => vocabulary.has(value));
/** True when the string names a published vocabulary, profile or type. */
export const inVocabulary = (tape: Tape, node: number): boolean =>
  node >= 0 && tape.kind[node] === KIND.string && vocabularyMemo.of(tape, node);
const onlyVocabulary: Transform = (walk, node) => (inVocabulary(walk.tape, node) ? undefined : null);
const onlyNumbersInText: Transform = (walk, node) => {
  const value = stringOf(walk.tape, node);
  return value !== undefined &&
    /^\s*(?:(?:[-+]?\d{1,9}(?:\.\d{1,9})?(?:[eE][-+]?\d{1,3})?|[EUL])(?:\s+(?:[-+]?\d{1,9}(?:\.\d{1,9})?(?:[eE][-+]?\d{1,3})?|[EUL]))*\s*)?$/.test(
      value,
    )
    ? undefined
    : null;
};
/** A code without a list it must come from: of a published system (its Coding was judged), a language, a unit. */
const onlyWhere = (ask: (value: string) => boolean, slots?: number): Transform => {
  const memo = new ByteMemo(ask, slots);
  return (walk, node) => (walk.tape.kind[node] === KIND.string && memo.of(walk.tape, node) ? undefined : null);
};
/** What codes of the systems that everybody uses look like: there, a name or a number of a person is no code. */
const codeForms: ReadonlyMap<string, RegExp> = new Map([
  ['http://loinc.org', /^(?:\d{1,7}|L[APGLT]\d{1,8}|MTHU\d{1,7})-\d$/],
  ['http://snomed.info/sct', /^\d{6,18}$/],
  ['http://www.nlm.nih.gov/research/umls/rxnorm', /^\d{1,8}$/],
  ['http://hl7.org/fhir/sid/cvx', /^\d{1,3}$/],
  ['http://hl7.org/fhir/sid/icd-10', /^[A-Z]\d[\dA-Z](?:\.?[\dA-Z]{1,4})?$/],
  ['http://hl7.org/fhir/sid/icd-10-cm', /^[A-Z]\d[\dA-Z](?:\.?[\dA-Z]{1,4})?$/],
]);
/**
 * Units of UCUM: short symbols, what stands in brackets, numbers of few digits, and of annotations those in small letters. A
 * longer word is no unit.
 */
const unitForm =
  /^(?:[A-Za-z]{1,6}(?![A-Za-z])|\[[A-Za-z][\w'%-]{0,11}\]|\{(?:[A-Za-z]{1,4}|[a-z\d_.#%/-]{1,20})\}|\d{1,3}(?!\d)|[-+*./%'"^()!])+$/;
const onlyUnit = onlyWhere((value) => value.length <= 40 && unitForm.test(value) && !/\d{4}/.test(value));
/** The form of most codes of those systems: nothing else has it. */
const plainCode = /^\d{1,7}-\d$|^\d{1,18}$/;
const wordOf = new ByteMemo((value) =>
  /^[^\s"<>\\@]{1,100}$/.test(value) ? (plainCode.test(value) ? 'plain' : 'word') : 'no',
);
const formOf = new ByteMemo((system) => codeForms.get(system), 64);
const onlyCodeOfSystem: Transform = (walk, node) => {
  const { tape } = walk;
  const form = tape.kind[node] === KIND.string ? wordOf.of(tape, node) : 'no';
  if (form !== 'word') return form === 'plain' ? undefined : null;
  const system = member(tape, walk.holder, 'system');
  const expected = system >= 0 && tape.kind[system] === KIND.string ? formOf.of(tape, system) : undefined;
  return expected === undefined || expected.test(stringOf(tape, node) ?? '') ? undefined : null;
};
const bound = new Map<string, Transform>();
/** One for all places that are bound to the list. */
const onlyBound = (list: string): Transform => {
  const known = bound.get(list);
  if (known !== undefined) return known;
  const codes = codeSet(list);
  const made = onlyWhere((value) => codes.has(value), 64);
  bound.set(list, made);
  return made;
};
/** Codes without a list in the definitions, by the form their standards give them (BCP 47, BCP 13, ISO 4217, UCUM). */
const openCodes: readonly (readonly [RegExp, RegExp])[] = [
  [/\.language$|^Expression\.language$/, /^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}$/],
  [/contentType$|[Ff]ormat$|\.payloadMimeType$|\.payload$/, /^[a-z]+\/[\w.+-]{1,60}(?:; ?charset=[\w-]{1,12})?$/],
  [/^Money\.currency$/, /^[A-Z]{3}$/],
  [/\.(?:fhirVersion)$/, /^\d(?:\.\d){1,2}$/],
];
const onlyCode = (place: LeafPlace): Transform => {
  if (place.codes !== undefined) return onlyBound(place.codes);
  if (place.parent === 'Coding') return onlyCodeOfSystem;
  if (lineage(place.parent).includes('Quantity')) return onlyUnit;
  const form = openCodes.find(([where]) => where.test(`${place.parent}.${place.name}`))?.[1];
  if (form === undefined) return gone;
  return onlyWhere((value) => form.test(value), 64);
};

/** What is done by datatype to a leaf that no rule names, where the policy says `safe`. */
export const safeTransform = (place: LeafPlace): Transform => {
  if (place.parent === 'Reference' && place.name === 'reference') return pseudonymised(place);
  if (place.parent === 'SampledData' && place.name === 'data') return onlyNumbersInText;
  if (place.parent === 'Bundle.entry' && place.name === 'fullUrl') return urnOnly(place);
  switch (place.type) {
    case 'boolean':
      return onlyBoolean;
    case 'decimal':
    case 'integer':
    case 'positiveInt':
    case 'unsignedInt':
      return onlyNumber;
    case 'code':
      return onlyCode(place);
    case 'date':
    case 'dateTime':
    case 'instant':
      return generaliseDate(place.type, 'year', OLDEST);
    case 'uri':
    case 'canonical':
    case 'oid':
      return onlyVocabulary;
    case 'id':
      return place.name === 'id' ? pseudonymised(place) : gone;
    default:
      return gone;
  }
};

const urnOnly = (place: LeafPlace): Transform => {
  const inner = pseudonymised(place);
  return (walk, node) => (stringOf(walk.tape, node)?.startsWith('urn:uuid:') === true ? inner(walk, node) : null);
};
