import { Group, Text } from '@mantine/core';
import type { TrafficPoint } from '../../../src/domain/console/figures.ts';
import { overviewText } from '../text/overview.ts';
import { useFormat, useTexts } from '../text.tsx';

const kinds = ['served', 'refused', 'failed'] as const;
const width = 600;
const height = 96;

/** Calls in slots of ten seconds, stacked; the words beside it say the same. */
export const TrafficChart = ({ points }: { readonly points: readonly TrafficPoint[] }) => {
  const t = useTexts(overviewText);
  const format = useFormat();
  const most = Math.max(1, ...points.map((point) => point.served + point.refused + point.failed));
  const step = width / points.length;
  const total = (kind: (typeof kinds)[number]): number => points.reduce((sum, point) => sum + point[kind], 0);
  return (
    <figure className="chart">
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={t.trafficLabel}>
        {points.map((point, index) => {
          let top = height;
          return kinds.map((kind) => {
            const tall = (point[kind] / most) * height;
            top -= tall;
            return tall === 0 ? null : (
              <rect
                key={`${point.at} ${kind}`}
                className={kind}
                x={index * step}
                y={top}
                width={step - 1}
                height={tall}
              />
            );
          });
        })}
        <line x1="0" x2={width} y1={height} y2={height} />
      </svg>
      <Group component="figcaption" gap="md">
        {kinds.map((kind) => (
          <Text key={kind} size="sm">
            <span className={`swatch ${kind}`} aria-hidden /> {t.kinds[kind](format.number(total(kind)))}
          </Text>
        ))}
      </Group>
    </figure>
  );
};
