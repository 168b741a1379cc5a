import { mandatoryElements, summaryElements } from '../../domain/fhir/element-sets.ts';
import type { ResourceType } from '../../domain/fhir/interaction.ts';
import type { SearchQuery } from '../../domain/fhir/search.ts';
import { member, text } from '../../domain/json/cursor.ts';
import { scan } from '../../domain/json/scan.ts';
import { applySplices, mergeSplices, removeMembers, replaceNode } from '../../domain/json/splice.ts';
import { KIND, type Tape } from '../../domain/json/tape.ts';
import type { Splice } from '../../domain/masking/plan.ts';
import type { Planned } from '../exchange.ts';
import type { ReleasedResource } from './resource.ts';

/** `id` and `meta` carry identity and labels: a projection never drops the label that says something was masked. */
const always: ReadonlySet<string> = new Set(['resourceType', 'id', 'meta']);

/**
 * `_elements` and `_summary` (R4 search.html#elements, #summary), done here after masking: the upstream is asked for the
 * whole resource, because what it would leave out says whose the resource is.
 */
export function project(resource: ReleasedResource, part: Planned): Uint8Array {
  const query = 'query' in part.interaction ? part.interaction.query : undefined;
  const keeps = query === undefined ? undefined : keeperOf(query, resource.type);
  if (keeps === undefined) return resource.bytes;
  const scanned = scan(resource.bytes);
  if (!scanned.ok) throw new Error('a masked resource is not JSON');
  const { tape } = scanned;
  const dropped: number[] = [];
  for (let key = 1; key < (tape.next[0] as number); key = tape.next[key] as number) {
    const name = text(tape, key);
    const element = name.startsWith('_') ? name.slice(1) : name;
    if (!always.has(element) && !keeps(element)) dropped.push(key);
  }
  return applySplices(tape.bytes, mergeSplices(removeMembers(tape, 0, dropped), subsetted(tape)));
}

function keeperOf(query: SearchQuery, type: ResourceType): ((element: string) => boolean) | undefined {
  const { elements, summary } = query;
  const mandatory = mandatoryElements(type);
  if (elements !== undefined) {
    const wanted = new Set(elements.map((element) => element.split('.')[0] ?? element));
    return (element) => wanted.has(element) || mandatory.has(element);
  }
  switch (summary) {
    case 'true': {
      const inSummary = summaryElements(type);
      return (element) => inSummary.has(element) || mandatory.has(element);
    }
    case 'text':
      return (element) => element === 'text' || mandatory.has(element);
    case 'data':
      return (element) => element !== 'text';
    default:
      return undefined;
  }
}

const tag = '{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}';

/** R4 asks for the tag, so that a client does not write the part back as the whole. */
function subsetted(tape: Tape): readonly Splice[] {
  const meta = member(tape, 0, 'meta');
  if (meta < 0) {
    const start = (tape.start[0] as number) + 1;
    return [{ start, end: start, text: `"meta":{"tag":[${tag}]},` }];
  }
  const tags = member(tape, meta, 'tag');
  if (tags >= 0 && tape.kind[tags] === KIND.array) {
    const start = (tape.start[tags] as number) + 1;
    return [{ start, end: start, text: tape.next[tags] === tags + 1 ? tag : `${tag},` }];
  }
  if (tags >= 0) return [replaceNode(tape, tags, `[${tag}]`)];
  const start = (tape.start[meta] as number) + 1;
  return [{ start, end: start, text: tape.next[meta] === meta + 1 ? `"tag":[${tag}]` : `"tag":[${tag}],` }];
}
