import { member, raw, stringOf } from '../../domain/json/cursor.ts';
import { KIND, type Tape } from '../../domain/json/tape.ts';
import type { JsonWriter } from '../../domain/json/writer.ts';
import { type IntegrityState, integrityExtension } from '../../domain/ledger/record-integrity.ts';
import type { ReleasedResource } from './resource.ts';

/** On the entry, not in the resource: a client that writes the resource back does not write this too, and no server can forge it. */
export const extensionOf = (integrity: IntegrityState | undefined): string =>
  integrity === undefined ? '' : `"extension":[{"url":"${integrityExtension}","valueCode":"${integrity}"}],`;

const modes: ReadonlySet<string> = new Set(['match', 'include']);

/** What else an entry tells: how it matched, or, in a history, what was done. URLs are rebuilt, never copied. */
export function entryTail(tape: Tape, entry: number, mode: string | undefined, released: ReleasedResource): string {
  let tail = mode !== undefined && modes.has(mode) ? `,"search":{"mode":"${mode}"}` : '';
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
