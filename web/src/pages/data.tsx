import { Accordion, Badge, Button, Card, Group, List, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { proofExtension } from '../../../src/domain/ledger/copy.ts';
import { callForText } from '../api.ts';
import { useMe } from '../me.ts';
import { type Item, type OwnRecord, readOwnRecord } from '../my/own-record.ts';
import { Loaded } from '../parts/loaded.tsx';
import { ProblemAlert } from '../parts/problem.tsx';
import { save } from '../parts/save.ts';
import { hrefOf } from '../router.tsx';
import { dataText } from '../text/data.ts';
import { useFormat, useTexts } from '../text.tsx';

const Data = () => {
  const t = useTexts(dataText);
  const { patient = '', guardian } = useMe();
  const record = useQuery({
    queryKey: ['own-record', patient],
    queryFn: () => readOwnRecord(patient),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Stack maw="48rem">
      <Title order={1}>{t.title}</Title>
      <Text>{guardian === true ? t.guardian : t.intro}</Text>
      <Loaded query={record} height={320}>
        {(data) => <Shown record={data} />}
      </Loaded>
      <Card withBorder component="section">
        <Title order={2} size="h4" mb="xs">
          {t.shareTitle}
        </Title>
        <Text mb="sm">{t.shareHelp}</Text>
        <Button component="a" href={hrefOf('choices?share=imaging')} variant="default" style={{ alignSelf: 'start' }}>
          {t.share}
        </Button>
      </Card>
    </Stack>
  );
};

const Shown = ({ record }: { readonly record: OwnRecord }) => {
  const t = useTexts(dataText);
  const format = useFormat();
  const [wanted, setWanted] = useState('');
  const saving = useMutation({ mutationFn: () => download(record) });
  const groupOf = ({ type }: Item): string => (type in t.groups ? t.groups[type as keyof typeof t.groups] : t.other);
  const search = wanted.trim().toLowerCase();
  const found = record.items.filter(
    (item) =>
      search === '' || `${item.title ?? ''} ${item.value ?? ''} ${groupOf(item)}`.toLowerCase().includes(search),
  );
  const order: readonly string[] = [...Object.values(t.groups), t.other];
  const groups = [...Map.groupBy(found, groupOf)].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  if (record.items.length === 0) return <Text>{t.empty}</Text>;
  return (
    <>
      <Card withBorder>
        <Group justify="space-between">
          <Text maw="28rem">{t.downloadHelp}</Text>
          <Button loading={saving.isPending} onClick={() => saving.mutate()}>
            {t.download}
          </Button>
        </Group>
        {saving.isError ? <ProblemAlert error={saving.error} /> : null}
      </Card>
      <TextInput label={t.filter} value={wanted} onChange={(event) => setWanted(event.currentTarget.value)} />
      <Accordion multiple variant="separated" order={2} transitionDuration={0}>
        {groups.map(([group, items]) => (
          <Accordion.Item key={group} value={group}>
            <Accordion.Control>
              <Group justify="space-between" pr="md" wrap="nowrap">
                <Text fw={600}>{group}</Text>
                <Text size="sm" c="dimmed" miw="fit-content">
                  {t.count(format.number(items.length), items.length === 1)}
                </Text>
              </Group>
            </Accordion.Control>
            <Accordion.Panel>
              <Items items={items} />
            </Accordion.Panel>
          </Accordion.Item>
        ))}
      </Accordion>
    </>
  );
};

const PAGE = 50;

const Items = ({ items }: { readonly items: readonly Item[] }) => {
  const t = useTexts(dataText);
  const format = useFormat();
  const [most, setMost] = useState(PAGE);
  const sorted = [...items].sort((a, b) => (b.at ?? 0) - (a.at ?? 0));
  return (
    <>
      <List listStyleType="none" spacing="sm">
        {sorted.slice(0, most).map(({ id, title, value, at, integrity }) => (
          <List.Item key={id}>
            <Text fw={600} className="wrap">
              {title ?? t.unnamed}
            </Text>
            <Text size="sm" className="wrap">
              {[value, at === undefined ? undefined : format.dateOf(at)].filter(Boolean).join(' · ')}
            </Text>
            {integrity === undefined ? null : (
              <Group gap="xs" mt={4}>
                <Badge
                  size="sm"
                  variant="light"
                  color={integrity === 'altered' ? 'red' : integrity === 'unknown' ? 'gray' : 'green'}
                >
                  {integrity === 'altered'
                    ? t.integrityBad
                    : integrity === 'unknown'
                      ? t.integrityUnknown
                      : t.integrityGood}
                </Badge>
                <Text size="xs">{t.integrity[integrity]}</Text>
              </Group>
            )}
          </List.Item>
        ))}
      </List>
      {sorted.length > most ? (
        <Button variant="default" mt="sm" onClick={() => setMost(most + PAGE)}>
          {t.more}
        </Button>
      ) : null}
    </>
  );
};

/**
 * A FHIR collection with what is known of each item's integrity, and with a proof of each ledger entry under which it was
 * handed out: `consentry ledger verify --proof` checks the file and asks nobody.
 */
async function download({ entries, receipts }: OwnRecord): Promise<void> {
  const proofs: string[] = [];
  for (const entry of receipts) proofs.push(await callForText(`/api/v1/disclosures/${entry}/proof`));
  const bundle = {
    resourceType: 'Bundle',
    type: 'collection',
    timestamp: new Date().toISOString(),
    meta: { extension: proofs.map((valueString) => ({ url: proofExtension, valueString })) },
    entry: entries,
  };
  save(JSON.stringify(bundle, null, 2), 'my-health-record.json', 'application/fhir+json');
}

export default Data;
