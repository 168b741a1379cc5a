import { Alert, Button, Card, FileButton, Group, List, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { RiskStatusAnswer } from '../../../../src/domain/console/risk.ts';
import { call, queries, useApi } from '../../api.ts';
import { Loaded } from '../../parts/loaded.tsx';
import { ProblemAlert } from '../../parts/problem.tsx';
import { riskText } from '../../text/risk.ts';
import { useFormat, useTexts } from '../../text.tsx';

interface Settled {
  readonly state: 'promoted' | 'waiting';
  readonly text: string;
}

type Change =
  | { readonly to: 'challenger'; readonly body: unknown }
  | { readonly to: 'promotion'; readonly body: { readonly model: string } }
  | { readonly to: 'rollback'; readonly body: object };

/** The model in use, how it fares, the one that runs beside it, and who may put it into use. */
export const Model = () => {
  const status = useApi<RiskStatusAnswer>('/api/v1/risk/status', { everySeconds: 30 });
  return <Loaded query={status}>{(answer) => <Shown status={answer} />}</Loaded>;
};

const Shown = ({ status }: { readonly status: RiskStatusAnswer }) => {
  const t = useTexts(riskText);
  const format = useFormat();
  const change = useMutation({
    mutationFn: async ({ to, body }: Change) =>
      (await call<Settled>(`/api/v1/risk/models/${to}`, { method: 'POST', body })).body,
    onSettled: () => queries.invalidateQueries(),
  });
  const read = async (file: File | null): Promise<void> => {
    if (file === null) return;
    const text = await file.text();
    try {
      change.mutate({ to: 'challenger', body: JSON.parse(text) as unknown });
    } catch {
      change.mutate({ to: 'challenger', body: {} });
    }
  };
  const { model, challenger, store, promotion, counts, drift } = status;
  return (
    <Stack>
      {change.isSuccess ? (
        <Alert color="green" role="status">
          {change.data.text}
        </Alert>
      ) : null}
      {change.isError ? <ProblemAlert error={change.error} /> : null}
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Card withBorder>
          <Title order={2} size="h4">
            {t.model.inUse}
          </Title>
          <Text ff="monospace">{model.id}</Text>
          <Text size="sm" c="dimmed" lang="en">
            {model.card.trainedOn} · {model.card.window}
          </Text>
          <Text size="sm">
            {t.model.ladder(
              format.percent(model.ladder.notice),
              format.percent(model.ladder.stepUp),
              format.percent(model.ladder.maskMore),
              format.percent(model.ladder.rateLimit),
            )}
          </Text>
          <Text size="sm">
            {t.model.counts(
              format.number(counts.assessed ?? 0),
              format.number(counts.notice ?? 0),
              format.number(counts['step-up'] ?? 0),
              format.number((counts['mask-more'] ?? 0) + (counts['rate-limit'] ?? 0)),
              format.number(counts.block ?? 0),
              format.number(counts.failed ?? 0),
            )}
          </Text>
          <Sure
            label={t.model.rollback}
            sure={t.model.rollbackSure}
            disabled={store.previous === 0}
            go={() => change.mutate({ to: 'rollback', body: {} })}
          />
        </Card>
        <Card withBorder>
          <Title order={2} size="h4">
            {t.model.drift}
          </Title>
          <Text className="figure">{format.number(drift.index, 2)}</Text>
          <Text>{t.model.driftStates[drift.state]}</Text>
          <Text size="sm" c="dimmed">
            {t.model.unexplained(format.percent(drift.unexplained.before), format.percent(drift.unexplained.now))}
          </Text>
        </Card>
      </SimpleGrid>

      <Card withBorder>
        <Title order={2} size="h4">
          {t.model.beside}
        </Title>
        {challenger === undefined || store.challenger === undefined ? (
          <Text c="dimmed">{t.model.noChallenger}</Text>
        ) : (
          <>
            <Text ff="monospace">{challenger.id}</Text>
            <Text size="sm" c="dimmed">
              {challenger.card.trainedOn} · {challenger.card.window}
            </Text>
            <SimpleGrid cols={{ base: 2, sm: 4 }} my="sm">
              {(['calls', 'agreed', 'stricter', 'milder'] as const).map((name) => (
                <div key={name}>
                  <Text className="figure">{format.number(challenger.shadow[name])}</Text>
                  <Text size="sm">{t.model.shadow[name]}</Text>
                </div>
              ))}
            </SimpleGrid>
            <Text size="sm">
              {t.model.since(format.time(new Date(store.challenger.since)), store.challenger.by)}{' '}
              {Date.parse(store.challenger.promotableAt) > Date.now()
                ? t.model.promotableAt(format.time(new Date(store.challenger.promotableAt)))
                : t.model.promotable(format.number(promotion.approvals))}
            </Text>
            {store.waiting.flatMap(({ approvedBy }) => approvedBy).length === 0 ? null : (
              <Text size="sm">
                {t.model.approvedBy(store.waiting.flatMap(({ approvedBy }) => approvedBy).join(', '))}
              </Text>
            )}
            <Sure
              label={t.model.approve}
              sure={t.model.approveSure}
              go={() => change.mutate({ to: 'promotion', body: { model: challenger.hash } })}
            />
          </>
        )}
        <FileButton accept="application/json,.json" onChange={(file) => void read(file)}>
          {(props) => (
            <Button {...props} mt="sm" variant="default" style={{ alignSelf: 'flex-start' }}>
              {t.model.challenge}
            </Button>
          )}
        </FileButton>
      </Card>

      <Card withBorder>
        <Title order={2} size="h4" mb="xs">
          {t.model.card}
        </Title>
        <Metrics metrics={model.card.metrics} />
        <Title order={3} size="h5" mt="md">
          {t.model.limits}
        </Title>
        <List size="sm" lang="en">
          {model.card.limits.map((limit) => (
            <List.Item key={limit}>{limit}</List.Item>
          ))}
        </List>
      </Card>

      {store.history.length === 0 ? null : (
        <Card withBorder>
          <Title order={2} size="h4" mb="xs">
            {t.model.history}
          </Title>
          <List size="sm">
            {store.history.toReversed().map(({ what, model: hash, by, at }) => (
              <List.Item key={`${at} ${what}`}>
                {t.model.changes[what](
                  hash === undefined ? t.model.shipped : `risk-${hash.slice(0, 16)}`,
                  by.join(', '),
                  format.time(new Date(at)),
                )}
              </List.Item>
            ))}
          </List>
        </Card>
      )}
    </Stack>
  );
};

interface SureProps {
  readonly label: string;
  readonly sure: string;
  readonly disabled?: boolean;
  readonly go: () => void;
}

/** What changes how every call is scored is asked for twice, in place. */
const Sure = ({ label, sure, disabled = false, go }: SureProps) => {
  const t = useTexts(riskText);
  const [asked, setAsked] = useState(false);
  if (!asked)
    return (
      <Button
        mt="sm"
        variant="default"
        style={{ alignSelf: 'flex-start' }}
        disabled={disabled}
        onClick={() => setAsked(true)}
      >
        {label}
      </Button>
    );
  return (
    <Alert mt="sm" color="orange" role="alert">
      <Text>{sure}</Text>
      <Group mt="sm">
        <Button
          onClick={() => {
            setAsked(false);
            go();
          }}
        >
          {label}
        </Button>
        <Button variant="default" onClick={() => setAsked(false)}>
          {t.model.cancel}
        </Button>
      </Group>
    </Alert>
  );
};

const Metrics = ({ metrics }: { readonly metrics: RiskStatusAnswer['model']['card']['metrics'] }) => {
  const t = useTexts(riskText);
  const format = useFormat();
  if (metrics.length === 0) return <Text c="dimmed">{t.model.noMetrics}</Text>;
  return (
    <Table fz="sm">
      <Table.Tbody>
        {metrics.map((metric, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: rows of a card never move
          <Table.Tr key={index}>
            <Table.Td lang="en">{String(metric.name ?? '')}</Table.Td>
            <Table.Td>
              {Object.entries(metric)
                .filter(([key]) => key !== 'name')
                .map(
                  ([key, value]) =>
                    `${key === 'value' ? '' : `${key} `}${typeof value === 'number' ? format.number(value, 4) : value}`,
                )
                .join(' · ')}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
};
