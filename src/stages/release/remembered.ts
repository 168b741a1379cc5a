import { hash } from 'node:crypto';
import { BoundedMap } from '../../domain/bounded-map.ts';
import type { DataClassifier } from '../../domain/consent/classifier.ts';
import type { ResourceFacts } from '../../domain/consent/match.ts';
import type { Bases } from '../../domain/fhir/references.ts';
import { type Resolve, type Subjects, subjectsOf } from '../../domain/fhir/subjects.ts';
import type { Tape } from '../../domain/json/tape.ts';

/** Larger resources are not remembered; with the number of entries this bounds each memory to 64 MB. */
const LARGEST = 8192;
const ENTRIES = 8192;

/** Names a resource by its bytes; `undefined`: too large to remember. SHA-256 of 2 KB costs 2 us, what it saves costs fifty. */
export function contentName(tape: Tape, node: number): string | undefined {
  const start = tape.start[node] as number;
  const end = tape.end[node] as number;
  return end - start > LARGEST ? undefined : hash('sha256', tape.bytes.subarray(start, end), 'base64url');
}

/**
 * Remembers what follows from the bytes of a resource alone. Nothing that a patient decides is ever remembered: consent is asked anew of
 * every resource of every answer.
 */
export class Remembered<Value> {
  readonly #known = new BoundedMap<string, Value>(ENTRIES, ENTRIES >> 4);

  of(name: string | undefined, make: () => Value, keep: (value: Value) => boolean = () => true): Value {
    if (name === undefined) return make();
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const made = make();
    if (keep(made)) this.#known.set(name, made);
    return made;
  }
}

/** Whose a resource is, and what kind of data it is. */
export interface Content {
  readonly subjects: Subjects;
  readonly facts: ResourceFacts;
  /** It was told from the resource alone, not from what stands beside it. */
  readonly alone: boolean;
}

export function contentReader(bases: Bases) {
  const byClassifier = new WeakMap<DataClassifier, Remembered<Content>>();
  return (
    tape: Tape,
    node: number,
    name: string | undefined,
    classifier: DataClassifier,
    resolve: Resolve | undefined,
  ): Content => {
    let remembered = byClassifier.get(classifier);
    if (remembered === undefined) {
      remembered = new Remembered();
      byClassifier.set(classifier, remembered);
    }
    return remembered.of(
      name,
      () => {
        let alone = true;
        const noting: Resolve | undefined =
          resolve === undefined
            ? undefined
            : (reference) => {
                alone = false;
                return resolve(reference);
              };
        const subjects = subjectsOf(tape, node, bases, noting);
        // Alone it cannot be told: with other resources beside it the answer may differ.
        if (subjects.kind === 'unknown') alone = false;
        return { subjects, facts: classifier.classify(tape, node), alone };
      },
      ({ alone }) => alone,
    );
  };
}
