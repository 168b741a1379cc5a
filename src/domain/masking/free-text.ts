import { member, text } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { commonNames } from './names.ts';
import type { WalkState } from './walk-state.ts';

const REDACTED = '[redacted]';

/** Members whose text names a person or tells how to reach one, wherever they stand in a resource. */
const telling = ['family', 'given', 'line', 'city', 'postalCode', 'authorString'];
const minWord = 3;

const gather = (tape: Tape, node: number, name: string, found: Set<string>): void => {
  const kind = tape.kind[node];
  if (kind === KIND.object) {
    const isIdentifier = member(tape, node, 'system') >= 0 && member(tape, node, 'code') < 0;
    for (let key = node + 1; key < (tape.next[node] as number); key = tape.next[key] as number) {
      const field = text(tape, key);
      const inReference = field === 'display' && member(tape, node, 'reference') >= 0;
      gather(
        tape,
        key + 1,
        inReference || (isIdentifier && field === 'value') || (field === 'text' && name === 'name') ? 'line' : field,
        found,
      );
    }
  } else if (kind === KIND.array) {
    for (let item = node + 1; item < (tape.next[node] as number); item = tape.next[item] as number) {
      gather(tape, item, name, found);
    }
  } else if (kind === KIND.string && telling.includes(name)) {
    const value = text(tape, node).trim();
    if (value.length >= minWord) found.add(value);
    for (const word of value.split(/[\s,;]+/)) {
      if (
        (word.length > minWord || (word.length === minWord && /^\p{Lu}/u.test(word))) &&
        !/^(?:street|avenue|road|suite|unit|apt|the|and|medical|center|hospital|clinic)$/i.test(word)
      ) {
        found.add(word);
      }
    }
  }
};

const known = new WeakMap<Tape, RegExp | null>();

const escaped = (word: string): string => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** One expression over every name, address and identifier that the document itself and the caller know. */
const knownWords = (walk: WalkState): RegExp | null => {
  let pattern = known.get(walk.tape);
  if (pattern === undefined) {
    const words = new Set<string>(walk.context.known ?? []);
    gather(walk.tape, 0, '', words);
    const list = [...words]
      .map((word) => word.normalize('NFC'))
      .filter((word) => word.length >= minWord)
      .sort((a, b) => b.length - a.length);
    pattern =
      list.length === 0
        ? null
        : new RegExp(`(?<![\\p{L}\\p{N}])(?:${list.map(escaped).join('|')})(?![\\p{L}\\p{N}])`, 'giu');
    known.set(walk.tape, pattern);
  }
  return pattern;
};

/** What gives a person away whoever it is; the order matters, as the longer forms come first. */
const months =
  'january|february|march|april|may|june|july|august|september|october|november|december|' +
  'januar|februar|märz|mai|juni|juli|oktober|dezember|januari|februari|maart|mei|augustus|' +
  'janvier|février|mars|avril|juin|juillet|août|septembre|octobre|novembre|décembre|' +
  'enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|' +
  'gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|dicembre|' +
  'janeiro|fevereiro|março|maio|junho|julho|setembro|outubro|dezembro|' +
  'jan|feb|mar|apr|jun|jul|aug|sept?|oct|okt|nov|dec|dez';
