import { Card, List, Switch, Text, Title } from '@mantine/core';
import { useApi } from '../api.ts';
import { Loaded } from '../parts/loaded.tsx';
import { choicesText } from '../text/choices.ts';
import { useFormat, useTexts } from '../text.tsx';
import { type Outcome, useChange } from './change.tsx';
import { grant, revoke, type ShownGrant } from './consents.ts';
import { useNames } from './names.ts';

interface Tasks {
  readonly tasks: readonly {
    readonly id: string;
    readonly user: string;
    readonly reason: string;
    readonly openedAt: string;
    readonly state: 'open' | 'overdue' | 'justified' | 'not-justified';
  }[];
}

interface Props {
  readonly patient: string;
  readonly own: boolean;
  readonly grants: readonly ShownGrant[];
  readonly tell: (outcome: Outcome) => void;
}

/** What happens when the patient cannot be asked, what may be opened in advance, and what happened so far. */
export const Emergency = ({ patient, own, grants, tell }: Props) => {
  const t = useTexts(choicesText);
  const format = useFormat();
  const standing = grants.filter(
    ({ effect, state, grantee, purposes }) =>
      effect === 'permit' && state === 'active' && grantee.kind === 'role' && purposes?.join() === 'ETREAT',
  );
  const change = useChange<boolean>(
    'granted',
    async (open) => {
      if (open)
        return grant(patient, [
          { grantee: { kind: 'role', reference: 'clinician' }, actions: ['read', 'search'], purposes: ['ETREAT'] },
        ]);
      for (const { id } of standing) await revoke(patient, id);
      return { state: 'on-chain' };
    },
    tell,
  );
  const tasks = useApi<Tasks>('/api/v1/break-glass', { enabled: own });
  const name = useNames([]);
  return (
    <Card withBorder component="section">
      <Title order={2} size="h4" mb="xs">
        {t.emergency}
      </Title>
      <Text mb="sm">{t.emergencyText}</Text>
      <Switch
        label={t.emergencyAllow}
        description={t.emergencyAllowHelp}
        checked={standing.length > 0}
        disabled={change.isPending}
        onChange={(event) => change.mutate(event.currentTarget.checked)}
      />
      {own ? (
        <>
          <Title order={3} size="h5" mt="md">
            {t.emergencyPast}
          </Title>
          <Loaded query={tasks} height={40}>
            {(data) =>
              data.tasks.length === 0 ? (
                <Text size="sm">{t.emergencyNone}</Text>
              ) : (
                <List size="sm" listStyleType="none">
                  {data.tasks.map(({ id, user, reason, openedAt, state }) => (
                    <List.Item key={id}>
                      {format.time(Date.parse(openedAt))}: {name(user)}, “{reason}”: {t.review[state]}
                    </List.Item>
                  ))}
                </List>
              )
            }
          </Loaded>
        </>
      ) : null}
    </Card>
  );
};
