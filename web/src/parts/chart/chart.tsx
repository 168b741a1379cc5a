import { Skeleton, Table } from '@mantine/core';
import { lazy, type ReactNode, Suspense } from 'react';
import { shellText } from '../../text/shell.ts';
import { useTexts } from '../../text.tsx';

export interface Series {
  readonly name: string;
  readonly label: string;
  readonly color: string;
}

export interface BarsProps {
  readonly series: readonly Series[];
  readonly rows: readonly {
    /** What stands at the axis; `title` in the table, as a link where the row leads somewhere. */
    readonly label: string;
    readonly title?: ReactNode;
    readonly values: Readonly<Record<string, number>>;
  }[];
  number(value: number): string;
}

export interface CurveProps {
  readonly series: Series;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** Drawn as an upright line. */
  readonly mark: number;
  x(value: number): string;
  number(value: number): string;
}

// The library is larger than any page: whoever reads the figures does not wait for the picture of them.
const DrawnBars = lazy(() => import('./drawn.tsx').then((drawn) => ({ default: drawn.DrawnBars })));
const DrawnCurve = lazy(() => import('./drawn.tsx').then((drawn) => ({ default: drawn.DrawnCurve })));

interface Framed {
  /** What the picture shows, in words. */
  readonly label: string;
  /** Name of the first column of the table. */
  readonly of: string;
}

/** Stacked bars, and the same figures as a table. */
export const Bars = ({ label, of, ...props }: BarsProps & Framed) => (
  <Framed
    label={label}
    height={180}
    head={[of, ...props.series.map((each) => each.label)]}
    rows={props.rows
      .filter(({ values }) => Object.values(values).some((value) => value > 0))
      .map(({ label: at, title, values }) => [
        title ?? at,
        ...props.series.map(({ name }) => props.number(values[name] ?? 0)),
      ])}
  >
    <DrawnBars {...props} />
  </Framed>
);

/** One line over a scale from 0 to 1, and the same figures as a table. */
export const Curve = ({ label, of, ...props }: CurveProps & Framed) => (
  <Framed
    label={label}
    height={220}
    head={[of, props.series.label]}
    rows={props.points.map(({ x, y }) => [props.x(x), props.number(y)])}
  >
    <DrawnCurve {...props} />
  </Framed>
);

interface FrameProps {
  readonly label: string;
  readonly height: number;
  readonly head: readonly string[];
  readonly rows: readonly (readonly ReactNode[])[];
  readonly children: ReactNode;
}

const Framed = ({ label, height, head, rows, children }: FrameProps) => {
  const t = useTexts(shellText);
  return (
    <figure className="chart">
      <div role="img" aria-label={label}>
        <Suspense fallback={<Skeleton height={height} />}>{children}</Suspense>
      </div>
      {rows.length === 0 ? null : (
        <details>
          <summary>{t.asTable}</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse must be able to scroll it */}
          <section className="chart-table" tabIndex={0} aria-label={label}>
            <Table fz="sm" aria-label={label}>
              <Table.Thead>
                <Table.Tr>
                  {head.map((name) => (
                    <Table.Th key={name} scope="col">
                      {name}
                    </Table.Th>
                  ))}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {rows.map((cells, row) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: slots of time keep their order
                  <Table.Tr key={row}>
                    {cells.map((cell, column) => (
                      // biome-ignore lint/suspicious/noArrayIndexKey: columns keep their order
                      <Table.Td key={column}>{cell}</Table.Td>
                    ))}
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </section>
        </details>
      )}
    </figure>
  );
};
