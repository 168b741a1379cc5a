import { Button, Card, Group, Modal, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { useApi } from '../api.ts';
import { shellText } from '../text/shell.ts';
import { signingText } from '../text/signing.ts';
import { useTexts } from '../text.tsx';
import { type Outcome, useChange } from './change.tsx';
import { createPasskey, passkeysHere } from './passkey.ts';
import { type KeyChoice, moveKey, type Signing, signingPath } from './signing.ts';
import { walletAccount, walletHere } from './wallet.ts';

interface Props {
  readonly patient: string;
  readonly own: boolean;
  readonly tell: (outcome: Outcome) => void;
}

/** Which key signs for the patient, in words of what they have to do, and how that becomes another one. */
export const SigningCard = ({ patient, own, tell }: Props) => {
  const t = useTexts(signingText);
  const shell = useTexts(shellText);
  const [asking, setAsking] = useState<KeyChoice['how']>();
  // Nothing is known of a patient before their first choice; the hospital's key will sign that.
  const signing = useApi<Signing>(signingPath(patient));
  const change = useChange<KeyChoice['how']>(
    'moved',
    async (how) => moveKey(patient, await choice(how, t.passkeyName)),
    (outcome) => {
      setAsking(undefined);
      tell(outcome);
    },
  );
  const now = own ? (signing.data?.key?.how ?? 'kept') : 'wallet';
  const offered = (
    [
      ['passkey', signing.data?.passkeyVerifier !== undefined && passkeysHere()],
      ['wallet', walletHere() && now !== 'wallet'],
      ['kept', now !== 'kept'],
    ] as const
  ).flatMap(([how, possible]) => (own && possible ? how : []));
  return (
    <Card withBorder component="section">
      <Title order={2} size="h4" mb="xs">
        {t.title}
      </Title>
      <Text>{own ? t.now[now] : t.guardian}</Text>
      {offered.length === 0 ? null : (
        <Group mt="sm">
          {offered.map((how) => (
            <Button key={how} variant="default" className="wraps" onClick={() => setAsking(how)}>
              {how === now ? t.another : t.change[how]}
            </Button>
          ))}
        </Group>
      )}
      {asking === undefined ? null : (
        <Modal
          opened
          onClose={() => setAsking(undefined)}
          title={asking === now ? t.another : t.change[asking]}
          closeButtonProps={{ 'aria-label': shell.close }}
        >
          <Stack>
            <Text>{t.becomes[asking]}</Text>
            {now === 'kept' ? null : <Text>{t.presentFirst[now]}</Text>}
            <Text>{t.oldOne[now]}</Text>
            {asking === 'kept' ? null : <Text fw={600}>{t.loss}</Text>}
            <Group>
              <Button loading={change.isPending} onClick={() => change.mutate(asking)}>
                {t.agree}
              </Button>
              <Button variant="default" onClick={() => setAsking(undefined)}>
                {t.leave}
              </Button>
            </Group>
          </Stack>
        </Modal>
      )}
    </Card>
  );
};

const choice = async (how: KeyChoice['how'], name: string): Promise<KeyChoice> => {
  switch (how) {
    case 'kept':
      return { how };
    case 'wallet':
      return { how, account: await walletAccount() };
    case 'passkey':
      return { how, ...(await createPasskey(name)) };
  }
};
