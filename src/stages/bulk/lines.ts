import type { BulkFile } from '../../domain/fhir/bulk-manifest.ts';
import type { LocalReference } from '../../domain/fhir/references.ts';
import { nameOf } from '../../domain/fhir/request-references.ts';
import type { Resolve, Target } from '../../domain/fhir/subjects.ts';
import { is, member } from '../../domain/json/cursor.ts';
import type { Scan } from '../../domain/json/scan.ts';
import type { Tape } from '../../domain/json/tape.ts';
import type { Planned } from '../exchange.ts';
import type { OwnerLookup } from '../owners.ts';
import type { ReleaseAny } from '../release/container.ts';
import type { ReleasedResource, WithheldResource } from '../release/resource.ts';
import { inSlices } from '../steps.ts';

export interface LineParts {
  readonly release: ReleaseAny;
  readonly owners: OwnerLookup;
}

/** A line as it may leave; `undefined`: it may not. `torn`: it is no JSON, and nothing after it is to be trusted. */
export type JudgedLine = ReleasedResource | undefined | 'torn';

/** Lines that are judged together, so that their owners are looked up together: as many, or as much. */
const AT_ONCE = 100;
const AT_ONCE_BYTES = 256 * 1024;
/** What an owner hangs on in turn. */
const ROUNDS = 4;
/** Resources looked up for one file; what would take more stays withheld. */
const MOST_LOOKED_UP = 20_000;

type Outcome = ReleasedResource | WithheldResource;

/** The lines of a file in their order. Never more of them in memory than are judged together. */
export async function* judgedLines(
  parts: LineParts,
  part: Planned,
  file: BulkFile,
  lines: AsyncIterable<Scan>,
  signal: AbortSignal,
): AsyncGenerator<JudgedLine> {
  let left = MOST_LOOKED_UP;
  let tapes: Tape[] = [];
  let size = 0;
  for await (const line of lines) {
    if (line.ok) {
      tapes.push(line.tape);
      size += line.tape.bytes.length;
      if (tapes.length < AT_ONCE && size < AT_ONCE_BYTES) continue;
    }
    yield* together();
    if (!line.ok) {
      yield 'torn';
      return;
    }
  }
  yield* together();

  async function* together(): AsyncGenerator<JudgedLine> {
    const judged = await judge(tapes);
    tapes = [];
    size = 0;
    for (const outcome of judged) yield outcome?.kind === 'released' ? outcome : undefined;
  }

  /** A line of another type than its file says is not what was asked for. */
  async function judge(batch: readonly Tape[]): Promise<(Outcome | undefined)[]> {
    const outcomes: (Outcome | undefined)[] = [];
    for (const tape of batch)
      outcomes.push(
        is(tape, member(tape, 0, 'resourceType'), file.type) ? await inSlices(parts.release(tape, 0, part)) : undefined,
      );
    const owners = new Map<string, Target>();
    const asked = new Set<string>();
    const resolve: Resolve = (reference) => owners.get(nameOf(reference) ?? '');
    for (let round = 0; round < ROUNDS; round += 1) {
      const wanted = wantedOf(outcomes, asked).slice(0, left);
      if (wanted.length === 0) break;
      left -= wanted.length;
      const { found } = await parts.owners(wanted, resolve, signal);
      for (const [name, target] of found) owners.set(name, target);
      for (const [at, tape] of batch.entries())
        if (needsOf(outcomes[at]).length > 0) outcomes[at] = await inSlices(parts.release(tape, 0, part, resolve));
    }
    return outcomes;
  }
}

function wantedOf(outcomes: readonly (Outcome | undefined)[], asked: Set<string>): readonly LocalReference[] {
  const wanted: LocalReference[] = [];
  for (const need of outcomes.flatMap(needsOf)) {
    const name = `${need.type}/${need.id}`;
    if (asked.has(name)) continue;
    asked.add(name);
    wanted.push(need);
  }
  return wanted;
}

const needsOf = (outcome: Outcome | undefined): readonly LocalReference[] =>
  outcome?.kind === 'withheld'
    ? (outcome.needs ?? []).flatMap((need): LocalReference[] => (need.kind === 'local' ? [need] : []))
    : [];
