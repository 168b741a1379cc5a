import { member, stringOf } from '../json/cursor.ts';
import type { Tape } from '../json/tape.ts';
import { eachAt } from './paths.ts';
import { type Bases, parseReference } from './references.ts';
import { nameOf, once } from './request-references.ts';
import { type Resolve, subjectsOf, type Target } from './subjects.ts';

/**
 * Resolves references among the entries of one Bundle in an answer: `urn:uuid:` by fullUrl, and `Type/id` by the id of an
 * entry. Where two entries answer to one name the name is ambiguous and resolves to nothing. What has been stored as a
 * Bundle with requests in it is a record like any other: nobody in it is new, and its patients must be known.
 */
export const bundleReferences = (tape: Tape, bundle: number, bases: Bases, around?: Resolve): Resolve => {
  let targets: ReadonlyMap<string, Target | undefined> | undefined;
  const resolve: Resolve = (reference) => {
    const name = nameOf(reference);
    if (name === undefined) return undefined;
    // Most answers never ask: their resources name patients themselves.
    targets ??= gather(tape, bundle, bases, resolve);
    return targets.has(name) ? targets.get(name) : around?.(reference);
  };
  return resolve;
};

const gather = (
  tape: Tape,
  bundle: number,
  bases: Bases,
  resolve: Resolve,
): ReadonlyMap<string, Target | undefined> => {
  const targets = new Map<string, Target | undefined>();
  const put = (name: string, target: Target): void => {
    targets.set(name, targets.has(name) ? undefined : target);
  };
  eachAt(tape, bundle, 'entry', (entry) => {
    const resource = member(tape, entry, 'resource');
    const type = stringOf(tape, member(tape, resource, 'resourceType'));
    if (type === undefined) return;
    const fullUrl = stringOf(tape, member(tape, entry, 'fullUrl'));
    const id = stringOf(tape, member(tape, resource, 'id'));
    const target = { type, subjects: once(() => subjectsOf(tape, resource, bases, resolve)) };
    const fromUrl = fullUrl === undefined ? undefined : parseReference(fullUrl, bases);
    if (fromUrl?.kind === 'urn') put(fromUrl.url, target);
    if (id !== undefined) put(`${type}/${id}`, target);
  });
  return targets;
};
