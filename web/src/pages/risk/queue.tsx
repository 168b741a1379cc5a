import { Card, Group, List, SegmentedControl, Stack, Text, Title } from '@mantine/core';
import type { CasesAnswer } from '../../../../src/domain/console/risk.ts';
import { useApi } from '../../api.ts';
import { Loaded } from '../../parts/loaded.tsx';
import { Told } from '../../parts/told.tsx';
import { Link, navigate, useHere } from '../../router.tsx';
import { riskText } from '../../text/risk.ts';
import { useFormat, useTexts } from '../../text.tsx';
import { ActionBadge } from './action-badge.tsx';

const states = ['open', 'confirmed', 'dismissed', 'all'] as const;

/** What was alerted, worst first. */
export const Queue = () => {
  const t = useTexts(riskText);
  const { query } = useHere();
  const state = states.find((each) => each === query.get('state')) ?? 'open';
  const cases = useApi<CasesAnswer>(`/api/v1/risk/cases?state=${state}&limit=100`, { everySeconds: 15 });
  return (
    <Stack>
      <Text>{t.queue.about}</Text>
      <SegmentedControl
        aria-label={t.queue.which}
        data={states.map((value) => ({ value, label: t.states[value] }))}
        value={state}
        onChange={(next) => navigate(next === 'open' ? 'risk' : `risk?state=${next}`)}
        style={{ alignSelf: 'flex-start', maxWidth: '100%' }}
      />
      <Loaded query={cases}>
        {({ cases: found }) =>
          found.length === 0 ? (
            <Text c="dimmed">{t.queue.none}</Text>
          ) : (
            <Stack component="ul" gap="sm" style={{ listStyle: 'none', padding: 0, margin: 0 }}>
              {found.map((each) => (
                <CaseCard key={each.id} found={each} />
              ))}
            </Stack>
          )
        }
      </Loaded>
    </Stack>
  );
};

const CaseCard = ({ found }: { readonly found: CasesAnswer['cases'][number] }) => {
  const t = useTexts(riskText);
  const format = useFormat();
  const { id, kind, user, role, day, days, action, score, state, patients, events, reasons } = found;
  return (
    <Card component="li" withBorder>
      <Group justify="space-between" align="flex-start" wrap="nowrap">
        <Title order={2} size="h5" style={{ overflowWrap: 'anywhere' }}>
          <Link to={`risk/cases/${id}`}>
            {kind === 'user-day'
              ? t.queue.day(user, [...new Set([day, days.at(-1) ?? day])].map((each) => format.date(each)).join(' – '))
              : t.queue.pair(user, patients[0] ?? '', days.length)}
          </Link>
        </Title>
        <ActionBadge action={action} />
      </Group>
      <Text size="sm" c="dimmed">
        {t.queue.figures(role, format.number(events), format.number(patients.length), format.percent(score))}
        {state === 'open' ? '' : ` · ${t.states[state]}`}
      </Text>
      <List size="sm" mt="xs">
        {reasons.slice(0, 3).map((reason) => (
          <List.Item key={reason}>
            <Told text={reason} />
          </List.Item>
        ))}
      </List>
    </Card>
  );
};
