import { Badge, Group, List, Paper, ScrollArea, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import type { StageRow } from '../../../src/domain/console/figures.ts';
import type { Alert, Overview as OverviewData } from '../../../src/domain/console/overview.ts';
import { useApi } from '../api.ts';
import { useCodeWords } from '../parts/code-words.ts';
import { Entries } from '../parts/entries.tsx';
import { Figure } from '../parts/figure.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { TrafficChart } from '../parts/traffic-chart.tsx';
import { overviewText } from '../text/overview.ts';
import { useFormat, useTexts } from '../text.tsx';

const Overview = () => {
  const t = useTexts(overviewText);
  const overview = useApi<OverviewData>('/api/v1/overview', { everySeconds: 5 });
  return (
    <Stack gap="lg">
      <Title order={1}>{t.title}</Title>
      <Loaded query={overview} height={480}>
        {(data) => <Figures data={data} />}
      </Loaded>
    </Stack>
  );
};

const Figures = ({ data }: { readonly data: OverviewData }) => {
  const t = useTexts(overviewText);
  const format = useFormat();
  const calls = data.traffic.reduce((sum, { served, refused, failed }) => sum + served + refused + failed, 0);
  const minutes = Math.max(1, Math.min(10, (data.at - data.startedAt) / 60_000));
  return (
    <>
      <Alerts alerts={data.alerts} />
      <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }}>
        <Figure label={t.rate} value={<Entries page="audit">{format.number(calls / minutes, 1)}</Entries>} />
        <Figure
          label={t.headAge}
          value={
            <Entries page="system">
              {data.chain.headAgeSeconds === null ? t.noHead : t.seconds(format.number(data.chain.headAgeSeconds, 0))}
            </Entries>
          }
          note={t.headAgeNote(t.seconds(format.number(data.chain.maxHeadAgeSeconds)))}
        />
        <Figure
          label={t.grants}
          value={<Entries page="consent">{format.number(data.chain.grants)}</Entries>}
          note={data.chain.head === undefined ? undefined : t.block(format.number(data.chain.head))}
        />
        <Figure
          label={t.ledger}
          value={<Entries page="audit">{format.number(data.ledger.size)}</Entries>}
          note={<Anchored data={data} />}
        />
      </SimpleGrid>
      <Section title={t.traffic}>
        <TrafficChart points={data.traffic} />
      </Section>
      <Section title={t.stages}>
        {data.stages.length === 0 ? <Text>{t.none}</Text> : <Stages rows={data.stages} />}
      </Section>
      <Section title={t.answers}>
        {data.answers.length === 0 ? <Text>{t.none}</Text> : <Answers rows={data.answers} />}
      </Section>
      <Text size="sm" c="dimmed">
        {t.since(format.time(data.startedAt))}
      </Text>
    </>
  );
};

const Section = ({ title, children }: { readonly title: string; readonly children: React.ReactNode }) => (
  <Paper withBorder p="md" component="section">
    <Title order={2} size="h4" mb="sm">
      {title}
    </Title>
    {children}
  </Paper>
);

const Anchored = ({ data: { at, ledger } }: { readonly data: OverviewData }) => {
  const t = useTexts(overviewText);
  const format = useFormat();
  if (!ledger.anchoring) return t.noAnchoring;
  if (ledger.anchored === undefined) return t.notAnchored;
  return t.anchored(format.number(ledger.anchored.size), format.ago(Math.max(0, at - ledger.anchored.at) / 1000));
};

const leads = {
  'ledger-unwritable': { page: 'system' },
  'ledger-refused-by-chain': { page: 'system' },
  'anchor-late': { page: 'system' },
  'consent-stale': { page: 'system' },
  'policy-faulty': { page: 'policies' },
  'break-glass-open': { page: 'consent' },
  'break-glass-overdue': { page: 'consent' },
  'risk-blocked': { page: 'audit', filter: { code: 'risk-blocked' } },
  'part-failed': { page: 'system' },
} as const;

const Alerts = ({ alerts }: { readonly alerts: readonly Alert[] }) => {
  const t = useTexts(overviewText);
  const format = useFormat();
  if (alerts.length === 0) return <Text role="status">{t.calm}</Text>;
  return (
    <Section title={t.alerts}>
      <List listStyleType="none" spacing="xs">
        {alerts.map(({ kind, severity, count, part = '' }) => (
          <List.Item key={`${kind} ${part}`}>
            <Group gap="sm" wrap="nowrap" align="flex-start">
              <Badge color={severity === 'urgent' ? 'red' : 'yellow'} variant="light" miw="7rem">
                {t[severity]}
              </Badge>
              <Entries {...leads[kind]}>{t.alert[kind](format.number(count), part)}</Entries>
            </Group>
          </List.Item>
        ))}
      </List>
    </Section>
  );
};

const Stages = ({ rows }: { readonly rows: readonly StageRow[] }) => {
  const t = useTexts(overviewText);
  const format = useFormat();
  const ms = (value: number): string => t.milliseconds(format.number(value, value < 1 ? 2 : 1));
  return (
    <ScrollArea type="auto">
      <Table miw={640} verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{t.stage}</Table.Th>
            <Table.Th scope="col" ta="right">
              {t.passed}
            </Table.Th>
            <Table.Th scope="col">{t.refusedColumn}</Table.Th>
            <Table.Th scope="col" ta="right">
              {t.half}
            </Table.Th>
            <Table.Th scope="col" ta="right">
              {t.most}
            </Table.Th>
            <Table.Th scope="col" ta="right">
              {t.almost}
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(({ stage, passed, refusals, p50, p95, p99 }) => (
            <Table.Tr key={stage}>
              <Table.Th scope="row">{stage in t.names ? t.names[stage as keyof typeof t.names] : stage}</Table.Th>
              <Table.Td ta="right">{format.number(passed)}</Table.Td>
              <Table.Td>
                <Group gap="md">
                  {refusals.map(({ code, count }) => (
                    <Entries key={code} page="audit" filter={{ code }}>
                      {code}: {format.number(count)}
                    </Entries>
                  ))}
                </Group>
              </Table.Td>
              <Table.Td ta="right">{ms(p50)}</Table.Td>
              <Table.Td ta="right">{ms(p95)}</Table.Td>
              <Table.Td ta="right">{ms(p99)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  );
};

const Answers = ({ rows }: { readonly rows: OverviewData['answers'] }) => {
  const t = useTexts(overviewText);
  const words = useCodeWords();
  const format = useFormat();
  return (
    <ScrollArea type="auto">
      <Table miw={480} verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{t.meaning}</Table.Th>
            <Table.Th scope="col">{t.code}</Table.Th>
            <Table.Th scope="col" ta="right">
              {t.status}
            </Table.Th>
            <Table.Th scope="col" ta="right">
              {t.count}
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(({ code, status, count }) => (
            <Table.Tr key={`${code} ${status}`}>
              <Table.Td>{words(code)}</Table.Td>
              <Table.Td>{code}</Table.Td>
              <Table.Td ta="right">{status}</Table.Td>
              <Table.Td ta="right">
                <Entries page="audit" filter={status < 400 ? { outcome: 'permit' } : { code }}>
                  {format.number(count)}
                </Entries>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  );
};

export default Overview;
