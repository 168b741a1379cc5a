import { Badge, Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ConsoleGrant, ConsoleProof } from '../../../../src/domain/console/consent.ts';
import { call } from '../../api.ts';
import { consentText } from '../../text/consent.ts';
import { useFormat, useTexts } from '../../text.tsx';
import { ProblemAlert } from '../problem.tsx';

/** One grant or refusal: for whom, what, for what, until when, which conditions hold, and what the chain proves of it. */
export const GrantCard = ({ grant, patient }: { readonly grant: ConsoleGrant; readonly patient: string }) => {
  const t = useTexts(consentText);
  const format = useFormat();
  const { effect, grantee, state } = grant;
  const kind = grantee.kind in t.grantee ? t.grantee[grantee.kind as keyof typeof t.grantee] : grantee.kind;
  const span = (from: string | undefined, until: string | undefined): string =>
    [
      from === undefined ? '' : t.fromTime(format.time(new Date(from))),
      until === undefined ? '' : t.untilTime(format.time(new Date(until))),
    ]
      .filter(Boolean)
      .join(' ');
  const limits: readonly (readonly [string, string])[] = [
    [t.actions, grant.actions?.join(', ') ?? t.every],
    [t.purposes, grant.purposes?.join(', ') ?? t.every],
    [t.classes, grant.classes?.join(', ') ?? t.every],
    [t.labels, grant.labels?.join(', ') ?? (effect === 'permit' ? t.none : t.every)],
    [t.period, span(grant.from, grant.until) || t.always],
    ...(grant.dataFrom === undefined && grant.dataUntil === undefined
      ? []
      : [[t.dataPeriod, span(grant.dataFrom, grant.dataUntil)] as const]),
  ];
  return (
    <Card withBorder component="article" aria-label={`${t.effect[effect]}: ${grantee.reference ?? grantee.key}`}>
      <Stack gap="xs">
        <Group justify="space-between" wrap="nowrap" align="flex-start">
          <Title order={3} size="h5" className="wrap">
            {kind} {grantee.reference ?? t.unnamed}
          </Title>
          <Group gap="xs" wrap="nowrap" style={{ flexShrink: 0 }}>
            {state === 'active' ? null : (
              <Badge color="gray" variant="light" miw="fit-content">
                {t.grantState[state]}
              </Badge>
            )}
            <Badge color={effect === 'permit' ? 'green' : 'red'} variant="light" miw="fit-content">
              {t.effect[effect]}
            </Badge>
          </Group>
        </Group>
        <dl className="facts">
          {limits.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        {grant.conditions?.map((condition) => {
          const fact = grant.attestations.find((one) => one.condition === condition);
          const name = condition in t.condition ? t.condition[condition as keyof typeof t.condition] : condition;
          return (
            <Text key={condition} size="sm">
              {fact === undefined ? t.unmet(name) : t.met(name, format.time(new Date(fact.until)))}
            </Text>
          );
        })}
        <Proof grant={grant} patient={patient} />
      </Stack>
    </Card>
  );
};

const Proof = ({ grant, patient }: { readonly grant: ConsoleGrant; readonly patient: string }) => {
  const t = useTexts(consentText);
  const format = useFormat();
  const proof = useMutation({
    mutationFn: async () =>
      (await call<ConsoleProof>(`/api/v1/consents/${grant.id}/proof?patient=${encodeURIComponent(patient)}`)).body,
  });
  return (
    <Stack gap="xs" align="flex-start">
      <Text size="sm" c="dimmed" className="wrap">
        {t.grantedIn(format.number(grant.block), grant.id)}
      </Text>
      <Button
        variant="default"
        size="xs"
        loading={proof.isPending}
        onClick={() => proof.mutate()}
        aria-label={`${t.prove}: ${grant.grantee.reference ?? grant.id}`}
      >
        {t.prove}
      </Button>
      <div role="status">
        {proof.data === undefined ? null : (
          <Text size="sm" fw={600} className="wrap">
            {t.proof[proof.data.state]}{' '}
            {proof.data.block === undefined
              ? ''
              : t.inBlock(format.number(proof.data.block), proof.data.blockHash ?? '')}
          </Text>
        )}
      </div>
      {proof.isError ? <ProblemAlert error={proof.error} /> : null}
    </Stack>
  );
};
