import { Badge, Button, Card, Group, SegmentedControl, Stack, Text, Textarea, Title } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { ConsoleReview } from '../../../../src/domain/console/consent.ts';
import { call, queries, useApi } from '../../api.ts';
import { Link } from '../../router.tsx';
import { consentText } from '../../text/consent.ts';
import { useFormat, useTexts } from '../../text.tsx';
import { Loaded } from '../loaded.tsx';
import { ProblemAlert } from '../problem.tsx';

const path = '/api/v1/break-glass';
const isOpen = ({ state }: ConsoleReview): boolean => state === 'open' || state === 'overdue';

/** Emergency access, each with the reason that was given: justified or not, by somebody else than who used it. */
export const Reviews = () => {
  const t = useTexts(consentText);
  const [shown, setShown] = useState('open');
  const reviews = useApi<{ readonly tasks: readonly ConsoleReview[] }>(path, { everySeconds: 10 });
  return (
    <Stack>
      <Text>{t.reviewHelp}</Text>
      <SegmentedControl
        aria-label={t.whichReviews}
        value={shown}
        onChange={setShown}
        data={[
          { value: 'open', label: t.openReviews },
          { value: 'all', label: t.allReviews },
        ]}
        maw={360}
      />
      <Loaded query={reviews}>
        {({ tasks }) => {
          const wanted = tasks.filter((task) => shown === 'all' || isOpen(task)).toReversed();
          if (wanted.length === 0) return <Text>{t.noReviews}</Text>;
          return (
            <Stack>
              {wanted.map((task) => (
                <Review key={task.id} task={task} />
              ))}
            </Stack>
          );
        }}
      </Loaded>
    </Stack>
  );
};

const colours = { open: 'orange', overdue: 'red', justified: 'green', 'not-justified': 'red' } as const;

const Review = ({ task }: { readonly task: ConsoleReview }) => {
  const t = useTexts(consentText);
  const format = useFormat();
  const [remark, setRemark] = useState('');
  const review = useMutation({
    mutationFn: (verdict: 'justified' | 'not-justified') =>
      call(`${path}/${task.id}/review`, {
        method: 'POST',
        body: remark.trim() === '' ? { verdict } : { verdict, remark: remark.trim() },
      }),
    onSuccess: () => queries.invalidateQueries({ queryKey: [path] }),
  });
  return (
    <Card withBorder component="article" aria-label={t.reviewOf(task.user, task.patient)}>
      <Stack gap="xs">
        <Group justify="space-between" align="flex-start" wrap="nowrap">
          <Title order={2} size="h5" className="wrap">
            {t.reviewOf(task.user, task.patient)}
          </Title>
          <Badge color={colours[task.state]} variant="light" style={{ flexShrink: 0 }}>
            {t.reviewState[task.state]}
          </Badge>
        </Group>
        <Text className="wrap">{t.reasonGiven(task.reason)}</Text>
        <Text size="sm">{t.openedAt(format.time(new Date(task.openedAt)))}</Text>
        {isOpen(task) ? (
          <Text size="sm">{t.reviewBy(format.time(new Date(task.reviewBy)))}</Text>
        ) : (
          <Text size="sm">{t.reviewedBy(task.reviewedBy ?? '')}</Text>
        )}
        <Text size="sm">
          <Link to={`consent?view=patient&patient=${encodeURIComponent(task.patient)}`}>{t.toPatient}</Link>
        </Text>
        {isOpen(task) ? (
          <>
            <Textarea
              label={t.remark}
              value={remark}
              maxLength={2000}
              onChange={({ currentTarget: { value } }) => setRemark(value)}
            />
            <Group>
              <Button loading={review.isPending} onClick={() => review.mutate('justified')}>
                {t.confirm}
              </Button>
              <Button
                color="red"
                variant="outline"
                loading={review.isPending}
                onClick={() => review.mutate('not-justified')}
              >
                {t.object}
              </Button>
            </Group>
          </>
        ) : null}
        {review.isError ? <ProblemAlert error={review.error} /> : null}
      </Stack>
    </Card>
  );
};
