import '@mantine/charts/styles.css';
import { BarChart, LineChart } from '@mantine/charts';
import type { BarsProps, CurveProps } from './chart.tsx';

// The words beside a chart and its table say the same: to a screen reader the drawing is one picture, with nothing to step into.
const silent = { accessibilityLayer: false };

export const DrawnBars = ({ rows, series, number }: BarsProps) => (
  <BarChart
    h={180}
    type="stacked"
    data={rows.map(({ label, values }) => ({ label, ...values }))}
    dataKey="label"
    series={[...series]}
    valueFormatter={(value) => number(value)}
    textColor="var(--mantine-color-text)"
    barChartProps={silent}
    maxBarWidth={40}
    xAxisProps={{ minTickGap: 24 }}
    yAxisProps={{ width: 44, allowDecimals: false }}
  />
);

export const DrawnCurve = ({ points, series, x, mark, number }: CurveProps) => (
  <LineChart
    h={220}
    data={points.map(({ x: at, y }) => ({ x: at, [series.name]: y }))}
    dataKey="x"
    series={[series]}
    valueFormatter={(value) => number(value)}
    textColor="var(--mantine-color-text)"
    curveType="linear"
    withDots={false}
    lineChartProps={silent}
    tooltipProps={{ labelFormatter: (label) => x(Number(label)) }}
    xAxisProps={{
      type: 'number',
      domain: [0, 1],
      ticks: [0, 0.2, 0.4, 0.6, 0.8, 1],
      tickFormatter: (at: number) => x(at),
    }}
    yAxisProps={{ width: 44 }}
    referenceLines={[{ x: mark, color: 'red.7', strokeDasharray: '5 4', strokeWidth: 2 }]}
  />
);
