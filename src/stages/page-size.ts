import type { Planned } from './exchange.ts';

/** Without `_count` a page has this many. */
const DEFAULT = 50;
/** Fewer are never asked for: of a page that is mostly withheld the rest is at hand. */
const LEAST = 20;

type Listed = Pick<Planned, 'interaction'>;

const asked = ({ interaction }: Listed): number | undefined => {
  switch (interaction.kind) {
    case 'search':
    case 'history':
      return interaction.query.count;
    case 'operation': {
      const count = interaction.query.criteria.find(({ name }) => name === '_count')?.value;
      return count === undefined ? interaction.query.count : Number(count);
    }
    default:
      return undefined;
  }
};

/** R4 search.html#count: `_count=0` is a count as `_summary=count` is. */
export const countsOnly = (part: Listed): boolean =>
  part.interaction.kind === 'search' && (part.interaction.query.summary === 'count' || asked(part) === 0);

/** R4 search.html#total: the caller wants to know how many there are in all, beside the first page of them. */
export const countsAll = (part: Pick<Planned, 'interaction' | 'page'>): boolean =>
  part.interaction.kind === 'search' && part.interaction.query.total === 'accurate' && part.page === undefined;

/** How many matches the caller's page has when it is full. Operations answer with all there is unless they are asked for less. */
export const wantedOf = (part: Listed): number =>
  countsOnly(part)
    ? Number.POSITIVE_INFINITY
    : (asked(part) ?? (part.interaction.kind === 'operation' ? Number.POSITIVE_INFINITY : DEFAULT));

/** What is asked of the upstream for it: one more, so that the same request tells whether there is a next page. */
export const upstreamCount = (part: Pick<Planned, 'interaction' | 'page'>, pageSize: number): number =>
  countsOnly(part) || countsAll(part) ? pageSize : Math.min(Math.max(wantedOf(part) + 1, LEAST), pageSize);
