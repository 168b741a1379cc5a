import { is, member, raw, stringOf } from '../../domain/json/cursor.ts';
import { KIND, type Tape } from '../../domain/json/tape.ts';
import type { JsonWriter } from '../../domain/json/writer.ts';
import { type IntegrityState, integrityExtension } from '../../domain/ledger/record-integrity.ts';
import type { ReleasedResource } from './resource.ts';

/** On the entry, not in the resource: a client that writes the resource back does not write this too, and no server can forge it. */
export const extensionOf = (integrity: IntegrityState | undefined): string =>
  integrity === undefined ? '' : `"extension":[{"url":"${integrityExtension}","valueCode":"${integrity}"}],`;

const modes: ReadonlySet<string> = new Set(['match', 'include']);

const grades: ReadonlySet<string | undefined> = new Set(['certain', 'probable', 'possible', 'certainly-not']);

/**
 * How well a candidate of $match fits (R4 patient-operation-match). It is reckoned from what was sent, and whoever sends an
 * element that is masked for them was refused; of any other search it could be reckoned from what nobody judged.
 */
function likeness(tape: Tape, search: number): string {
  const score = member(tape, search, 'score');
  const told = score >= 0 && tape.kind[score] === KIND.number ? raw(tape, score) : '';
  const extension = member(tape, search, 'extension');
  const grade = extension < 0 ? undefined : stringOf(tape, member(tape, extension + 1, 'valueCode'));
  return (
    (/^(?:0(?:\.\d{1,17})?|1(?:\.0{1,17})?)$/.test(told) ? `,"score":${told}` : '') +
    (grades.has(grade) && is(tape, member(tape, extension + 1, 'url'), matchGrade)
      ? `,"extension":[{"url":"${matchGrade}","valueCode":"${grade}"}]`
      : '')
  );
}

const matchGrade = 'http://hl7.org/fhir/StructureDefinition/match-grade';

/** What else an entry tells: how it matched, or, in a history, what was done. URLs are rebuilt, never copied. */
export function entryTail(
  tape: Tape,
  entry: number,
  mode: string | undefined,
  released: ReleasedResource,
  matched = false,
): string {
  const fits = matched ? likeness(tape, member(tape, entry, 'search')) : '';
  let tail = mode !== undefined && modes.has(mode) ? `,"search":{"mode":"${mode}"${fits}}` : '';
  const request = member(tape, entry, 'request');
  if (request >= 0) {
    const method = stringOf(tape, member(tape, request, 'method')) ?? 'GET';
    const url = released.id === undefined ? released.type : `${released.type}/${released.id}`;
    tail += `,"request":${JSON.stringify({ method, url })}`;
  }
  const response = member(tape, entry, 'response');
  if (response >= 0) {
    const status = member(tape, response, 'status');
    if (status >= 0)
      tail += `,"response":{"status":${tape.kind[status] === KIND.string ? raw(tape, status) : '"200"'}}`;
  }
  return tail;
}

/** One entry of a Bundle as it leaves. */
export function writeEntry(
  into: JsonWriter,
  tape: Tape,
  entry: number,
  released: ReleasedResource,
  fullUrl: string | undefined,
): void {
  const mode = stringOf(tape, member(tape, member(tape, entry, 'search'), 'mode'));
  const url = fullUrl === undefined ? '' : `"fullUrl":${JSON.stringify(fullUrl)},`;
  into.text(`{${extensionOf(released.integrity)}${url}"resource":`);
  into.bytes(released.bytes).text(`${entryTail(tape, entry, mode, released)}}`);
}
