import { Alert, Badge, Card, Group, List, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import type { FeedTold, RiskStatusAnswer } from '../../../../src/domain/console/risk.ts';
import { useApi } from '../../api.ts';
import { Loaded } from '../../parts/loaded.tsx';
import { riskText } from '../../text/risk.ts';
import { useFormat, useTexts } from '../../text.tsx';

/** Where warnings about addresses, programs and products come from, and how fresh they are. */
export const Feeds = () => {
  const t = useTexts(riskText);
  const status = useApi<RiskStatusAnswer>('/api/v1/risk/status', { everySeconds: 30 });
  return (
    <Stack>
      <Text>{t.feeds.about}</Text>
      <Loaded query={status}>
        {({ threats: { feeds, upstream } }) => (
          <>
            {feeds.length === 0 ? <Text c="dimmed">{t.feeds.none}</Text> : null}
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              {feeds.map((feed) => (
                <Feed key={feed.name} feed={feed} />
              ))}
            </SimpleGrid>
            <Title order={2} size="h4">
              {t.feeds.exploited}
            </Title>
            <Text>
              {upstream.software === undefined
                ? t.feeds.noSoftware
                : t.feeds.software(`${upstream.software.name} ${upstream.software.version ?? ''}`.trim())}
            </Text>
            {upstream.exploited.length === 0 ? (
              <Text c="dimmed">{t.feeds.noneExploited}</Text>
            ) : (
              <Alert color="red" title={t.feeds.look}>
                <List size="sm">
                  {upstream.exploited.map(({ cve, name, action, due }) => (
                    <List.Item key={cve}>
                      <Text fw={600} span>
                        {cve}
                      </Text>{' '}
                      {[name, action, due].filter((each) => each !== '').join(' · ')}
                    </List.Item>
                  ))}
                </List>
              </Alert>
            )}
          </>
        )}
      </Loaded>
    </Stack>
  );
};

const Feed = ({ feed }: { readonly feed: FeedTold }) => {
  const t = useTexts(riskText);
  const format = useFormat();
  const { name, kind, indicators, excluded, unknownPatterns, fetchedAt, stale, failed, weight } = feed;
  const age =
    fetchedAt === undefined
      ? t.feeds.never
      : t.feeds.renewed(format.ago(Math.max(0, (Date.now() - Date.parse(fetchedAt)) / 1000)));
  return (
    <Card withBorder>
      <Group justify="space-between" wrap="nowrap">
        <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
          {name}
        </Text>
        <Badge color={stale ? 'red' : failed ? 'orange' : 'green'} variant="light" style={{ flexShrink: 0 }}>
          {stale ? t.feeds.stale : failed ? t.feeds.failed : t.feeds.fresh}
        </Badge>
      </Group>
      <Text size="sm">{`${t.feeds.kinds[kind]} · ${age}`}</Text>
      <Text size="sm" c="dimmed">
        {t.feeds.holds(format.number(indicators), format.number(excluded), format.number(unknownPatterns))}
      </Text>
      {weight < 1 ? <Text size="sm">{t.feeds.weight(format.percent(weight))}</Text> : null}
    </Card>
  );
};
