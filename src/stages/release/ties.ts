import type { Bases } from '../../domain/fhir/references.ts';
import { parseReference } from '../../domain/fhir/references.ts';
import { member, stringOf } from '../../domain/json/cursor.ts';
import { KIND, type Tape } from '../../domain/json/tape.ts';
import type { Steps } from '../../domain/steps.ts';

interface Entry {
  readonly tape: Tape;
  readonly resource: number;
  readonly mode: string | undefined;
}

/**
 * Of the entries that may leave, those that a released match brought: an include that hangs on a withheld match alone would
 * tell that the match is there (the practitioner who wrote the hidden note).
 */
export function* tied<E extends Entry>(entries: readonly E[], bases: Bases): Steps<readonly E[]> {
  if (!entries.some(({ mode }) => mode === 'include')) return entries;
  const kept = new Set<E>();
  const names = new Set<string>();
  const pointedAt = new Set<string>();
  const includes: { readonly entry: E; readonly own: readonly string[]; readonly pointers: readonly string[] }[] = [];
  for (const entry of entries) {
    yield undefined;
    const own = namesOf(entry);
    const pointers = pointersOf(entry, bases);
    if (entry.mode === 'include') includes.push({ entry, own, pointers });
    else keep(entry, own, pointers);
  }
  // With :iterate one include brings another: again until nothing more is reached.
  for (let before = -1; before !== kept.size; ) {
    before = kept.size;
    for (const { entry, own, pointers } of includes) {
      yield undefined;
      if (kept.has(entry)) continue;
      if (own.some((name) => pointedAt.has(name)) || pointers.some((name) => names.has(name)))
        keep(entry, own, pointers);
    }
  }
  return entries.filter((entry) => kept.has(entry));

  function keep(entry: E, own: readonly string[], pointers: readonly string[]): void {
    kept.add(entry);
    for (const name of own) names.add(name);
    for (const name of pointers) pointedAt.add(name);
  }
}

/** `Type/id`, and the canonical URL of what has one. */
function namesOf({ tape, resource: node }: Entry): readonly string[] {
  const type = stringOf(tape, member(tape, node, 'resourceType'));
  const id = stringOf(tape, member(tape, node, 'id'));
  const url = stringOf(tape, member(tape, node, 'url'));
  return [...(type === undefined || id === undefined ? [] : [`${type}/${id}`]), ...(url === undefined ? [] : [url])];
}

/** What the resource refers to: literal references without their version, and every other text that is an address. */
function pointersOf({ tape, resource: node }: Entry, bases: Bases): readonly string[] {
  const found: string[] = [];
  const past = tape.next[node] as number;
  for (let at = node + 1; at < past; at += 1) {
    if (tape.kind[at] !== KIND.string) continue;
    const text = stringOf(tape, at);
    if (text?.includes('/') !== true || text.length > 2000) continue;
    const reference = parseReference(text, bases);
    found.push(reference.kind === 'local' ? `${reference.type}/${reference.id}` : (text.split('|')[0] ?? text));
  }
  return found;
}
