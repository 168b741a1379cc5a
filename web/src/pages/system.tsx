import { Badge, Code, Group, Paper, ScrollArea, SimpleGrid, Stack, Table, Text, TextInput, Title } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { ChainEndpoint, Setting, SystemState } from '../../../src/domain/console/system.ts';
import { useApi } from '../api.ts';
import { useCodeWords } from '../parts/code-words.ts';
import { Loaded } from '../parts/loaded.tsx';
import { systemText } from '../text/system.ts';
import { useFormat, useTexts } from '../text.tsx';

const System = () => {
  const t = useTexts(systemText);
  const system = useApi<SystemState>('/api/v1/system', { everySeconds: 10 });
  return (
    <Stack gap="lg">
      <Title order={1}>{t.title}</Title>
      <Loaded query={system} height={480}>
        {(state) => <State state={state} />}
      </Loaded>
    </Stack>
  );
};

const State = ({ state }: { readonly state: SystemState }) => {
  const t = useTexts(systemText);
  const format = useFormat();
  const words = useCodeWords();
  const { upstream, chain, ledger } = state;
  return (
    <>
      <Text>{t.version(state.version, state.profile, format.time(state.startedAt))}</Text>
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <Section title={t.parts}>
          <Facts
            rows={state.parts.map(({ name, ok, detail }) => [
              name in t.part ? t.part[name as keyof typeof t.part] : name,
              <Health key={name} ok={ok} note={detail} />,
            ])}
          />
        </Section>
        <Section title={t.upstream}>
          <Facts
            rows={[
              [t.address, upstream.url],
              [
                t.state,
                <Health
                  key="state"
                  ok={upstream.answered}
                  note={
                    upstream.answered ? t.answered(format.number(upstream.milliseconds)) : words(upstream.fault ?? '')
                  }
                />,
              ],
              [t.software, [upstream.software, upstream.fhirVersion].filter(Boolean).join(', ') || undefined],
            ]}
          />
        </Section>
        <Section title={t.chain}>
          <Facts
            rows={[
              [t.chainId, String(chain.chainId)],
              [t.registry, <Code key="registry">{chain.registry}</Code>],
              [t.finality, chain.finality],
              [t.head, chain.head === undefined ? undefined : format.number(chain.head)],
              [t.lag, chain.lag === undefined ? undefined : format.number(chain.lag)],
              [t.reorgs, format.number(chain.reorgs)],
              [t.problem, chain.problem],
              [t.relayer, chain.relayer === undefined ? undefined : <Code key="relayer">{chain.relayer.address}</Code>],
              [t.pending, chain.relayer === undefined ? undefined : format.number(chain.relayer.pending)],
            ]}
          />
          <Endpoints endpoints={chain.endpoints} />
        </Section>
        <Section title={t.ledger}>
          <Facts
            rows={[
              [t.origin, ledger.origin],
              [t.verifierKey, <Code key="key">{ledger.verifierKey}</Code>],
              [t.size, format.number(ledger.size)],
              [t.published, format.number(ledger.published)],
              [
                t.anchored,
                ledger.anchored === undefined
                  ? t.never
                  : t.anchoredValue(format.number(ledger.anchored.size), format.time(ledger.anchored.at)),
              ],
              [t.witnesses, ledger.witnesses.length === 0 ? t.noWitnesses : ledger.witnesses.join(', ')],
            ]}
          />
        </Section>
        <Section title={t.keys}>
          <Facts
            rows={state.keys.map(({ use, kept, since }) => [
              t.key[use],
              `${t.kept[kept]}, ${since === undefined ? t.noAge : t.age(format.ago(Math.max(0, state.at - since) / 1000))}`,
            ])}
          />
        </Section>
        <Section title={t.issuers}>
          <Facts
            rows={state.issuers.map(({ issuer, known }) => [
              issuer,
              <Health key={issuer} ok={known} note={known ? t.issuerKnown : t.issuerUnknown} />,
            ])}
          />
          <Title order={2} size="h4" my="sm">
            {t.policies}
          </Title>
          <Facts
            rows={[
              [t.hash, <Code key="hash">{state.policies.hash}</Code>],
              [t.state, state.policies.detail],
            ]}
          />
        </Section>
      </SimpleGrid>
      <Configuration settings={state.configuration} />
    </>
  );
};

const Section = ({ title, children }: { readonly title: string; readonly children: ReactNode }) => (
  <Paper withBorder p="md" component="section">
    <Title order={2} size="h4" mb="sm">
      {title}
    </Title>
    {children}
  </Paper>
);

const Health = ({ ok, note }: { readonly ok: boolean; readonly note: string }) => {
  const t = useTexts(systemText);
  return (
    <Group gap="xs">
      <Badge color={ok ? 'green' : 'red'} variant="light">
        {ok ? t.ok : t.broken}
      </Badge>
      <Text size="sm">{note}</Text>
    </Group>
  );
};

/** What is not known has no row. */
const Facts = ({ rows }: { readonly rows: readonly (readonly [label: string, value: ReactNode])[] }) => (
  <Table variant="vertical" layout="fixed" verticalSpacing={6}>
    <Table.Tbody>
      {rows
        .filter(([, value]) => value !== undefined)
        .map(([label, value]) => (
          <Table.Tr key={label}>
            <Table.Th scope="row" w="38%" className="wrap">
              {label}
            </Table.Th>
            <Table.Td className="wrap">{value}</Table.Td>
          </Table.Tr>
        ))}
    </Table.Tbody>
  </Table>
);

const Endpoints = ({ endpoints }: { readonly endpoints: readonly ChainEndpoint[] }) => {
  const t = useTexts(systemText);
  const format = useFormat();
  return (
    <ScrollArea type="auto" mt="sm">
      <Table>
        <Table.Thead>
          <Table.Tr>
            {[t.endpoint, t.state, t.height, t.failures, t.lies].map((label) => (
              <Table.Th key={label} scope="col">
                {label}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {endpoints.map(({ host, healthy, height, failures, lies }) => (
            <Table.Tr key={host}>
              <Table.Th scope="row">{host}</Table.Th>
              <Table.Td>{healthy ? t.ok : t.broken}</Table.Td>
              <Table.Td>{height === undefined ? '' : format.number(height)}</Table.Td>
              <Table.Td>{format.number(failures)}</Table.Td>
              <Table.Td>{format.number(lies)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  );
};

const Configuration = ({ settings }: { readonly settings: readonly Setting[] }) => {
  const t = useTexts(systemText);
  const [wanted, setWanted] = useState('');
  const shown = settings.filter(({ path }) => path.toLowerCase().includes(wanted.toLowerCase()));
  return (
    <Section title={t.configuration}>
      <Text size="sm" mb="sm">
        {t.configurationNote}
      </Text>
      <TextInput label={t.filter} value={wanted} onChange={(event) => setWanted(event.currentTarget.value)} mb="sm" />
      <ScrollArea type="auto">
        <Table miw={560}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">{t.setting}</Table.Th>
              <Table.Th scope="col">{t.value}</Table.Th>
              <Table.Th scope="col">{t.from}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {shown.map(({ path, value, origin }) => (
              <Table.Tr key={path}>
                <Table.Th scope="row">{path}</Table.Th>
                <Table.Td className="wrap">{value}</Table.Td>
                <Table.Td>{t.origins[origin]}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollArea>
    </Section>
  );
};

export default System;