const patterns: readonly RegExp[] = [
  /\b(?:https?|ftp):\/\/[^\s"'<>]+|\bwww\.[^\s"'<>]+/gi,
  /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g,
  /\b(?:\d{1,3}\.){3}\d{1,3}\b/g,
  /\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{0,4}\b/gi,
  /\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi,
  /\b\d{4}-\d{2}-\d{2}(?:T[\d:.+Z-]*)?/g,
  /\b\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b/g,
  new RegExp(
    `(?<![\\p{L}\\d])\\d{1,2}(?:st|nd|rd|th|er|º|\\.)?\\s?(?:(?:of|de|d[’'])\\s?)?(?:${months})(?!\\p{L})\\.?(?:,?\\s+(?:de\\s+|del\\s+)?\\d{4})?`,
    'giu',
  ),
  new RegExp(`(?<!\\p{L})(?:${months})(?!\\p{L})\\.?\\s+\\d{1,4}(?:st|nd|rd|th)?(?!\\d)(?:,?\\s+\\d{4})?`, 'giu'),
  /\d{4}\s?年\s?\d{1,2}\s?月(?:\s?\d{1,2}\s?日)?/gu,
  /\b\d{3}-\d{2}-\d{4}\b/g,
  /(?:\+\d{1,3}[\s.-]?)?(?:\(\d{2,4}\)[\s.-]?|\b\d{2,4}[\s./-])\d{3,4}[\s.-]\d{3,5}\b/g,
  /\b\d{3}[-.]\d{4}\b/g,
  /\b(?:9\d|1[0-4]\d)[\s-]?(?:y\/?o\b|yo\b|years?[\s-]old|year[\s-]old|yrs?\b)/gi,
  /\b(?:aged?|age:?)\s*(?:9\d|1[0-4]\d)\b/gi,
  /\bninety(?:[\s-](?:one|two|three|four|five|six|seven|eight|nine))?\b|\bnineties\b|\bcentenarian\b/gi,
  /\b\d{1,5}\s+(?:[A-Z][\p{L}\d'-]*\s+){1,3}(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|court|ct|boulevard|blvd|way|place|pl|square|sq|trail|run|spur|terrace|highway|hwy)\b\.?/giu,
  /\b(?:mrn|ssn|dob|mbi|id|no|number|account|acct|policy|licen[cs]e|serial|lot|udi|vin|plate|room|bed)\s*[:#.=]\s*[\w-]{2,}/gi,
  /\b(?=[A-Z0-9-]*\d{4})[A-Z]{1,4}-?[0-9][A-Z0-9-]{4,}\b/g,
  /\b\d{6,}\b/g,
  /\b\d{5}(?:-\d{4})?\b/g,
  /\b(?:dr|mr|mrs|ms|miss|prof|nurse|sister|doctor|professor)\b\.?\s+\p{Lu}[\p{L}\d'’-]+(?:\s+\p{Lu}[\p{L}\d'’-]+){0,2}/giu,
  /\b\p{Lu}\p{Ll}+\d{2,}\b/gu,
];

const dictionary = new RegExp(`\\b(?:${commonNames.join('|')})\\b(?:\\s+\\p{Lu}[\\p{L}'’-]+)?`, 'gu');

/**
 * Free text without what gives a person away: first what the record itself knows of the patient and the staff it names,
 * then patterns, then common names. No such list is complete, so restricted roles drop free text outright.
 */
export const scrubText = (value: string, walk: WalkState, markup: boolean): string => {
  const clean = (text: string): string => {
    // A name is the same whether its accents are letters or marks of their own.
    const plain = text.normalize('NFC');
    const words = knownWords(walk);
    let out = words === null ? plain : plain.replace(words, REDACTED);
    for (const pattern of patterns) out = out.replace(pattern, REDACTED);
    out = out.replace(dictionary, REDACTED);
    return out === plain ? text : out;
  };
  if (!markup) return clean(value);
  // Of the markup only the plain tags stay: attributes and comments can carry anything.
  return value
    .replace(/<!--[\s\S]*?-->/g, '')
    .split(/(<[^>]*>)/)
    .map((part) => (part.startsWith('<') ? plainTag(part) : clean(part)))
    .join('');
};

const plainTag = (tag: string): string => {
  const match = /^<(\/?)([A-Za-z][A-Za-z0-9]*)/.exec(tag);
  if (match === null) return '';
  const name = (match[2] as string).toLowerCase();
  if (name === 'img') return '';
  const namespace =
    name === 'div' && match[1] === '' && tag.includes('xmlns=') ? ' xmlns="http://www.w3.org/1999/xhtml"' : '';
  return `<${match[1]}${name}${namespace}${tag.endsWith('/>') ? '/' : ''}>`;
};
