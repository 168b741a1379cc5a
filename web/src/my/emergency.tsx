import { Alert, Button, Card, Group, List, Radio, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
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

type Way = 'reason' | 'atOnce' | 'closed';

/** Names no caller: a refusal that names the label marks the whole record, whoever asks. */
const closing = {
  effect: 'deny',
  grantee: { kind: 'role', reference: 'emergency' },
  labels: ['NO-OVERRIDE'],
} as const;

export const isClosing = ({ effect, labels }: Pick<ShownGrant, 'effect' | 'labels'>): boolean =>
  effect === 'deny' && labels?.includes('NO-OVERRIDE') === true;

const isAtOnce = ({ effect, grantee, purposes }: ShownGrant): boolean =>
  effect === 'permit' && grantee.kind === 'role' && purposes?.join() === 'ETREAT';

/** What happens when the patient cannot be asked, what the patient wants then, and what happened so far. */
export const Emergency = ({ patient, own, grants, tell }: Props) => {
  const t = useTexts(choicesText);
  const format = useFormat();
  // Held here from the click until the lists are read again: a radio that waits for the answer would jump back first.
  const [wanted, setWanted] = useState<Way>();
  const active = grants.filter(({ state }) => state === 'active');
  const now: Way = active.some(isClosing) ? 'closed' : active.some(isAtOnce) ? 'atOnce' : 'reason';
  const change = useChange<Way>(
    'granted',
    async (way) => {
      const ended = [];
      for (const each of active) if (isClosing(each) || isAtOnce(each)) ended.push(await revoke(patient, each.id));
      const late = ended.find(({ state }) => state !== 'on-chain');
      if (way === 'reason' || late?.state === 'refused') return late ?? { state: 'on-chain' };
      const atOnce = { grantee: { kind: 'role', reference: 'clinician' }, purposes: ['ETREAT'] } as const;
      return grant(patient, [way === 'closed' ? closing : { ...atOnce, actions: ['read', 'search'] }]);
    },
    tell,
  );
  const asking = wanted === 'closed' && now !== 'closed';
  const become = (way: Way) => change.mutate(way, { onSettled: () => setWanted(undefined) });
  const tasks = useApi<Tasks>('/api/v1/break-glass', { enabled: own });
  const name = useNames([]);
  return (
    <Card withBorder component="section">
      <Title order={2} size="h4" mb="xs">
        {t.emergency}
      </Title>
      <Text mb="sm">{t.emergencyText}</Text>
      <Radio.Group
        label={t.emergencyHow}
        value={wanted ?? now}
        onChange={(value) => {
          const way = value as Way;
          setWanted(way === now ? undefined : way);
          if (way !== 'closed' && way !== now) become(way);
        }}
      >
        <Stack gap="xs" mt="xs">
          {(['reason', 'atOnce', 'closed'] as const).map((way) => (
            <Radio
              key={way}
              value={way}
              label={t.emergencyWays[way]}
              description={t.emergencyWaysHelp[way]}
              disabled={change.isPending}
            />
          ))}
        </Stack>
      </Radio.Group>
      {asking ? (
        <Alert color="red" role="alert" mt="sm" title={t.closeTitle}>
          <Stack>
            <Text>{t.closeWarning}</Text>
            <Group>
              <Button color="red" loading={change.isPending} onClick={() => become('closed')}>
                {t.closeSure}
              </Button>
              <Button variant="default" onClick={() => setWanted(undefined)}>
                {t.closeNot}
              </Button>
            </Group>
          </Stack>
        </Alert>
      ) : null}
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
