import { type AnchorHTMLAttributes, type MouseEvent, useSyncExternalStore } from 'react';
import { home } from './settings.ts';

export interface Here {
  /** First segment below the prefix: the page. */
  readonly page: string;
  /** Segments below the page. */
  readonly rest: readonly string[];
  readonly query: URLSearchParams;
}

const listeners = new Set<() => void>();
const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  addEventListener('popstate', listener);
  return () => {
    listeners.delete(listener);
    removeEventListener('popstate', listener);
  };
};

export function useHere(): Here {
  const address = useSyncExternalStore(subscribe, () => location.pathname + location.search);
  const url = new URL(address, location.origin);
  const [page = '', ...rest] = url.pathname.slice(home.length).split('/').filter(Boolean);
  return { page, rest, query: url.searchParams };
}

/** `to` is below the prefix: `audit?outcome=deny`. */
export const hrefOf = (to: string): string => `${home}${to}`;

export function navigate(to: string, options: { readonly replace?: boolean } = {}): void {
  if (options.replace === true) history.replaceState(null, '', hrefOf(to));
  else history.pushState(null, '', hrefOf(to));
  for (const listener of listeners) listener();
}

/** A link within the place; with a modifier key it stays the browser's. */
export const Link = ({ to, onClick, ...rest }: { readonly to: string } & AnchorHTMLAttributes<HTMLAnchorElement>) => (
  <a
    {...rest}
    href={hrefOf(to)}
    onClick={(event: MouseEvent<HTMLAnchorElement>) => {
      onClick?.(event);
      if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      navigate(to);
    }}
  />
);
