import { Badge, Card, Group, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useApi } from '../api.ts';
import { Loaded } from '../parts/loaded.tsx';
import { overviewText } from '../text/overview.ts';
import { useTexts } from '../text.tsx';

interface Readiness {
  readonly status: string;
  readonly parts: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

const Overview = () => {
  const t = useTexts(overviewText);
  const readiness = useApi<Readiness>('/readyz', { everySeconds: 5 });
  const nameOf = (name: string): string => (name in t.part ? t.part[name as keyof typeof t.part] : name);
  return (
    <Stack>
      <Title order={1}>{t.title}</Title>
      <Title order={2} size="h4">
        {t.parts}
      </Title>
      <Loaded query={readiness}>
        {({ status, parts }) => (
          <>
            <Text>{status === 'ready' ? t.ready : t.notReady}</Text>
            <SimpleGrid cols={{ base: 1, sm: 3 }}>
              {parts.map(({ name, ok, detail }) => (
                <Card key={name} withBorder>
                  <Group justify="space-between">
                    <Text fw={600}>{nameOf(name)}</Text>
                    <Badge color={ok ? 'green' : 'red'} variant="light">
                      {ok ? t.ok : t.broken}
                    </Badge>
                  </Group>
                  <Text size="sm">{detail}</Text>
                </Card>
              ))}
            </SimpleGrid>
          </>
        )}
      </Loaded>
    </Stack>
  );
};

export default Overview;
