import type { Bases } from '../../domain/fhir/references.ts';
import { parseReference } from '../../domain/fhir/references.ts';
import { member, stringOf } from '../../domain/json/cursor.ts';
import { KIND, type Tape } from '../../domain/json/tape.ts';

interface Entry {
  readonly tape: Tape;
  readonly resource: number;
  readonly mode: string | undefined;
}

/**
 * Of the entries that may leave, those that a released match brought: an include that hangs on a withheld match alone would
 * tell that the match is there (the practitioner who wrote the hidden note).
 */
export function tied<E extends Entry>(entries: readonly E[], bases: Bases): readonly E[] {
  if (!entries.some(({ mode }) => mode === 'include')) return entries;
  const kept = new Set<E>();
  const names = new Set<string>();
  const pointedAt = new Set<string>();
  const keep = (entry: E): void => {
    kept.add(entry);
    for (const name of namesOf(entry)) names.add(name);
    for (const name of pointersOf(entry, bases)) pointedAt.add(name);
  };
  for (const entry of entries) if (entry.mode !== 'include') keep(entry);
  // With :iterate one include brings another: again until nothing more is reached.
  for (let before = -1; before !== kept.size; ) {
    before = kept.size;
    for (const entry of entries) {
      if (kept.has(entry)) continue;
      const reached =
        namesOf(entry).some((name) => pointedAt.has(name)) || pointersOf(entry, bases).some((name) => names.has(name));
      if (reached) keep(entry);
    }
  }
  return entries.filter((entry) => kept.has(entry));
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
