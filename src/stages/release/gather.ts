import { nameOf } from '../../domain/fhir/request-references.ts';
import type { Resolve, Target } from '../../domain/fhir/subjects.ts';
import type { Limits } from '../../domain/json/fault.ts';
import type { Forward } from '../../ports.ts';
import { clearPage } from '../clear.ts';
import type { Planned } from '../exchange.ts';
import type { OwnerLookup } from '../owners.ts';
import type { StageContext } from '../stage.ts';
import type { Listing, Tally, UpstreamPage } from './bundle.ts';
import { isList, replyOf } from './reply.ts';

/** What was fetched beside the answer, because the answer alone did not do. */
export interface Beside {
  readonly owners?: Resolve;
  readonly listings: ReadonlyMap<Planned, Listing>;
}

export interface GatherParts {
  readonly limits: Limits;
  readonly owners: OwnerLookup;
  /** Reads a further page of a judged search. Never rejects. */
  readonly further: Forward;
}

/** Times an answer is judged again with more at hand. */
const ROUNDS = 25;
/** Resources looked up for one answer; what would take more stays withheld. */
const MOST_LOOKED_UP = 500;
/** Pages of the upstream beyond the first that are read to fill one; then a page may be short, and has a next one. */
const MOST_PAGES = 20;

/** What an attempt at an answer lacked. */
type Wanting = Pick<Tally, 'needs' | 'more'>;

export const isWanting = ({ needs, more }: Wanting): boolean => needs.size > 0 || more.size > 0;

/**
 * Where the answer alone does not tell whose something is, what it is about is read; where a page is not full, the next one
 * is. Then the whole is judged again.
 */
export async function gathered<Attempt extends { readonly tally: Wanting }>(
  parts: GatherParts,
  first: Attempt,
  again: (beside: Beside) => Attempt | Promise<Attempt>,
  context: StageContext,
): Promise<Attempt> {
  const owners = new Map<string, Target>();
  const resolve: Resolve = (reference) => owners.get(nameOf(reference) ?? '');
  const asked = new Set<string>();
  const listings = new Map<Planned, Listing>();
  let last = first;
  for (let round = 0; round < ROUNDS && isWanting(last.tally); round += 1) {
    const wanted = [...last.tally.needs].filter(([name]) => !asked.has(name)).slice(0, MOST_LOOKED_UP - asked.size);
    if (wanted.length === 0 && last.tally.more.size === 0) break;
    for (const [name] of wanted) asked.add(name);
    const pages = [...last.tally.more].map(async ([part, path]) => {
      const known = listings.get(part) ?? { pages: [], ended: false };
      const page = known.pages.length < MOST_PAGES ? await pageAt(parts, path, context) : undefined;
      listings.set(
        part,
        page === undefined ? { ...known, ended: true } : { pages: [...known.pages, page], ended: false },
      );
    });
    const looked =
      wanted.length === 0
        ? undefined
        : parts.owners(
            wanted.map(([, each]) => each),
            resolve,
            context.signal,
          );
    await Promise.all(pages);
    const { found, failed: missed } = (await looked) ?? { found: new Map<string, Target>(), failed: false };
    if (missed) context.telemetry.failed('owners', 'UpstreamFault');
    for (const [name, target] of found) owners.set(name, target);
    last = await again({ owners: resolve, listings });
  }
  return last;
}

/** Undefined: it cannot be had, and the caller's page ends here with a link to it. */
async function pageAt(parts: GatherParts, path: string, context: StageContext): Promise<UpstreamPage | undefined> {
  const response = await parts.further(clearPage(path), context.signal);
  const read = response.kind === 'answer' && response.status === 200 ? replyOf(response, parts.limits) : undefined;
  if (read === undefined || 'code' in read || read.tape === undefined || !isList(read.tape, read.node)) {
    context.telemetry.failed('further-page', 'UpstreamFault');
    return undefined;
  }
  return { tape: read.tape, node: read.node, path };
}
