import { type Bases, underBase } from '../../domain/fhir/references.ts';
import { toUpstream } from '../../domain/fhir/request.ts';
import type { Instant } from '../../domain/instant.ts';
import { member, stringOf } from '../../domain/json/cursor.ts';
import type { Tape } from '../../domain/json/tape.ts';
import { callerDigest } from '../authenticate.ts';
import type { Planned } from '../exchange.ts';
import type { PageBook, PageStart } from './pages.ts';

/**
 * The links of a list: `self` is the caller's own query in normal form, `next` a sealed token bound to the caller and the query.
 * The upstream's own `previous` and `last` count what the caller may not see.
 */
export function bundleLinks(bases: Bases, book: PageBook, now: () => Instant) {
  return (part: Planned, next: PageStart | undefined): { relation: string; url: string }[] => {
    const { interaction } = part;
    if (interaction.kind !== 'search' && interaction.kind !== 'history' && interaction.kind !== 'operation') return [];
    // What was sent as a body has no address.
    if (interaction.kind === 'operation' && interaction.method === 'POST') return [];
    const form = interaction.kind === 'search' && interaction.form === true;
    const target = toUpstream(form ? withoutForm(interaction) : interaction).path;
    const links = [{ relation: 'self', url: bases.gatewayBase + target }];
    if (next === undefined) return links;
    const token = book.seal(
      {
        target,
        ...next,
        form: form && next.upstream === '',
        caller: callerDigest(part.principal),
      },
      now(),
    );
    const type = interaction.type === undefined ? '' : `/${interaction.type}`;
    links.push({ relation: 'next', url: `${bases.gatewayBase}${type}?_page=${token}` });
    return links;
  };
}

/** Of a list that grows at its head while it is paged: the same page, however much comes before it. Only the ledger tells it. */
export const SAME_PAGE = 'urn:consentry:same-page';

/** Where the upstream has the next page of a Bundle, or another one: path and query below its base. */
export function linkedPage(tape: Tape, bundle: number, bases: Bases, relation = 'next'): string | undefined {
  const listed = member(tape, bundle, 'link');
  if (listed < 0) return undefined;
  for (let link = listed + 1; link < (tape.next[listed] as number); link = tape.next[link] as number) {
    const url = stringOf(tape, member(tape, link, 'url'));
    if (url !== undefined && stringOf(tape, member(tape, link, 'relation')) === relation)
      return belowUpstream(url, bases);
  }
  return undefined;
}

function withoutForm(interaction: Extract<Planned['interaction'], { kind: 'search' }>): Planned['interaction'] {
  const { form: _form, ...rest } = interaction;
  return rest;
}

/** Path and query below the upstream's base; absolute or relative, never another place. */
function belowUpstream(url: string, bases: Bases): string | undefined {
  const base = `${bases.upstreamBase}/`;
  if (!URL.canParse(url, base)) return undefined;
  const below = underBase(new URL(url, base).href, bases.upstreamBase);
  if (below === undefined || below.includes('#')) return undefined;
  return below === '' ? '/' : below;
}
