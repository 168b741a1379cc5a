import { Anchor } from '@mantine/core';
import type { ReactNode } from 'react';
import { useMe } from '../me.ts';
import { Link } from '../router.tsx';
import { place } from '../settings.ts';

interface Props {
  readonly page: 'audit' | 'consent' | 'risk' | 'policies' | 'system';
  /** Filters of that page, in its query. */
  readonly filter?: Readonly<Record<string, string>>;
  readonly children: ReactNode;
}

/** A figure that leads to what it counts, for whom that page is open. */
export const Entries = ({ page, filter = {}, children }: Props) => {
  const me = useMe();
  if (place !== 'console' || !me.pages.includes(page)) return children;
  const query = new URLSearchParams(filter).toString();
  return (
    <Anchor
      underline="always"
      inherit
      renderRoot={(props) => <Link {...props} to={query === '' ? page : `${page}?${query}`} />}
    >
      {children}
    </Anchor>
  );
};
