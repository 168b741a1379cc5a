import { Button, Code, Stack, Table, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { PolicyVersion } from '../../../src/domain/policy/in-force.ts';
import { call, useApi } from '../api.ts';
import { Loaded } from '../parts/loaded.tsx';
import { ProblemAlert } from '../parts/problem.tsx';
import { policiesText } from '../text/policies.ts';
import { useFormat, useTexts } from '../text.tsx';
import { personOf } from './proposals-panel.tsx';

type Version = Omit<PolicyVersion, 'files'>;

/** What was in force, when, by whom and why; and the way back. */
export const HistoryPanel = ({ readOnly }: { readonly readOnly: boolean }) => {
  const t = useTexts(policiesText);
  const { time } = useFormat();
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const history = useApi<{ readonly versions: readonly Version[] }>('/api/v1/policies/history', { everySeconds: 10 });
  const back = useMutation({
    mutationFn: (to: number) => call('/api/v1/policies/rollback', { method: 'POST', body: { reason, to } }),
    onSuccess: () => {
      setReason('');
      return client.invalidateQueries();
    },
  });
  return (
    <Loaded query={history}>
      {({ versions }) =>
        versions.length === 0 ? (
          <Text>{t.noHistory}</Text>
        ) : (
          <Stack>
            {readOnly ? null : (
              <TextInput
                label={t.rollbackReason}
                value={reason}
                onChange={({ currentTarget }) => setReason(currentTarget.value)}
                maw="30rem"
              />
            )}
            {back.error === null ? null : <ProblemAlert error={back.error} />}
            <Table.ScrollContainer minWidth={720} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
              <Table withTableBorder>
                <Table.Thead>
                  <Table.Tr>
                    {[t.version, t.when, t.who, t.why, t.approvedBy, t.hash].map((head) => (
                      <Table.Th key={head} scope="col">
                        {head}
                      </Table.Th>
                    ))}
                    {readOnly ? null : <Table.Td />}
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {versions.toReversed().map(({ number, at, by, reason: why, approvals, hash }, index) => (
                    <Table.Tr key={number}>
                      <Table.Td>{number}</Table.Td>
                      <Table.Td>{time(new Date(at))}</Table.Td>
                      <Table.Td>{by === undefined ? t.inTheFolder : personOf(by)}</Table.Td>
                      <Table.Td>{why}</Table.Td>
                      <Table.Td>{approvals.map(({ approver }) => personOf(approver)).join(', ') || '–'}</Table.Td>
                      <Table.Td>
                        <Code>{hash.slice(0, 12)}</Code>
                      </Table.Td>
                      {readOnly ? null : (
                        <Table.Td>
                          {index === 0 ? (
                            <Text size="sm">{t.inForce}</Text>
                          ) : (
                            <Button
                              size="xs"
                              variant="default"
                              disabled={reason.trim() === ''}
                              loading={back.isPending}
                              onClick={() => back.mutate(number)}
                            >
                              {t.putBack(number)}
                            </Button>
                          )}
                        </Table.Td>
                      )}
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          </Stack>
        )
      }
    </Loaded>
  );
};
