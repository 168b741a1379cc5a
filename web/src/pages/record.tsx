import {
  Alert,
  Badge,
  Button,
  Card,
  CopyButton,
  Group,
  Modal,
  Stack,
  Switch,
  Text,
  Textarea,
  Title,
} from '@mantine/core';
import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { call, callForText } from '../api.ts';
import { useMe } from '../me.ts';
import { type Access, accessesOf, byDayAndPerson } from '../my/accounting.ts';
import type { Bundle } from '../my/fhir.ts';
import { useNames } from '../my/names.ts';
import { useTelling } from '../my/telling.ts';
import { useWords } from '../my/words.ts';
import { Loaded } from '../parts/loaded.tsx';
import { ProblemAlert } from '../parts/problem.tsx';
import { save } from '../parts/save.ts';
import { hrefOf } from '../router.tsx';
import { recordText } from '../text/record.ts';
import { shellText } from '../text/shell.ts';
import { useFormat, useTexts } from '../text.tsx';

const PAGE = 100;

const Record = () => {
  const t = useTexts(recordText);
  const { patient = '', guardian } = useMe();
  const pages = useInfiniteQuery({
    queryKey: ['accounting', patient],
    initialPageParam: '',
    queryFn: async ({ pageParam }) =>
      accessesOf(
        (
          await call<Bundle>(
            `/fhir/Patient/${patient}/$accounting-of-disclosures?_count=${PAGE}${pageParam === '' ? '' : `&before=${pageParam}`}`,
          )
        ).body,
        patient,
      ),
    getNextPageParam: (last) => (last.length < PAGE ? undefined : last.at(-1)?.id),
  });
  return (
    <Stack maw="48rem">
      <Title order={1}>{t.title}</Title>
      {guardian === true ? <Alert color="blue">{t.guardian}</Alert> : null}
      <Text>{t.intro}</Text>
      <Loaded query={pages} height={320}>
        {(data) => <Days accesses={data.pages.flat()} />}
      </Loaded>
      {pages.hasNextPage ? (
        <Button
          variant="default"
          className="no-print"
          loading={pages.isFetchingNextPage}
          onClick={() => void pages.fetchNextPage()}
        >
          {t.older}
        </Button>
      ) : null}
    </Stack>
  );
};

const Days = ({ accesses }: { readonly accesses: readonly Access[] }) => {
  const t = useTexts(recordText);
  const format = useFormat();
  const { role: roleOf, t: words } = useWords();
  const [self, setSelf] = useState(false);
  const [asked, setAsked] = useState<Access>();
  const name = useNames(accesses.map(({ who }) => who));
  const shown = accesses.filter((access) => self || !access.self);
  const nameOf = (access: Pick<Access, 'who' | 'self'>): string =>
    access.self ? words.you : access.who === '' ? words.nobody : name(access.who);
  return (
    <>
      <Group justify="space-between" className="no-print">
        <Switch label={t.showSelf} checked={self} onChange={(event) => setSelf(event.currentTarget.checked)} />
        <Group gap="xs">
          <Button component="a" href={hrefOf('choices')} variant="default">
            {t.choices}
          </Button>
          <Button variant="default" onClick={() => print()}>
            {t.print}
          </Button>
        </Group>
      </Group>
      {shown.length === 0 ? <Text role="status">{t.empty}</Text> : null}
      {byDayAndPerson(shown).map(({ day, at, people }) => (
        <section key={day}>
          <Title order={2} size="h4" mb="xs">
            {format.day(at)}
          </Title>
          <Stack gap="sm">
            {people.map(({ who, role, accesses: own }) => (
              <Card key={who} withBorder>
                <Title order={3} size="h5">
                  {own[0] === undefined ? '' : nameOf(own[0])}
                </Title>
                {role === undefined || own[0]?.self === true ? null : (
                  <Text size="sm" c="dimmed">
                    {roleOf(role)}
                  </Text>
                )}
                <Stack component="ul" gap="md" className="plain-list" mt="sm">
                  {own.map((access) => (
                    <AccessItem key={access.id} access={access} who={nameOf(access)} ask={() => setAsked(access)} />
                  ))}
                </Stack>
              </Card>
            ))}
          </Stack>
        </section>
      ))}
      {asked === undefined ? null : <Question access={asked} who={nameOf(asked)} close={() => setAsked(undefined)} />}
    </>
  );
};

const AccessItem = ({
  access,
  who,
  ask,
}: {
  readonly access: Access;
  readonly who: string;
  readonly ask: () => void;
}) => {
  const t = useTexts(recordText);
  const format = useFormat();
  const { sentence, remarks } = useTelling();
  const { kind, self } = access;
  return (
    <li>
      <Group justify="space-between" align="flex-start" wrap="nowrap">
        <div>
          <Text>
            <Text span fw={600}>
              {format.clock(access.at)}
            </Text>{' '}
            {who} {sentence(access)}.{' '}
            {kind === 'refused' ? (
              <Badge color="orange" variant="light">
                {t.tagRefused}
              </Badge>
            ) : null}
            {kind === 'emergency' ? (
              <Badge color="red" variant="light">
                {t.tagEmergency}
              </Badge>
            ) : null}
          </Text>
          <Text size="sm">{remarks(access)}</Text>
        </div>
      </Group>
      <AccessActions id={access.id} {...(self ? {} : { ask })} />
    </li>
  );
};

const AccessActions = ({ id, ask }: { readonly id: string; readonly ask?: () => void }) => {
  const t = useTexts(recordText);
  const proof = useMutation({
    mutationFn: async () => save(await callForText(`/api/v1/disclosures/${id}/proof`), `access-${id}.tlog-proof`),
  });
  return (
    <>
      <Group gap="xs" ml={-7} className="no-print">
        {ask === undefined ? null : (
          <Button variant="subtle" size="compact-sm" onClick={ask}>
            {t.question}
          </Button>
        )}
        <Button
          variant="subtle"
          size="compact-sm"
          title={t.proofHelp}
          loading={proof.isPending}
          onClick={() => proof.mutate()}
        >
          {t.proof}
        </Button>
      </Group>
      {proof.isError ? <ProblemAlert error={proof.error} /> : null}
    </>
  );
};

const Question = ({
  access,
  who,
  close,
}: {
  readonly access: Access;
  readonly who: string;
  readonly close: () => void;
}) => {
  const t = useTexts(recordText);
  const shell = useTexts(shellText);
  const format = useFormat();
  const { sentence } = useTelling();
  const text = t.questionText(who, format.time(access.at), sentence(access), access.id);
  const mail = `mailto:?subject=${encodeURIComponent(t.mailSubject)}&body=${encodeURIComponent(text)}`;
  return (
    <Modal opened onClose={close} title={t.questionTitle} closeButtonProps={{ 'aria-label': shell.close }}>
      <Stack>
        <Text>{t.questionHelp}</Text>
        <Textarea aria-label={t.questionTitle} value={text} readOnly autosize data-autofocus />
        <Group>
          <CopyButton value={text}>
            {({ copied, copy }) => <Button onClick={copy}>{copied ? shell.copied : shell.copy}</Button>}
          </CopyButton>
          <Button component="a" href={mail} variant="default">
            {t.mail}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
};

export default Record;
