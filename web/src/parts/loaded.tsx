import { Skeleton, VisuallyHidden } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { shellText } from '../text/shell.ts';
import { useTexts } from '../text.tsx';
import { ProblemAlert } from './problem.tsx';

interface Props<T> {
  readonly query: UseQueryResult<T>;
  readonly height?: string | number;
  readonly children: (data: T) => ReactNode;
}

/** A shape while it loads, words when it cannot, and the last good data while it is read again. */
export const Loaded = <T,>({ query, height = 120, children }: Props<T>) => {
  const t = useTexts(shellText);
  if (query.data !== undefined) return children(query.data);
  if (query.isError) return <ProblemAlert error={query.error} retry={() => void query.refetch()} />;
  return (
    <div role="status">
      <VisuallyHidden>{t.loading}</VisuallyHidden>
      <Skeleton height={height} />
    </div>
  );
};
