import { hash } from 'node:crypto';
import { type Bases, underBase } from '../../domain/fhir/references.ts';
import { toUpstream } from '../../domain/fhir/request.ts';
import type { Instant } from '../../domain/instant.ts';
import { member, stringOf } from '../../domain/json/cursor.ts';
import type { Tape } from '../../domain/json/tape.ts';
import { callerOf } from '../authenticate.ts';
import type { Planned } from '../exchange.ts';
import type { PageBook } from './pages.ts';

const pages: ReadonlySet<string> = new Set(['next', 'previous', 'prev', 'first', 'last']);

/**
 * The links of a searchset: `self` is the caller's own query in normal form; paging relations become sealed tokens bound to
 * the caller and the query. A link that does not lead to the upstream's own base is dropped.
 */
export function bundleLinks(bases: Bases, book: PageBook, now: () => Instant) {
  return (tape: Tape, bundle: number, part: Planned): { relation: string; url: string }[] => {
    const { interaction } = part;
    if (interaction.kind !== 'search' && interaction.kind !== 'history') return [];
    const target = toUpstream(
      interaction.kind === 'search' && interaction.form === true ? withoutForm(interaction) : interaction,
    ).path;
    const links = [{ relation: 'self', url: bases.gatewayBase + target }];
    const listed = member(tape, bundle, 'link');
    if (listed < 0) return links;
    for (let link = listed + 1; link < (tape.next[listed] as number); link = tape.next[link] as number) {
      const relation = stringOf(tape, member(tape, link, 'relation'));
      const url = stringOf(tape, member(tape, link, 'url'));
      if (relation === undefined || url === undefined || !pages.has(relation)) continue;
      const upstream = belowUpstream(url, bases);
      if (upstream === undefined) continue;
      const token = book.seal(
        { target, upstream, caller: hash('sha256', callerOf(part.principal), 'base64url') },
        now(),
      );
      const type = interaction.type === undefined ? '' : `/${interaction.type}`;
      links.push({ relation, url: `${bases.gatewayBase}${type}?_page=${token}` });
    }
    return links;
  };
}

/** Where the upstream has the next page of a Bundle: path and query below its base. */
export function nextPage(tape: Tape, bundle: number, bases: Bases): string | undefined {
  const listed = member(tape, bundle, 'link');
  if (listed < 0) return undefined;
  for (let link = listed + 1; link < (tape.next[listed] as number); link = tape.next[link] as number) {
    const url = stringOf(tape, member(tape, link, 'url'));
    if (url !== undefined && stringOf(tape, member(tape, link, 'relation')) === 'next')
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
