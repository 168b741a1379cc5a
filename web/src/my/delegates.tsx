import { Button, Card, List, Stack, Text, TextInput, Title } from '@mantine/core';
import { useState } from 'react';
import { useApi } from '../api.ts';
import { choicesText } from '../text/choices.ts';
import { useFormat, useTexts } from '../text.tsx';
import { type Outcome, useChange } from './change.tsx';
import { type Delegate, delegate, endDelegate } from './consents.ts';

interface Props {
  readonly patient: string;
  readonly tell: (outcome: Outcome) => void;
}

export const Delegates = ({ patient, tell }: Props) => {
  const t = useTexts(choicesText);
  const format = useFormat();
  const [address, setAddress] = useState('');
  const [day, setDay] = useState('');
  const [tried, setTried] = useState(false);
  const change = useChange<{ readonly address: string; readonly until: string }>(
    'delegated',
    (wanted) => delegate(patient, wanted.address, wanted.until),
    tell,
  );
  const until = new Date(`${day}T23:59:59`);
  const badAddress = !/^0x[0-9a-fA-F]{40}$/.test(address);
  const badDay = Number.isNaN(until.getTime()) || until.getTime() <= Date.now();
  const ending = useChange<string>('ended', (account) => endDelegate(patient, account), tell);
  const known = useApi<{ readonly delegates: readonly Delegate[] }>(`/api/v1/consents/delegates?patient=${patient}`);
  const named = (known.data?.delegates ?? []).filter(({ state }) => state === 'active');
  return (
    <Card withBorder component="section">
      <Title order={2} size="h4" mb="xs">
        {t.delegates}
      </Title>
      <Text mb="sm">{t.delegatesText}</Text>
      {named.length === 0 ? (
        <Text size="sm">{t.delegateNone}</Text>
      ) : (
        <List size="sm" listStyleType="none">
          {named.map(({ delegate: account, until: end = '' }) => (
            <List.Item key={account} className="wrap">
              {t.delegateFor(account, format.dateOf(Date.parse(end)))}{' '}
              <Button
                variant="default"
                size="compact-sm"
                loading={ending.isPending}
                aria-label={`${t.delegateEnd}: ${account}`}
                onClick={() => ending.mutate(account)}
              >
                {t.delegateEnd}
              </Button>
            </List.Item>
          ))}
        </List>
      )}
      <details className="more">
        <summary>{t.delegateDo}</summary>
        <Stack mt="sm">
          <TextInput
            label={t.delegateAddress}
            description={t.delegateAddressHelp}
            value={address}
            onChange={(event) => setAddress(event.currentTarget.value.trim())}
            error={tried && badAddress ? t.delegateBad : undefined}
          />
          <TextInput
            type="date"
            label={t.delegateUntil}
            value={day}
            onChange={(event) => setDay(event.currentTarget.value)}
            error={tried && badDay ? t.chooseDate : undefined}
          />
          <Button
            loading={change.isPending}
            onClick={() => {
              setTried(true);
              if (badAddress || badDay) return;
              change.mutate({ address, until: until.toISOString() });
            }}
          >
            {t.delegateDo}
          </Button>
        </Stack>
      </details>
    </Card>
  );
};
