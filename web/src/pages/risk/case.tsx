import { Alert, Button, Card, Group, List, Stack, Table, Text, Textarea, Title } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { CaseAnswer } from '../../../../src/domain/console/risk.ts';
import { call, queries, useApi } from '../../api.ts';
import { Loaded } from '../../parts/loaded.tsx';
import { ProblemAlert } from '../../parts/problem.tsx';
import { Told, usePhrase } from '../../parts/told.tsx';
import { Link } from '../../router.tsx';
import { riskText } from '../../text/risk.ts';
import { useFormat, useTexts } from '../../text.tsx';
import { ActionBadge } from './action-badge.tsx';
import { LinkMap } from './link-map.tsx';

/** One case: why it was raised, what is on record, the whole day, and the decision. */
export const CaseView = ({ id }: { readonly id: string }) => {
  const t = useTexts(riskText);
  const found = useApi<CaseAnswer>(`/api/v1/risk/cases/${id}`);
  return (
    <Stack>
      <Text>
        <Link to="risk">{t.case.back}</Link>
      </Text>
      <Loaded query={found} height={400}>
        {(answer) => <Found answer={answer} />}
      </Loaded>
    </Stack>
  );
};

const Found = ({ answer }: { readonly answer: CaseAnswer }) => {
  const t = useTexts(riskText);
  const format = useFormat();
  const phrase = usePhrase();
  const { case: known, day, patients } = answer;
  return (
    <Stack>
      <Group justify="space-between" align="flex-start">
        <Title order={2} size="h3" style={{ overflowWrap: 'anywhere' }}>
          {t.queue.day(known.user, known.days.map((each) => format.date(each)).join(', '))}
        </Title>
        <ActionBadge action={known.action} />
      </Group>
      <Text c="dimmed">
        {t.queue.figures(
          known.role,
          format.number(known.events),
          format.number(known.patients.length),
          format.percent(known.score),
        )}
      </Text>

      <Card withBorder>
        <Title order={3} size="h4" mb="xs">
          {t.case.why}
        </Title>
        <List>
          {known.reasons.map((reason) => (
            <List.Item key={reason}>
              <Told text={reason} />
            </List.Item>
          ))}
        </List>
      </Card>

      <Decision known={known} />

      <Card withBorder>
        <Title order={3} size="h4" mb="xs">
          {t.case.links}
        </Title>
        <LinkMap user={known.user} patients={patients} />
        <Region label={t.case.links}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t.case.patient}</Table.Th>
              <Table.Th>{t.case.accesses}</Table.Th>
              <Table.Th>{t.case.onRecord}</Table.Th>
              <Table.Th>{t.case.privateLinks}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {patients.map(({ patient, accesses, alerted, explanation, links }) => (
              <Table.Tr key={patient}>
                <Table.Td>{patient}</Table.Td>
                <Table.Td>{t.case.ofThem(format.number(Math.max(accesses, alerted)), format.number(alerted))}</Table.Td>
                <Table.Td>{explanation === undefined ? t.case.nothing : <Told text={explanation} />}</Table.Td>
                <Table.Td>{links.length === 0 ? t.case.noLink : links.map(phrase).join(' ')}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Region>
      </Card>

      <Card withBorder>
        <Title order={3} size="h4" mb="xs">
          {known.days.length > 1 ? t.case.days : t.case.day}
        </Title>
        {day.length === 0 ? (
          <Text c="dimmed">{t.case.noDay}</Text>
        ) : (
          <Region label={t.case.day}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t.case.time}</Table.Th>
                <Table.Th>{t.case.what}</Table.Th>
                <Table.Th>{t.case.patient}</Table.Th>
                <Table.Th>{t.case.outcome}</Table.Th>
                <Table.Th>{t.case.score}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {day.map((access) => (
                <Table.Tr key={access.requestId}>
                  <Table.Td>
                    {known.days.length > 1 ? format.time(new Date(access.at)) : format.clock(new Date(access.at))}
                  </Table.Td>
                  <Table.Td>{[access.interaction, access.type].filter(Boolean).join(' ')}</Table.Td>
                  <Table.Td>
                    {access.patients.length > 3
                      ? t.case.manyPatients(format.number(access.patients.length))
                      : access.patients.join(', ')}
                  </Table.Td>
                  <Table.Td>
                    {access.decision === 'permit'
                      ? t.case.released(format.number(access.returned))
                      : t.case.refused(access.code ?? '')}
                  </Table.Td>
                  <Table.Td>{access.score === undefined ? '' : format.percent(access.score)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Region>
        )}
      </Card>
    </Stack>
  );
};

/** A table that scrolls by itself on a narrow screen, by keyboard too. */
const Region = ({ label, children }: { readonly label: string; readonly children: React.ReactNode }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must take the focus (WCAG 2.1.1)
  <section aria-label={label} tabIndex={0} style={{ overflowX: 'auto', maxHeight: '28rem' }}>
    <Table miw={620} fz="sm" stickyHeader>
      {children}
    </Table>
  </section>
);

const Decision = ({ known }: { readonly known: CaseAnswer['case'] }) => {
  const t = useTexts(riskText);
  const format = useFormat();
  const [reason, setReason] = useState('');
  const decide = useMutation({
    mutationFn: (decision: 'confirmed' | 'dismissed') =>
      call(`/api/v1/risk/cases/${known.id}/decision`, { method: 'POST', body: { decision, reason } }),
    onSuccess: async () => {
      setReason('');
      await queries.invalidateQueries();
    },
  });
  const ready = reason.trim().length >= 8 && !decide.isPending;
  return (
    <Card withBorder>
      <Title order={3} size="h4" mb="xs">
        {t.case.decision}
      </Title>
      {known.decisions.map(({ decision, reviewer, reason: said, at }) => (
        <Alert key={reviewer} mb="sm" color={decision === 'confirmed' ? 'red' : 'green'}>
          <Text fw={600}>{t.case.decided(t.states[decision], reviewer, format.time(new Date(at)))}</Text>
          <Text>{said}</Text>
        </Alert>
      ))}
      {known.decisions.length === 0 ? null : <Text size="sm">{t.case.second}</Text>}
      <Textarea
        label={t.case.reason}
        description={t.case.reasonHelp}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        autosize
        minRows={2}
        maxLength={2000}
      />
      <Group mt="sm">
        <Button color="red" disabled={!ready} onClick={() => decide.mutate('confirmed')}>
          {t.case.confirm}
        </Button>
        <Button variant="default" disabled={!ready} onClick={() => decide.mutate('dismissed')}>
          {t.case.dismiss}
        </Button>
      </Group>
      {decide.isError ? <ProblemAlert error={decide.error} /> : null}
    </Card>
  );
};
