import { Alert, Button, Group, List, NumberInput, Stack, Table, Text, Title } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReplayGroup, ReplayReport } from '../../../src/domain/policy/replay.ts';
import type { NotLoaded } from '../../../src/domain/policy/task.ts';
import { call } from '../api.ts';
import { ProblemAlert } from '../parts/problem.tsx';
import { policiesText } from '../text/policies.ts';
import { useFormat, useTexts } from '../text.tsx';
import type { Draft } from './use-draft.ts';

type Answer = (ReplayReport & { readonly ok: true; readonly complete: boolean }) | NotLoaded;

/** How the last days would have gone under the draft. */
export const ReplayPanel = ({ draft }: { readonly draft: Draft }) => {
  const t = useTexts(policiesText);
  const { number } = useFormat();
  const [days, setDays] = useState(7);
  const replay = useMutation({
    mutationFn: async () =>
      (await call<Answer>('/api/v1/policies/replay', { method: 'POST', body: { changes: draft.changes, days } })).body,
  });
  const report = replay.data?.ok === true ? replay.data : undefined;
  return (
    <Stack>
      <Text size="sm">{t.replayHint}</Text>
      <Group align="end">
        <NumberInput
          label={t.days}
          min={1}
          max={366}
          value={days}
          onChange={(value) => setDays(Number(value) || 1)}
          w={120}
        />
        <Button loading={replay.isPending} onClick={() => replay.mutate()}>
          {t.runReplay}
        </Button>
      </Group>
      {draft.changes.length === 0 ? <Alert color="blue">{t.noDraft}</Alert> : null}
      {replay.error === null ? null : <ProblemAlert error={replay.error} />}
      {replay.data?.ok === false ? <Alert color="red">{t.doesNotLoad}</Alert> : null}
      {report === undefined ? null : (
        <>
          <Text role="status">
            {t.replayed(number(report.calls), number(report.unjudged))} {report.complete ? '' : t.incomplete}
          </Text>
          {(['denied', 'allowed', 'exposed', 'hidden'] as const).map((kind) => (
            <Groups key={kind} title={t.replayKind[kind]} groups={report[kind]} />
          ))}
        </>
      )}
    </Stack>
  );
};

const Groups = ({ title, groups }: { readonly title: string; readonly groups: readonly ReplayGroup[] }) => {
  const t = useTexts(policiesText);
  const { number } = useFormat();
  return (
    <section>
      <Title order={2} size="h5">
        {title}
      </Title>
      {groups.length === 0 ? (
        <Text size="sm">{t.nobody}</Text>
      ) : (
        <Table.ScrollContainer minWidth={640} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
          <Table withTableBorder>
            <Table.Thead>
              <Table.Tr>
                {[t.role, t.client, t.type, t.calls, t.resources, t.why].map((head) => (
                  <Table.Th key={head} scope="col">
                    {head}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {groups.map(({ role, purpose, client, type, calls, resources, because }) => (
                <Table.Tr key={`${role} ${purpose} ${client} ${type}`}>
                  <Table.Td>
                    {role} ({purpose})
                  </Table.Td>
                  <Table.Td>{client}</Table.Td>
                  <Table.Td>{type}</Table.Td>
                  <Table.Td>{number(calls)}</Table.Td>
                  <Table.Td>{number(resources)}</Table.Td>
                  <Table.Td>
                    <List size="sm">
                      {because.map((reason) => (
                        <List.Item key={reason}>{reason}</List.Item>
                      ))}
                    </List>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </section>
  );
};
