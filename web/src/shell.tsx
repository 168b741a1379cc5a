import {
  Alert,
  AppShell,
  Badge,
  Burger,
  Button,
  Group,
  type MantineColorScheme,
  NavLink,
  Popover,
  SegmentedControl,
  Skeleton,
  Stack,
  Text,
  Title,
  useMantineColorScheme,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Suspense, useEffect, useRef } from 'react';
import type { Me } from '../../src/domain/console/page.ts';
import { MeContext } from './me.ts';
import { Boundary } from './parts/boundary.tsx';
import { Link, useHere } from './router.tsx';
import { type Route, routes } from './routes.ts';
import { leave, logOut } from './session.ts';
import { place, settings } from './settings.ts';
import { shellText } from './text/shell.ts';
import { languages, useLanguage, useTexts } from './text.tsx';

interface Props {
  readonly me: Me;
  readonly name: string;
  readonly ended: boolean;
}

export const Shell = ({ me, name, ended }: Props) => {
  const t = useTexts(shellText);
  const { page } = useHere();
  const [opened, { toggle, close }] = useDisclosure();
  const main = useRef<HTMLElement>(null);
  const mine = routes[place].filter((route) => opens(me, route));
  const shown = page === '' ? mine[0] : mine.find((route) => route.path === page);
  const title = shown === undefined ? '' : t.pages[shown.path];

  const first = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the page is what changed
  useEffect(() => {
    document.title = `${title === '' ? '' : `${title} · `}${t.product}`;
    if (first.current) first.current = false;
    else main.current?.focus();
  }, [page, title]);

  return (
    <MeContext value={me}>
      <a className="skip" href="#main">
        {t.skip}
      </a>
      <AppShell
        header={{ height: 56 }}
        navbar={{ width: 220, breakpoint: 'sm', collapsed: { mobile: !opened, desktop: false } }}
        padding="md"
        transitionDuration={0}
      >
        <AppShell.Header>
          <Group h="100%" px="md" justify="space-between" wrap="nowrap">
            <Group gap="sm" wrap="nowrap">
              <Burger
                opened={opened}
                onClick={toggle}
                hiddenFrom="sm"
                size="sm"
                aria-label={opened ? t.closeMenu : t.menu}
              />
              <Text fw={700} component="span">
                {t.product}
              </Text>
              <Text c="dimmed" component="span" visibleFrom="xs">
                {place === 'my' ? t.my : t.console}
              </Text>
              {settings.sandbox ? (
                <Badge variant="light" color="orange" visibleFrom="md" tt="none">
                  {t.sandbox}
                </Badge>
              ) : null}
            </Group>
            <Account name={name} />
          </Group>
        </AppShell.Header>
        <AppShell.Navbar p="xs" aria-label={t.navigation}>
          {mine.map(({ path }) => (
            <NavLink
              key={path}
              renderRoot={(props) => <Link {...props} to={path} />}
              label={t.pages[path]}
              active={path === shown?.path}
              aria-current={path === shown?.path ? 'page' : undefined}
              onClick={close}
            />
          ))}
        </AppShell.Navbar>
        <AppShell.Main id="main" ref={main} tabIndex={-1}>
          {ended ? (
            <Alert color="orange" role="alert" mb="md">
              <Group>
                {t.ended}
                <Button size="xs" onClick={() => void leave({})}>
                  {t.logIn}
                </Button>
              </Group>
            </Alert>
          ) : null}
          {shown === undefined ? (
            <Closed none={mine.length === 0} />
          ) : (
            <Boundary key={shown.path}>
              <Suspense fallback={<Skeleton height={240} />}>
                <shown.page />
              </Suspense>
            </Boundary>
          )}
        </AppShell.Main>
      </AppShell>
    </MeContext>
  );
};

const opens = (me: Me, { path }: Route): boolean =>
  place === 'my' ? me.patient !== undefined : me.pages.some((page) => page === path);

const Closed = ({ none }: { readonly none: boolean }) => {
  const t = useTexts(shellText);
  return (
    <Stack align="flex-start">
      {none ? null : <Title order={1}>{t.noPageTitle}</Title>}
      <Alert color="orange" role="alert">
        {none ? (place === 'my' ? t.noRecord : t.notYours) : t.noPage}
      </Alert>
      {none ? (
        <>
          <Text>{t.notYoursHelp}</Text>
          <Button onClick={() => void leave({ fresh: true })}>{t.logInAgain}</Button>
        </>
      ) : null}
    </Stack>
  );
};

const Account = ({ name }: { readonly name: string }) => {
  const t = useTexts(shellText);
  const { language, choose } = useLanguage();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Popover position="bottom-end" width={300} withinPortal={false} trapFocus returnFocus>
      <Popover.Target>
        <Button variant="default" size="sm" maw="45vw" className="account" aria-label={`${t.account}: ${name}`}>
          <Text truncate component="span" size="sm">
            {name}
          </Text>
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t.account}>
        <Stack gap="xs">
          <Text size="sm" fw={600}>
            {t.language}
          </Text>
          <SegmentedControl
            fullWidth
            aria-label={t.language}
            value={language}
            onChange={(chosen) => choose(chosen as keyof typeof languages)}
            data={Object.entries(languages).map(([value, label]) => ({ value, label }))}
          />
          <Text size="sm" fw={600}>
            {t.colours}
          </Text>
          <SegmentedControl
            fullWidth
            aria-label={t.colours}
            value={colorScheme}
            onChange={(scheme) => setColorScheme(scheme as MantineColorScheme)}
            data={[
              { value: 'light', label: t.light },
              { value: 'dark', label: t.dark },
              { value: 'auto', label: t.auto },
            ]}
          />
          <Button variant="default" onClick={logOut}>
            {t.logOut}
          </Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
};
