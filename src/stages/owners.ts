import type { Bases, LocalReference } from '../domain/fhir/references.ts';
import { type Resolve, type Subjects, subjectsOf, type Target } from '../domain/fhir/subjects.ts';
import { is, member, stringOf } from '../domain/json/cursor.ts';
import type { Limits } from '../domain/json/fault.ts';
import { scan } from '../domain/json/scan.ts';
import { KIND, type Tape } from '../domain/json/tape.ts';
import { ownRead } from '../domain/upstream.ts';
import type { UpstreamReader } from '../ports.ts';

export interface OwnerParts {
  readonly reader: UpstreamReader;
  readonly limits: Limits;
  readonly bases: Bases;
}

/** Reads resources that tell whose another is. What is not found stays unknown, and what hangs on it is withheld. */
export type OwnerLookup = (
  references: readonly LocalReference[],
  /** How their own references are resolved in turn. */
  resolve: Resolve,
  signal: AbortSignal,
) => Promise<{ readonly found: ReadonlyMap<string, Target>; readonly failed: boolean }>;

/** Ids asked for in one request: a URL has its limits. */
const AT_ONCE = 50;

export function ownerLookup({ reader, limits, bases }: OwnerParts): OwnerLookup {
  return async (references, resolve, signal) => {
    const found = new Map<string, Target>();
    let failed = false;
    const asked = [...byType(references)].map(async ([type, ids]) => {
      const path = `/${type}?_id=${ids.join(',')}&_count=${ids.length}`;
      const response = await reader.read(ownRead(path), signal);
      const scanned = response.kind === 'answer' && response.status === 200 ? scan(response.body, limits) : undefined;
      if (scanned?.ok !== true) {
        failed = true;
        return;
      }
      const { tape } = scanned;
      for (const node of resourcesIn(tape)) {
        const id = stringOf(tape, member(tape, node, 'id'));
        if (id === undefined || !is(tape, member(tape, node, 'resourceType'), type)) continue;
        found.set(`${type}/${id}`, { type, subjects: unlessWithin(() => subjectsOf(tape, node, bases, resolve)) });
      }
    });
    await Promise.all(asked);
    return { found, failed };
  };
}

/** Reckoned anew each time, for more may be at hand by then; but never within itself. */
function unlessWithin(reckon: () => Subjects): () => Subjects {
  let within = false;
  return () => {
    if (within) return { kind: 'unknown', why: 'resources own each other in a circle' };
    within = true;
    try {
      return reckon();
    } finally {
      within = false;
    }
  };
}

function* byType(references: readonly LocalReference[]): Generator<readonly [string, readonly string[]]> {
  const ids = new Map<string, string[]>();
  for (const { type, id } of references) ids.set(type, [...(ids.get(type) ?? []), id]);
  for (const [type, all] of ids)
    for (let at = 0; at < all.length; at += AT_ONCE) yield [type, all.slice(at, at + AT_ONCE)];
}

function* resourcesIn(tape: Tape): Generator<number> {
  const entries = member(tape, 0, 'entry');
  if (entries < 0 || tape.kind[entries] !== KIND.array) return;
  for (let entry = entries + 1; entry < (tape.next[entries] as number); entry = tape.next[entry] as number) {
    const node = member(tape, entry, 'resource');
    if (node >= 0) yield node;
  }
}
