import { Alert, Badge, Button, Card, Group, List, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { choicesText } from '../text/choices.ts';
import { useFormat, useTexts } from '../text.tsx';
import { type Outcome, useChange } from './change.tsx';
import { revoke, type ShownGrant } from './consents.ts';
import { NarrowForm } from './narrow-form.tsx';
import { useWords } from './words.ts';

interface Props {
  readonly patient: string;
  readonly grant: ShownGrant;
  readonly name: string;
  readonly tell: (outcome: Outcome) => void;
}

/** One choice: about whom, what, what for, until when; and what can be done about it in two taps. */
export const GrantCard = ({ patient, grant, name, tell }: Props) => {
  const t = useTexts(choicesText);
  const [asking, setAsking] = useState<'revoke' | 'narrow'>();
  const taking = useChange<string>('revoked', (id) => revoke(patient, id), tell);
  const over = grant.state === 'expired';
  return (
    <Card withBorder component="article" aria-label={name}>
      <Stack gap="xs">
        <Group justify="space-between" wrap="nowrap" align="flex-start">
          <Title order={3} size="h5" className="wrap">
            {name}
          </Title>
          {over ? <Badge color="gray">{t.expired}</Badge> : null}
        </Group>
        <GrantSentences grant={grant} />
        {isTooBroad(grant) && !over ? (
          <Alert color="orange" title={t.tooBroad}>
            {t.tooBroadHelp}
          </Alert>
        ) : null}
        {over ? null : asking === 'revoke' ? (
          <Group>
            <Button
              color="red"
              loading={taking.isPending}
              onClick={() => taking.mutate(grant.id, { onError: () => setAsking(undefined) })}
            >
              {t.takeBackSure}
            </Button>
            <Button variant="default" onClick={() => setAsking(undefined)}>
              {t.keep}
            </Button>
          </Group>
        ) : (
          <Group gap="xs">
            <Button variant="default" px="sm" onClick={() => setAsking('revoke')}>
              {t.takeBack}
            </Button>
            {grant.effect === 'permit' ? (
              <Button variant="default" px="sm" onClick={() => setAsking('narrow')}>
                {t.narrow}
              </Button>
            ) : null}
          </Group>
        )}
      </Stack>
      {asking === 'narrow' ? (
        <NarrowForm patient={patient} grant={grant} name={name} tell={tell} close={() => setAsking(undefined)} />
      ) : null}
    </Card>
  );
};

/** Everything, for any end: what a person should not choose by mistake. */
export const isTooBroad = ({ effect, classes, until }: Pick<ShownGrant, 'effect' | 'classes' | 'until'>): boolean =>
  effect === 'permit' && classes === undefined && until === undefined;

const GrantSentences = ({ grant }: { readonly grant: ShownGrant }) => {
  const t = useTexts(choicesText);
  const format = useFormat();
  const { dataClass, label, purpose, list } = useWords();
  const { effect, actions = [], classes, labels = [], purposes, conditions = [], from, until } = grant;
  const what =
    classes === undefined ? (effect === 'deny' ? t.everythingDenied : t.everything) : list(classes.map(dataClass));
  const more = actions.filter((action) => action !== 'read' && action !== 'search');
  const future = from !== undefined && Date.parse(from) > Date.now();
  return (
    <List spacing={4} size="sm" listStyleType="none">
      <List.Item>
        <strong>{effect === 'deny' ? t.mayNot : t.may}:</strong> {what}
        {more.length === 0
          ? ''
          : ` (${list(more.map((action) => t.actions[action as keyof typeof t.actions] ?? action))})`}
      </List.Item>
      {labels.length === 0 ? null : <List.Item>{t.protectedToo(list(labels.map(label)))}</List.Item>}
      <List.Item>
        <strong>{t.forWhat}:</strong>{' '}
        {purposes === undefined ? t.anyPurpose : list([...new Set(purposes.map(purpose))])}
      </List.Item>
      {conditions.length === 0 ? null : (
        <List.Item>
          <strong>{t.only}:</strong>{' '}
          {list(conditions.map((each) => t.conditions[each as keyof typeof t.conditions] ?? each))}
        </List.Item>
      )}
      <List.Item>
        <Text span size="sm">
          {future ? `${t.from(format.dateOf(Date.parse(from)))} · ` : ''}
          {until === undefined ? t.forever : t.until(format.dateOf(Date.parse(until)))}
        </Text>
      </List.Item>
    </List>
  );
};
