import { Button, Center, Loader, Stack, Text, Title } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { Me } from '../../src/domain/console/page.ts';
import { useApi } from './api.ts';
import { Loaded } from './parts/loaded.tsx';
import { type LogIn, leave, onSessionEnd, type Session } from './session.ts';
import { place } from './settings.ts';
import { Shell } from './shell.tsx';
import { shellText } from './text/shell.ts';
import { useTexts } from './text.tsx';

/** From the log-in to the frame with its pages. */
export const App = ({ begun }: { readonly begun: Promise<LogIn> }) => {
  const [logIn, setLogIn] = useState<LogIn>({ state: 'leaving' });
  const [ended, setEnded] = useState(false);
  useEffect(() => {
    onSessionEnd(() => setEnded(true));
    void begun.then(setLogIn);
  }, [begun]);
  return logIn.state === 'in' ? <LoggedIn session={logIn.session} ended={ended} /> : <Door logIn={logIn} />;
};

const LoggedIn = ({ session, ended }: { readonly session: Session; readonly ended: boolean }) => {
  const me = useApi<Me>('/api/v1/me');
  return (
    <Loaded query={me} height="100vh">
      {(known) => <Shell me={known} name={session.name ?? known.user} ended={ended} />}
    </Loaded>
  );
};

/** Before anybody is logged in. */
const Door = ({ logIn }: { readonly logIn: Exclude<LogIn, { state: 'in' }> }) => {
  const t = useTexts(shellText);
  return (
    <Center component="main" mih="100vh" p="md">
      <Stack align="center" maw="28rem">
        <Title order={1} size="h2">
          {t.product}: {place === 'my' ? t.my : t.console}
        </Title>
        {logIn.state === 'leaving' ? (
          <>
            <Loader aria-hidden />
            <Text role="status">{t.leaving}</Text>
          </>
        ) : (
          <>
            <Text role="status" ta="center">
              {logIn.state === 'out' ? t.signedOut : t.failed[logIn.why]}
            </Text>
            <Button onClick={() => void leave({ fresh: true })}>
              {logIn.state === 'out' ? t.logIn : t.logInAgain}
            </Button>
          </>
        )}
      </Stack>
    </Center>
  );
};
