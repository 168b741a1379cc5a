import { Card, SimpleGrid, Slider, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import type { RiskStatusAnswer, WhatIfAnswer } from '../../../../src/domain/console/risk.ts';
import { useApi } from '../../api.ts';
import { Curve } from '../../parts/chart/chart.tsx';
import { Loaded } from '../../parts/loaded.tsx';
import { riskText } from '../../text/risk.ts';
import { useFormat, useTexts } from '../../text.tsx';

/** What an alert threshold would have meant over the days that are remembered. */
export const Thresholds = () => {
  const t = useTexts(riskText);
  const whatIf = useApi<WhatIfAnswer>('/api/v1/risk/what-if');
  const status = useApi<RiskStatusAnswer>('/api/v1/risk/status');
  return (
    <Stack>
      <Text>{t.thresholds.about}</Text>
      <Loaded query={whatIf} height={320}>
        {(answer) => (
          <Loaded query={status} height={320}>
            {({ model }) => <Tried answer={answer} ladder={model.ladder} />}
          </Loaded>
        )}
      </Loaded>
    </Stack>
  );
};

interface TriedProps {
  readonly answer: WhatIfAnswer;
  readonly ladder: RiskStatusAnswer['model']['ladder'];
}

const Tried = ({ answer, ladder }: TriedProps) => {
  const t = useTexts(riskText);
  const format = useFormat();
  const [percent, setPercent] = useState(Math.round(ladder.stepUp * 100));
  const { curve, days } = answer;
  const chosen = curve.find((each) => Math.round(each.threshold * 100) >= percent) ?? curve.at(-1);
  if (chosen === undefined) return null;
  const figures = [
    [t.thresholds.perDay, format.number(chosen.perDay, 1)],
    [t.thresholds.caught, format.number(chosen.caught)],
    [t.thresholds.missed, format.number(chosen.missed)],
    [t.thresholds.dismissed, format.number(chosen.dismissed)],
  ] as const;
  return (
    <Stack>
      <Text id="threshold-label" fw={600}>
        {t.thresholds.threshold(format.percent(percent / 100))}
      </Text>
      <Slider
        min={2}
        max={98}
        value={percent}
        onChange={setPercent}
        label={null}
        thumbLabel={t.thresholds.slider}
        marks={[...new Set([ladder.notice, ladder.maskMore, ladder.rateLimit, ladder.stepUp])].map((score) => ({
          value: Math.round(score * 100),
        }))}
      />
      <Text size="sm">
        {t.model.ladder(
          format.percent(ladder.notice),
          format.percent(ladder.stepUp),
          format.percent(ladder.maskMore),
          format.percent(ladder.rateLimit),
        )}
      </Text>
      <SimpleGrid cols={{ base: 2, sm: 4 }} aria-live="polite">
        {figures.map(([name, value]) => (
          <Card key={name} withBorder>
            <Text className="figure">{value}</Text>
            <Text size="sm">{name}</Text>
          </Card>
        ))}
      </SimpleGrid>
      <Card withBorder>
        <Title order={2} size="h4" mb="xs">
          {t.thresholds.chart}
        </Title>
        <Curve
          label={t.thresholds.chartLabel(format.number(chosen.perDay, 1))}
          of={t.thresholds.slider}
          series={{ name: 'perDay', label: t.thresholds.perDay, color: 'indigo.6' }}
          points={curve.map(({ threshold, perDay }) => ({ x: threshold, y: perDay }))}
          mark={percent / 100}
          x={format.percent}
          number={(value) => format.number(value, 1)}
        />
      </Card>
      <Text size="sm" c="dimmed">
        {t.thresholds.basis(format.number(days))}
      </Text>
    </Stack>
  );
};
