import { Badge, Stack, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { memo, useEffect, useMemo, useRef, useState } from 'react';
import type { AuditPage, AuditRow } from '../../../src/domain/console/audit.ts';
import { call } from '../api.ts';
import { Loaded } from '../parts/loaded.tsx';
import { Link } from '../router.tsx';
import { auditText } from '../text/audit.ts';
import { useFormat, useTexts } from '../text.tsx';

const ROW = 40;
const AHEAD = 6;
const PAGE = 100;

/** A window on a list that has no end in sight: the server pages, and only the rows in view are in the document. */
export const Rows = ({ filter }: { readonly filter: URLSearchParams }) => {
  const t = useTexts(auditText);
  const format = useFormat();
  /** The row at the upper edge: within a row nothing is drawn anew. */
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const box = useRef<HTMLDivElement>(null);
  const pages = useInfiniteQuery({
    queryKey: ['audit', filter.toString()],
    initialPageParam: undefined as number | undefined,
    queryFn: async ({ pageParam }) => {
      const query = new URLSearchParams(filter);
      query.set('limit', String(PAGE));
      if (pageParam !== undefined) query.set('before', String(pageParam));
      return (await call<AuditPage>(`/api/v1/audit?${query.toString()}`)).body;
    },
    getNextPageParam: (last) => last.next,
  });
  const rows = useMemo(() => pages.data?.pages.flatMap((page) => page.rows) ?? [], [pages.data]);
  const first = Math.max(0, top - AHEAD);
  const last = Math.min(rows.length, top + Math.ceil(height / ROW) + AHEAD);
  const near = last + AHEAD >= rows.length;
  const { hasNextPage, isFetchingNextPage, isError, fetchNextPage } = pages;
  useEffect(() => {
    if (near && hasNextPage && !isFetchingNextPage && !isError) void fetchNextPage();
  }, [near, hasNextPage, isFetchingNextPage, isError, fetchNextPage]);
  useEffect(() => {
    if (box.current !== null) setHeight(box.current.clientHeight);
  }, []);

  return (
    <Loaded query={pages} height="60vh">
      {({ pages: [newest] }) => (
        <Stack gap="xs">
          <Text size="sm" role="status">
            {rows.length === 0 && !hasNextPage
              ? t.none
              : t.shown(format.number(rows.length), format.number(newest?.size ?? 0))}
            {isFetchingNextPage ? ` ${t.more}` : ''}
          </Text>
          <section
            ref={box}
            className="entries"
            // biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse must be able to scroll it
            tabIndex={0}
            aria-label={t.views.list}
            onScroll={(event) => {
              setTop(Math.floor(event.currentTarget.scrollTop / ROW));
              setHeight(event.currentTarget.clientHeight);
            }}
          >
            <table aria-rowcount={hasNextPage ? -1 : rows.length + 1}>
              <thead>
                <tr aria-rowindex={1}>
                  {(['index', 'at', 'outcome', 'who', 'what', 'purpose', 'patients'] as const).map((name) => (
                    <th scope="col" key={name}>
                      {t.columns[name]}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                <Space rows={first} />
                {rows.slice(first, last).map((row, i) => (
                  <Row key={row.index} row={row} place={first + i} />
                ))}
                <Space rows={rows.length - last} />
              </tbody>
            </table>
          </section>
        </Stack>
      )}
    </Loaded>
  );
};

const Row = memo(({ row, place }: { readonly row: AuditRow; readonly place: number }) => {
  const t = useTexts(auditText);
  const format = useFormat();
  const { index, at, decision, state, code, patients = [] } = row;
  const [patient, ...others] = patients;
  return (
    <tr aria-rowindex={place + 2} style={{ height: ROW }}>
      <td>
        <Link to={`audit/entry/${index}`}>{format.number(index)}</Link>
      </td>
      <td>{format.time(at)}</td>
      <td>
        <Badge
          variant="light"
          tt="none"
          color={state === 'damaged' ? 'red' : state === 'erased' ? 'gray' : decision === 'permit' ? 'green' : 'orange'}
        >
          {state === undefined ? t.outcomes[decision] : t.state[state]}
        </Badge>
      </td>
      <td>{row.user === undefined ? '' : `${row.user} · ${row.client ?? ''}`}</td>
      <td>{[row.interaction ?? row.kind, row.type, code].filter(Boolean).join(' · ')}</td>
      <td>{row.purpose ?? ''}</td>
      <td>
        {patient ?? ''} {others.length === 0 ? '' : t.others(others.length)}
      </td>
    </tr>
  );
});

/** The rows that are not in the document. */
const Space = ({ rows }: { readonly rows: number }) =>
  rows <= 0 ? null : (
    <tr aria-hidden style={{ height: rows * ROW }}>
      <td colSpan={7} />
    </tr>
  );
