import { is, member, stringOf, text } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import { classBit, everyClass } from './bits.ts';
import { labelOf } from './labels.ts';
import type { ResourceFacts } from './match.ts';
import { resourceDates } from './resource-dates.ts';
import { type CodeHit, codeIndex, type ValueSet } from './value-set.ts';

/** Tells what a resource is. Compiled once from the value sets; the work is one pass over the resource. */
export interface DataClassifier {
  /** Names the value sets in the ledger. */
  readonly version: string;
  /** `resource` is the node of a resource object. */
  classify(tape: Tape, resource: number): ResourceFacts;
  /** Every class that a resource of the type may be, for the question before the call. */
  possible(type: string): number;
  /** The sets that hold a code, for tests of the sets and for explanations. */
  sets(system: string, code: string): readonly CodeHit[];
}

const other = classBit('other');

export const classifier = (sets: readonly ValueSet[], version: string): DataClassifier => {
  const index = codeIndex(sets);
  const byType = new Map<string, { classes: number; labels: number }>();
  const possible = new Map<string, number>();
  let anywhere = other;
  for (const set of sets) {
    for (const type of set.types) {
      const bits = byType.get(type) ?? { classes: 0, labels: 0 };
      bits.classes |= set.classes;
      bits.labels |= set.labels;
      byType.set(type, bits);
    }
    for (const type of [...set.types, ...set.only]) possible.set(type, (possible.get(type) ?? 0) | set.classes);
    if (set.codes.length > 0 && set.only.length === 0) anywhere |= set.classes;
  }

  const classify = (tape: Tape, resource: number): ResourceFacts => {
    const type = stringOf(tape, member(tape, resource, 'resourceType')) ?? '';
    const own = byType.get(type);
    let classes = own?.classes ?? 0;
    let labels = own?.labels ?? 0;
    const { kind, next } = tape;
    const past = next[resource] as number;
    // Contained resources are part of this one: their labels count, their classes do not.
    const contained = member(tape, resource, 'contained');
    const containedPast = contained < 0 ? -1 : (next[contained] as number);
    for (let node = resource; node < past; node += 1) {
      if (kind[node] !== KIND.object) continue;
      let system = -1;
      let code = -1;
      const end = next[node] as number;
      for (let key = node + 1; key < end; key = next[key] as number) {
        // The length settles most keys; a longer one may be an escaped spelling.
        const length = (tape.end[key] as number) - (tape.start[key] as number) - 2;
        if (length < 4 || length === 5 || length === 7) continue;
        const value = kind[key + 1];
        if (value === KIND.string) {
          if (length !== 4 && is(tape, key, 'system')) system = key + 1;
          else if (length !== 6 && is(tape, key, 'code')) code = key + 1;
        } else if (value === KIND.array && length >= 8 && is(tape, key, 'security')) {
          labels |= securityLabels(tape, key + 1);
        }
      }
      if (system < 0 || code < 0) continue;
      for (const hit of index.find(tape, system, code)) {
        labels |= hit.labels;
        const inside = node > contained && node < containedPast;
        if (!inside && (hit.only === undefined || hit.only.has(type))) classes |= hit.classes;
      }
    }
    const dates = resourceDates(tape, resource);
    return { classes: classes === 0 ? other : classes, labels, ...(dates === undefined ? {} : { dates }) };
  };

  return {
    version,
    classify,
    possible: (type) => {
      const bits = possible.get(type);
      if (bits === undefined) return anywhere;
      return ((byType.get(type)?.classes ?? 0) === 0 ? bits | other : bits) & everyClass;
    },
    sets: (system, code) => index.findText(system, code),
  };
};

/** The labels of a resource's own `meta.security`, not of what it holds. */
export const labelsOf = (tape: Tape, resource: number): number => {
  const labels = member(tape, member(tape, resource, 'meta'), 'security');
  return labels < 0 || tape.kind[labels] !== KIND.array ? 0 : securityLabels(tape, labels);
};

/** The labels of `meta.security`, by code: a label whose system was left out still counts. */
const securityLabels = (tape: Tape, array: number): number => {
  let labels = 0;
  const past = tape.next[array] as number;
  for (let coding = array + 1; coding < past; coding = tape.next[coding] as number) {
    const code = member(tape, coding, 'code');
    if (code >= 0 && tape.kind[code] === KIND.string) labels |= labelOf(text(tape, code));
  }
  return labels;
};
