import { is, member, stringOf } from '../json/cursor.ts';
import type { Tape } from '../json/tape.ts';
import { eachAt } from './paths.ts';
import { type Bases, parseReference, type Reference } from './references.ts';
import { type Resolve, type Subjects, subjectsOf, type Target } from './subjects.ts';

/**
 * Resolves references among the entries of one Bundle: `urn:uuid:` by fullUrl, and `Type/id` by the id of an entry.
 * Where two entries answer to one name the name is ambiguous and resolves to nothing.
 *
 * In a request that is about to be carried out only what the upstream will do with an entry counts: a POST takes no id
 * from its resource, and a Patient that it makes is `fresh`. In an answer nobody is fresh: what has been stored as a
 * Bundle with requests in it is a record like any other, and its patients must be known.
 */
export const bundleReferences = (
  tape: Tape,
  bundle: number,
  bases: Bases,
  within: 'answer' | 'request' = 'answer',
): Resolve => {
  let targets: ReadonlyMap<string, Target | undefined> | undefined;
  const resolve: Resolve = (reference) => {
    const name = nameOf(reference);
    if (name === undefined) return undefined;
    // Most answers never ask: their resources name patients themselves.
    targets ??= gather(tape, bundle, bases, within, resolve);
    return targets.get(name);
  };
  return resolve;
};

const gather = (
  tape: Tape,
  bundle: number,
  bases: Bases,
  within: 'answer' | 'request',
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
    const request = within === 'request' ? member(tape, entry, 'request') : -1;
    const id = stringOf(tape, member(tape, resource, 'id'));
    const subjects = once(() => {
      if (type === 'Patient' && isPosted(tape, request)) {
        // With ifNoneExist an existing patient may be meant.
        return fullUrl === undefined || member(tape, request, 'ifNoneExist') >= 0
          ? NO_NAME
          : { kind: 'patients', ids: [], fresh: [fullUrl] };
      }
      if (!keepsId(tape, request, type, id)) return NO_NAME;
      return subjectsOf(tape, resource, bases, resolve);
    });
    const target = { type, subjects };
    const fromUrl = fullUrl === undefined ? undefined : parseReference(fullUrl, bases);
    if (fromUrl?.kind === 'urn') put(fromUrl.url, target);
    if (id !== undefined && keepsId(tape, request, type, id) && !isPosted(tape, request)) put(`${type}/${id}`, target);
  });
  return targets;
};

const NO_NAME: Subjects = { kind: 'unknown', why: 'the entry does not tell which resource it will be' };
const IN_A_CIRCLE: Subjects = { kind: 'unknown', why: 'resources own each other in a circle' };

/** Reckons at most once, and not within itself. */
const once = (reckon: () => Subjects): (() => Subjects) => {
  let known: Subjects | undefined;
  return () => {
    if (known === undefined) {
      known = IN_A_CIRCLE;
      known = reckon();
    }
    return known;
  };
};

const nameOf = (reference: Reference): string | undefined => {
  if (reference.kind === 'urn') return reference.url;
  return reference.kind === 'local' ? `${reference.type}/${reference.id}` : undefined;
};

const isPosted = (tape: Tape, request: number): boolean => {
  const method = member(tape, request, 'method');
  return method >= 0 && is(tape, method, 'POST');
};

/** False for an update whose URL does not name the resource's own id, such as a conditional one. */
const keepsId = (tape: Tape, request: number, type: string, id: string | undefined): boolean => {
  if (request < 0 || isPosted(tape, request)) return true;
  const method = member(tape, request, 'method');
  if (method >= 0 && !is(tape, method, 'PUT')) return true;
  return stringOf(tape, member(tape, request, 'url')) === `${type}/${id}`;
};
