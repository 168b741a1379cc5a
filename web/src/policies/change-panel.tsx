import { Alert, Badge, Button, Group, List, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { PolicyChange } from '../../../src/domain/policy/diff.ts';
import type { PolicyFault } from '../../../src/domain/policy/fault.ts';
import { call } from '../api.ts';
import { ProblemAlert } from '../parts/problem.tsx';
import { policiesText } from '../text/policies.ts';
import { useTexts } from '../text.tsx';
import type { Draft } from './use-draft.ts';

type Compared =
  | { readonly ok: true; readonly changes: readonly PolicyChange[]; readonly approvers: number }
  | { readonly ok: false; readonly faults: readonly PolicyFault[] };

/** What a change does for whom, one sentence each; the sign is said and not only coloured. */
export const Effects = ({ effects }: { readonly effects: readonly PolicyChange[] }) => {
  const t = useTexts(policiesText);
  if (effects.length === 0) return <Text size="sm">{t.noEffect}</Text>;
  return (
    <List size="sm" spacing={4}>
      {effects.map(({ kind, role, purpose, path, text }) => (
        <List.Item key={`${kind} ${role} ${purpose} ${path} ${text}`}>
          <Badge size="sm" variant="light" color={kind === 'widens' ? 'red' : 'green'} mr="xs">
            {kind === 'widens' ? t.widens : t.narrows}
          </Badge>
          {text}
        </List.Item>
      ))}
    </List>
  );
};

interface Props {
  readonly draft: Draft;
  readonly stopped: boolean;
  onProposed(): void;
}

/** From a draft to a proposal: what it changes, why, and from when. */
export const ChangePanel = ({ draft, stopped, onProposed }: Props) => {
  const t = useTexts(policiesText);
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const [from, setFrom] = useState('');
  const { changes } = draft;
  const compare = useMutation({
    mutationFn: async () => (await call<Compared>('/api/v1/policies/diff', { method: 'POST', body: { changes } })).body,
  });
  const propose = useMutation({
    mutationFn: () =>
      call('/api/v1/policies/proposals', {
        method: 'POST',
        body: { changes, reason, ...(from === '' ? {} : { effectiveFrom: new Date(from).toISOString() }) },
      }),
    onSuccess: async () => {
      draft.discard();
      await client.invalidateQueries();
      onProposed();
    },
  });
  return (
    <Stack gap="sm">
      <Text size="sm">{t.changed(changes.map(({ name }) => name).join(', '))}</Text>
      <Group>
        <Button variant="default" loading={compare.isPending} onClick={() => compare.mutate()}>
          {t.compare}
        </Button>
        <Button variant="subtle" onClick={draft.discard}>
          {t.discard}
        </Button>
      </Group>
      {compare.error === null ? null : <ProblemAlert error={compare.error} />}
      {compare.data === undefined ? null : compare.data.ok ? (
        <div role="status">
          <Effects effects={compare.data.changes} />
          <Text size="sm" mt="xs">
            {t.approversNeeded(compare.data.approvers)}
          </Text>
        </div>
      ) : (
        <Alert color="red">{t.doesNotLoad}</Alert>
      )}
      <Textarea
        label={t.reason}
        value={reason}
        onChange={({ currentTarget }) => setReason(currentTarget.value)}
        autosize
      />
      <TextInput
        type="datetime-local"
        label={t.effectiveFrom}
        description={t.effectiveFromHint}
        value={from}
        onChange={({ currentTarget }) => setFrom(currentTarget.value)}
        w="fit-content"
      />
      {stopped ? (
        <Alert color="red" role="status">
          {t.stopped}
        </Alert>
      ) : null}
      {propose.error === null ? null : <ProblemAlert error={propose.error} />}
      <Button
        w="fit-content"
        disabled={stopped || reason.trim() === ''}
        loading={propose.isPending}
        onClick={() => propose.mutate()}
      >
        {t.propose}
      </Button>
    </Stack>
  );
};
