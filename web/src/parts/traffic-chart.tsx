import { Group, Text } from '@mantine/core';
import type { TrafficPoint } from '../../../src/domain/console/figures.ts';
import { overviewText } from '../text/overview.ts';
import { useFormat, useTexts } from '../text.tsx';
import { Bars } from './chart/chart.tsx';

const kinds = ['served', 'refused', 'failed'] as const;
const colours = { served: 'indigo.5', refused: 'orange.5', failed: 'red.7' } as const;

/** Calls in slots of ten seconds, stacked; the words beside it say the same. */
export const TrafficChart = ({ points }: { readonly points: readonly TrafficPoint[] }) => {
  const t = useTexts(overviewText);
  const format = useFormat();
  const total = (kind: (typeof kinds)[number]): number => points.reduce((sum, point) => sum + point[kind], 0);
  return (
    <>
      <Bars
        label={t.trafficLabel}
        of={t.slot}
        series={kinds.map((kind) => ({ name: kind, label: t.kindNames[kind], color: colours[kind] }))}
        rows={points.map(({ at, served, refused, failed }) => ({
          label: format.clockSeconds(at),
          values: { served, refused, failed },
        }))}
        number={format.number}
      />
      <Group gap="md" mt="xs">
        {kinds.map((kind) => (
          <Text key={kind} size="sm">
            <span className={`swatch ${kind}`} aria-hidden /> {t.kinds[kind](format.number(total(kind)))}
          </Text>
        ))}
      </Group>
    </>
  );
};
