import { Badge, Button, Card, Group, Spoiler, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { Proposal } from '../../../src/domain/policy/proposal.ts';
import { call, useApi } from '../api.ts';
import { useMe } from '../me.ts';
import { Loaded } from '../parts/loaded.tsx';
import { ProblemAlert } from '../parts/problem.tsx';
import { policiesText } from '../text/policies.ts';
import { useFormat, useTexts } from '../text.tsx';
import { Effects } from './change-panel.tsx';

interface Shown extends Proposal {
  readonly state: 'open' | 'scheduled' | 'in-force' | 'withdrawn' | 'overtaken';
  readonly needed: number;
  readonly approvers: readonly string[];
}

const colours = {
  open: 'blue',
  scheduled: 'grape',
  'in-force': 'green',
  withdrawn: 'gray',
  overtaken: 'orange',
} as const;

/** `issuer#user` as people say it. */
export const personOf = (name: string): string => name.slice(name.lastIndexOf('#') + 1);

/** Changes that wait for a second pair of eyes, and those that had it. */
export const ProposalsPanel = ({ readOnly }: { readonly readOnly: boolean }) => {
  const t = useTexts(policiesText);
  const proposals = useApi<{ readonly proposals: readonly Shown[] }>('/api/v1/policies/proposals', {
    everySeconds: 10,
  });
  return (
    <Loaded query={proposals}>
      {({ proposals: all }) =>
        all.length === 0 ? (
          <Text>{t.noProposals}</Text>
        ) : (
          <Stack>
            {all.toReversed().map((proposal) => (
              <ProposalCard key={proposal.id} proposal={proposal} readOnly={readOnly} />
            ))}
          </Stack>
        )
      }
    </Loaded>
  );
};

const ProposalCard = ({ proposal, readOnly }: { readonly proposal: Shown; readonly readOnly: boolean }) => {
  const t = useTexts(policiesText);
  const { time } = useFormat();
  const me = useMe();
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const { id, by, at, state, effects, approvals, needed, effectiveFrom, changes } = proposal;
  const act = useMutation({
    mutationFn: (what: 'approve' | 'withdraw') =>
      call(`/api/v1/policies/proposals/${id}/${what}`, { method: 'POST', body: what === 'approve' ? { reason } : {} }),
    onSettled: () => client.invalidateQueries(),
  });
  const ended = state !== 'open' && state !== 'scheduled';
  const own = personOf(by) === me.user;
  return (
    <Card withBorder component="section" aria-label={proposal.reason}>
      <Group justify="space-between">
        <Title order={2} size="h5">
          {proposal.reason}
        </Title>
        <Badge variant="light" color={colours[state]}>
          {t.state[state]}
        </Badge>
      </Group>
      <Text size="sm" c="dimmed">
        {t.proposedBy(personOf(by), time(new Date(at)))}
        {effectiveFrom === undefined ? '' : ` ${t.takesEffect(time(new Date(effectiveFrom)))}`}
      </Text>
      <Text size="sm">{t.changed(changes.map(({ name }) => name).join(', '))}</Text>
      <Spoiler maxHeight={160} showLabel={t.more} hideLabel={t.less} mt="xs" mb="xl">
        <Effects effects={effects} />
      </Spoiler>
      <Text size="sm">{t.approved(approvals.length, needed)}</Text>
      {approvals.map(({ approver, reason: why }) => (
        <Text size="sm" key={approver}>
          {personOf(approver)}: {why}
        </Text>
      ))}
      {act.error === null ? null : <ProblemAlert error={act.error} />}
      {ended || readOnly ? null : (
        <Group align="end" mt="sm">
          {state === 'scheduled' ? null : own ? (
            <Text size="sm">{t.someoneElse}</Text>
          ) : (
            <>
              <TextInput
                label={t.approvalReason}
                value={reason}
                onChange={({ currentTarget }) => setReason(currentTarget.value)}
              />
              <Button disabled={reason.trim() === ''} loading={act.isPending} onClick={() => act.mutate('approve')}>
                {t.approve}
              </Button>
            </>
          )}
          <Button variant="default" loading={act.isPending} onClick={() => act.mutate('withdraw')}>
            {t.withdraw}
          </Button>
        </Group>
      )}
    </Card>
  );
};
