import type { Endpoint } from './endpoint.ts';
import { fingerprint, type Header } from './header.ts';

export interface QuorumHead {
  readonly head: Header;
  /** The height that k endpoints hold to be final. */
  readonly final: number;
}

/**
 * The newest header that k endpoints give alike. With n endpoints of which fewer than k lie, no untrue header passes; a
 * single one that claims a great height or an old one moves nothing.
 */
export async function quorumHead(endpoints: readonly Endpoint[], k: number): Promise<QuorumHead | undefined> {
  const tips = endpoints.flatMap((endpoint) => {
    const tip = endpoint.tip;
    return tip ? [{ endpoint, ...tip }] : [];
  });
  const height = nthHighest(
    tips.map((tip) => tip.header.number),
    k,
  );
  if (height === undefined) return undefined;
  const head = await agreedHeader(
    tips.filter((tip) => tip.header.number >= height).map((tip) => tip.endpoint),
    k,
    height,
  );
  const final = nthHighest(
    tips.map((tip) => tip.final),
    k,
  );
  return head && final !== undefined ? { head, final: Math.min(final, head.number) } : undefined;
}

/** The header at a height, as k endpoints give it alike; resolves as soon as k do. */
export function agreedHeader(endpoints: readonly Endpoint[], k: number, number: number): Promise<Header | undefined> {
  return new Promise((resolve) => {
    const votes = new Map<string, number>();
    let open = endpoints.length;
    const close = () => {
      if (--open === 0) resolve(undefined);
    };
    if (open === 0) resolve(undefined);
    for (const endpoint of endpoints) {
      endpoint.headerAt(number).then((header) => {
        if (header && header.number === number) {
          const key = fingerprint(header);
          const count = (votes.get(key) ?? 0) + 1;
          votes.set(key, count);
          if (count >= k) resolve(header);
        }
        close();
      }, close);
    }
  });
}

function nthHighest(values: readonly number[], n: number): number | undefined {
  return [...values].sort((a, b) => b - a)[n - 1];
}
