import { resourceId } from '../domain/fhir/ids.ts';
import type { PatientId, ResourceId, ResourceType } from '../domain/fhir/interaction.ts';
import type { Bases } from '../domain/fhir/references.ts';
import { toUpstream } from '../domain/fhir/request.ts';
import type { SearchQuery } from '../domain/fhir/search.ts';
import { matchesQuery } from '../domain/fhir/search-match.ts';
import { searchParameter } from '../domain/fhir/search-parameters.ts';
import { is, member, stringOf } from '../domain/json/cursor.ts';
import type { Limits } from '../domain/json/fault.ts';
import { scan } from '../domain/json/scan.ts';
import { KIND, type Tape } from '../domain/json/tape.ts';
import { type Problem, problem } from '../domain/problem.ts';
import { ownRead } from '../domain/upstream.ts';
import type { UpstreamReader } from '../ports.ts';
import { forwarded } from './clear.ts';
import type { Planned } from './exchange.ts';
import { linkedPage } from './release/links.ts';
import type { ResourceReleaseParts } from './release/resource.ts';

export interface MatchParts {
  readonly reader: UpstreamReader;
  readonly limits: Limits;
  readonly bases: Bases;
  readonly right: ResourceReleaseParts['right'];
}

/** One resource that meets the criteria and that the caller may see. */
export interface Match {
  readonly id: ResourceId;
  readonly versionId: string | undefined;
  readonly patients: readonly PatientId[];
}

export interface Matches {
  /** The first two: more than one is many. */
  readonly visible: readonly Match[];
  /** Some meet the criteria that the caller may not see. */
  readonly hidden: boolean;
}

const PAGE = 100;
/** Criteria that are meant for one resource match few; ones that match more than these pages hold select nothing. */
const MOST_PAGES = 10;

/**
 * What of the FHIR server meets a judged search, as far as the caller may see it. Every page is read, up to a bound: who
 * looks at the first page alone takes a record on the second for one that is not there.
 */
export async function matchesOf(
  search: Planned,
  type: ResourceType,
  parts: MatchParts,
  signal: AbortSignal,
): Promise<Matches | Problem> {
  const visible: Match[] = [];
  let hidden = false;
  let path: string | undefined = toUpstream(forwarded(search, PAGE)).path;
  for (let pages = 0; path !== undefined; pages += 1) {
    if (pages === MOST_PAGES) return problem('precondition-failed');
    const response = await parts.reader.read(ownRead(path), signal);
    if (response.kind === 'fault') return problem(response.code);
    if (response.status !== 200) return problem(response.status < 500 ? 'upstream-refused' : 'upstream-error');
    const scanned = scan(response.body, parts.limits);
    if (!scanned.ok || !is(scanned.tape, member(scanned.tape, 0, 'resourceType'), 'Bundle'))
      return problem('upstream-malformed');
    const { tape } = scanned;
    for (const node of resourcesOf(tape, type)) {
      if (!meets(tape, node, type, search)) return problem('upstream-malformed');
      const id = resourceId(stringOf(tape, member(tape, node, 'id')) ?? '');
      const right = parts.right(tape, node, type, search, undefined, undefined);
      if (id === undefined || right.kind !== 'may') {
        hidden = true;
        continue;
      }
      visible.push({
        id,
        versionId: stringOf(tape, member(tape, member(tape, node, 'meta'), 'versionId')),
        patients: right.patients,
      });
      if (visible.length > 1) return { visible, hidden };
    }
    path = linkedPage(tape, 0, parts.bases);
  }
  return { visible, hidden };
}

function* resourcesOf(tape: Tape, type: ResourceType): Generator<number> {
  const entries = member(tape, 0, 'entry');
  if (entries < 0 || tape.kind[entries] !== KIND.array) return;
  for (let entry = entries + 1; entry < (tape.next[entries] as number); entry = tape.next[entry] as number) {
    const node = member(tape, entry, 'resource');
    if (node >= 0 && is(tape, member(tape, node, 'resourceType'), type)) yield node;
  }
}

/**
 * False when a server has plainly ignored a criterion: what it then calls a match is some other record, and a write would go
 * there. Held against are the criteria that mean one thing on every server.
 */
function meets(tape: Tape, node: number, type: ResourceType, { interaction }: Planned): boolean {
  const { criteria } = (interaction as { readonly query: SearchQuery }).query;
  return criteria
    .filter(
      ({ code, modifier, chain, has }) =>
        (code === '_id' || code === 'identifier') &&
        searchParameter(type, code)?.kind === 'token' &&
        modifier === undefined &&
        chain.length === 0 &&
        has.length === 0,
    )
    .every((criterion) => matchesQuery(tape, node, type, { criteria: [criterion], includes: [], sort: [] }));
}
