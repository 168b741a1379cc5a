import { Button, Card, Group, List, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { useApi } from '../api.ts';
import { useMe } from '../me.ts';
import { ChangeResult, type Outcome } from '../my/change.tsx';
import type { ConsentEvent, Grants } from '../my/consents.ts';
import { Delegates } from '../my/delegates.tsx';
import { Emergency, isClosing } from '../my/emergency.tsx';
import { GrantCard } from '../my/grant-card.tsx';
import { GrantForm, type Start } from '../my/grant-form.tsx';
import { useNames } from '../my/names.ts';
import { SigningCard } from '../my/signing-card.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { useHere } from '../router.tsx';
import { choicesText } from '../text/choices.ts';
import { useFormat, useTexts } from '../text.tsx';

const imagingAfterReferral: Start = { effect: 'permit', classes: ['demographics', 'imaging'], referral: true };

const Choices = () => {
  const t = useTexts(choicesText);
  const { patient = '', guardian } = useMe();
  const { query } = useHere();
  const grants = useApi<Grants>(`/api/v1/consents?patient=${patient}`);
  const history = useApi<{ readonly events: readonly ConsentEvent[] }>(`/api/v1/consents/history?patient=${patient}`);
  const [form, setForm] = useState<Start | undefined>(
    query.get('share') === 'imaging' ? imagingAfterReferral : undefined,
  );
  const [outcome, setOutcome] = useState<Outcome>();
  const tell = (told: Outcome): void => {
    setOutcome(told);
    scrollTo({ top: 0 });
  };
  const events = history.data?.events ?? [];
  const name = useNames([...(grants.data?.grants ?? []), ...events].flatMap(({ grantee }) => grantee?.reference ?? []));
  return (
    <Stack maw="48rem">
      <Title order={1}>{t.title}</Title>
      <Text>{guardian === true ? t.guardian : t.intro}</Text>
      {outcome === undefined ? null : <ChangeResult outcome={outcome} />}
      <Group>
        <Button onClick={() => setForm({ effect: 'permit' })}>{t.allow}</Button>
        <Button variant="default" onClick={() => setForm({ effect: 'deny' })}>
          {t.refuse}
        </Button>
        <Button variant="default" onClick={() => setForm(imagingAfterReferral)}>
          {t.quickImaging}
        </Button>
      </Group>
      <Loaded query={grants} height={240}>
        {(data) => (
          <>
            <Title order={2} size="h4">
              {t.active}
            </Title>
            {data.grants.every(isClosing) ? <Text>{t.none}</Text> : null}
            {data.grants
              .filter((grant) => !isClosing(grant))
              .sort((a, b) => Number(a.state === 'expired') - Number(b.state === 'expired'))
              .map((grant) => (
                <GrantCard
                  key={grant.id}
                  patient={patient}
                  grant={grant}
                  name={grant.grantee.reference === undefined ? t.somebody : name(grant.grantee.reference)}
                  tell={tell}
                />
              ))}
            <Emergency patient={patient} own={guardian !== true} grants={data.grants} tell={tell} />
          </>
        )}
      </Loaded>
      <Delegates patient={patient} tell={tell} />
      <SigningCard patient={patient} own={guardian !== true} tell={tell} />
      <History events={events} name={name} />
      {form === undefined ? null : (
        <GrantForm patient={patient} start={form} tell={tell} close={() => setForm(undefined)} />
      )}
    </Stack>
  );
};

const History = ({
  events,
  name,
}: {
  readonly events: readonly ConsentEvent[];
  readonly name: (reference: string) => string;
}) => {
  const t = useTexts(choicesText);
  const format = useFormat();
  const grantedAs = new Map(
    events.flatMap((event) => (event.grant && event.grantee ? [[event.grant, event] as const] : [])),
  );
  const words = (event: ConsentEvent): string => {
    const { effect, labels, grantee } = grantedAs.get(event.grant ?? '') ?? event;
    const who = grantee === undefined ? t.somebody : name(grantee.reference);
    if (effect !== undefined && isClosing({ effect, ...(labels === undefined ? {} : { labels }) }))
      return event.what === 'revoked' ? t.event.reopened : t.event.closed;
    switch (event.what) {
      case 'registered':
      case 'chain-refused':
        return t.event[event.what];
      case 'granted':
        return event.effect === 'deny' ? t.event.denied(who) : t.event.granted(who);
      case 'moved':
        return t.event.moved[event.key ?? 'kept'];
      case 'delegated':
        return t.event.delegated(event.delegate ?? t.somebody);
      case 'narrowed':
      case 'revoked':
        return t.event[event.what](who);
    }
  };
  return (
    <Card withBorder component="section">
      <Title order={2} size="h4" mb="xs">
        {t.history}
      </Title>
      {events.length === 0 ? (
        <Text size="sm">{t.historyNone}</Text>
      ) : (
        <List size="sm" listStyleType="none" spacing={4}>
          {[...events].reverse().map((event) => (
            <List.Item key={`${event.at} ${event.what} ${event.grant ?? event.delegate ?? ''}`} className="wrap">
              {format.time(Date.parse(event.at))}: {words(event)}
            </List.Item>
          ))}
        </List>
      )}
    </Card>
  );
};

export default Choices;
