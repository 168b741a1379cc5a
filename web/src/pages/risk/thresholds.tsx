import { Card, SimpleGrid, Slider, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import type { RiskStatusAnswer, WhatIfAnswer } from '../../../../src/domain/console/risk.ts';
import { useApi } from '../../api.ts';
import { Loaded } from '../../parts/loaded.tsx';
import { riskText } from '../../text/risk.ts';
import { useFormat, useTexts } from '../../text.tsx';

const WIDTH = 640;
const HEIGHT = 220;
const LEFT = 40;
const BOTTOM = 24;

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
        mb="lg"
        marks={[
          { value: Math.round(ladder.notice * 100), label: t.actions.notice },
          { value: Math.round(ladder.stepUp * 100), label: t.actions['step-up'] },
        ]}
      />
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
        <Curve curve={curve} percent={percent} label={t.thresholds.chartLabel(format.number(chosen.perDay, 1))} />
      </Card>
      <Text size="sm" c="dimmed">
        {t.thresholds.basis(format.number(days))}
      </Text>
    </Stack>
  );
};

interface CurveProps {
  readonly curve: WhatIfAnswer['curve'];
  readonly percent: number;
  readonly label: string;
}

const Curve = ({ curve, percent, label }: CurveProps) => {
  const format = useFormat();
  const most = Math.max(1, ...curve.map(({ perDay }) => perDay));
  const x = (threshold: number): number => LEFT + threshold * (WIDTH - LEFT - 8);
  const y = (perDay: number): number => 8 + (1 - perDay / most) * (HEIGHT - BOTTOM - 8);
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label} style={{ width: '100%', display: 'block' }}>
      {[0, 0.5, 1].map((share) => (
        <g key={share}>
          <line
            x1={LEFT}
            x2={WIDTH - 8}
            y1={y(most * share)}
            y2={y(most * share)}
            stroke="var(--mantine-color-default-border)"
          />
          <text x={LEFT - 6} y={y(most * share) + 4} textAnchor="end" fontSize={11} fill="var(--mantine-color-text)">
            {format.number(most * share, 1)}
          </text>
        </g>
      ))}
      {[0.2, 0.4, 0.6, 0.8].map((threshold) => (
        <text
          key={threshold}
          x={x(threshold)}
          y={HEIGHT - 6}
          textAnchor="middle"
          fontSize={11}
          fill="var(--mantine-color-text)"
        >
          {format.percent(threshold)}
        </text>
      ))}
      <polyline
        fill="none"
        stroke="var(--mantine-color-indigo-6)"
        strokeWidth={2.5}
        points={curve.map(({ threshold, perDay }) => `${x(threshold)},${y(perDay)}`).join(' ')}
      />
      <line
        x1={x(percent / 100)}
        x2={x(percent / 100)}
        y1={8}
        y2={HEIGHT - BOTTOM}
        stroke="var(--mantine-color-red-7)"
        strokeWidth={2}
        strokeDasharray="5 4"
      />
    </svg>
  );
};
