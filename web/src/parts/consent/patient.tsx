import { Alert, Autocomplete, Badge, Button, Card, Group, Stack, Table, Text, Title } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { type FormEvent, useState } from 'react';
import type {
  ConsoleChain,
  ConsoleChange,
  ConsoleDelegate,
  ConsoleGrants,
} from '../../../../src/domain/console/consent.ts';
import { useApi } from '../../api.ts';
import { navigate } from '../../router.tsx';
import { consentText } from '../../text/consent.ts';
import { useFormat, useTexts } from '../../text.tsx';
import { Loaded } from '../loaded.tsx';
import { GrantCard } from './grant.tsx';

export const PatientConsents = ({ patient }: { readonly patient: string | undefined }) => (
  <Stack>
    <PatientSearch key={patient} patient={patient} />
    {patient === undefined ? null : <Found patient={patient} />}
  </Stack>
);

const PatientSearch = ({ patient }: { readonly patient: string | undefined }) => {
  const t = useTexts(consentText);
  const [typed, setTyped] = useState(patient ?? '');
  const [like] = useDebouncedValue(typed.trim(), 200);
  const known = useApi<{ readonly patients: readonly string[] }>(
    `/api/v1/consents/patients?like=${encodeURIComponent(like)}`,
  );
  const show = (id: string): void => navigate(`consent?view=patient&patient=${encodeURIComponent(id.trim())}`);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (typed.trim() !== '') show(typed);
  };
  return (
    <form onSubmit={submit}>
      <Group align="flex-end">
        <Autocomplete
          label={t.patient}
          description={t.patientHelp}
          value={typed}
          onChange={setTyped}
          onOptionSubmit={show}
          data={[...(known.data?.patients ?? [])]}
          filter={({ options }) => options}
          comboboxProps={{ withinPortal: false }}
          maxLength={64}
          flex={1}
          maw={420}
        />
        <Button type="submit">{t.show}</Button>
      </Group>
    </form>
  );
};

const Found = ({ patient }: { readonly patient: string }) => {
  const t = useTexts(consentText);
  const named = `patient=${encodeURIComponent(patient)}` as const;
  const grants = useApi<ConsoleGrants>(`/api/v1/consents?${named}`, { everySeconds: 5 });
  const chain = useApi<ConsoleChain>(`/api/v1/consents/chain?${named}`, { everySeconds: 5 });
  const delegates = useApi<{ readonly delegates: readonly ConsoleDelegate[] }>(`/api/v1/consents/delegates?${named}`);
  const history = useApi<{ readonly events: readonly ConsoleChange[] }>(`/api/v1/consents/history?${named}`);
  return (
    <Stack>
      <Loaded query={chain}>{(state) => <ChainState state={state} />}</Loaded>
      <Title order={2} size="h3">
        {t.grants}
      </Title>
      <Loaded query={grants}>
        {(found) =>
          found.grants.length === 0 ? (
            <Text>{t.noGrants}</Text>
          ) : (
            <Stack>
              {found.grants.map((grant) => (
                <GrantCard key={grant.id} grant={grant} patient={patient} />
              ))}
            </Stack>
          )
        }
      </Loaded>
      <Title order={2} size="h3">
        {t.delegates}
      </Title>
      <Loaded query={delegates}>{(found) => <Delegates delegates={found.delegates} />}</Loaded>
      <Title order={2} size="h3">
        {t.history}
      </Title>
      <Loaded query={history}>{(found) => <History events={found.events} />}</Loaded>
    </Stack>
  );
};

const ChainState = ({ state }: { readonly state: ConsoleChain }) => {
  const t = useTexts(consentText);
  const format = useFormat();
  const { head, problem, relay, pending } = state;
  return (
    <Card withBorder>
      <Stack gap="xs">
        <Text>
          {head === undefined ? t.noHead : t.asOf(format.number(head.block), format.time(new Date(head.time)))}
        </Text>
        {problem === undefined ? null : (
          <Alert color="orange">{problem in t.problem ? t.problem[problem as keyof typeof t.problem] : problem}</Alert>
        )}
        {relay === undefined ? null : (
          <Text>{t.relay(format.number(relay.pending), format.number(relay.mined), format.number(relay.failed))}</Text>
        )}
        {pending.length === 0 ? null : (
          <Group>
            {pending.map(({ kind, grant }) => (
              <Badge key={`${kind} ${grant}`} color="orange" variant="light">
                {t.onItsWay(kind in t.kind ? t.kind[kind as keyof typeof t.kind] : kind)}
              </Badge>
            ))}
          </Group>
        )}
        <Text size="sm" c="dimmed" className="wrap">
          {t.contract(String(state.chainId), state.contract)}
        </Text>
      </Stack>
    </Card>
  );
};

const Delegates = ({ delegates }: { readonly delegates: readonly ConsoleDelegate[] }) => {
  const t = useTexts(consentText);
  const format = useFormat();
  if (delegates.length === 0) return <Text>{t.noDelegates}</Text>;
  return (
    <Table.ScrollContainer minWidth={520} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t.account}</Table.Th>
            <Table.Th>{t.rights}</Table.Th>
            <Table.Th>{t.until}</Table.Th>
            <Table.Th>{t.state}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {delegates.map(({ delegate, rights, until, state }) => (
            <Table.Tr key={delegate}>
              <Table.Td>{delegate}</Table.Td>
              <Table.Td>
                {rights.map((right) => (right in t.right ? t.right[right as keyof typeof t.right] : right)).join(', ')}
              </Table.Td>
              <Table.Td>{until === undefined ? '' : format.time(new Date(until))}</Table.Td>
              <Table.Td>{t.delegateState[state]}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
};

const shownAtFirst = 20;

const History = ({ events }: { readonly events: readonly ConsoleChange[] }) => {
  const t = useTexts(consentText);
  const format = useFormat();
  const [all, setAll] = useState(false);
  if (events.length === 0) return <Text>{t.noHistory}</Text>;
  const newest = events.toReversed();
  return (
    <Stack align="flex-start">
      <Table.ScrollContainer minWidth={520} w="100%" scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t.when}</Table.Th>
              <Table.Th>{t.what}</Table.Th>
              <Table.Th>{t.whom}</Table.Th>
              <Table.Th>{t.by}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {(all ? newest : newest.slice(0, shownAtFirst)).map((event) => (
              <Table.Tr key={`${event.at} ${event.what} ${event.grant}`}>
                <Table.Td>{format.time(new Date(event.at))}</Table.Td>
                <Table.Td>
                  {event.what in t.change ? t.change[event.what as keyof typeof t.change] : event.what}
                  {event.reason === undefined ? '' : ` (${event.reason})`}
                </Table.Td>
                <Table.Td>{event.grantee?.reference ?? ''}</Table.Td>
                <Table.Td>{event.by}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {all || newest.length <= shownAtFirst ? null : (
        <Button variant="default" onClick={() => setAll(true)}>
          {t.showAll(format.number(newest.length))}
        </Button>
      )}
    </Stack>
  );
};
