import { Badge, Card, Stack, Text, Title } from '@mantine/core';
import type { LedgerEntry } from '../../../src/domain/ledger/entry.ts';
import { Told } from '../parts/told.tsx';
import { auditText } from '../text/audit.ts';
import { useFormat, useTexts } from '../text.tsx';

/** One decision, from who asked to what left, in the order in which it was judged. */
export const Story = ({ entry }: { readonly entry: LedgerEntry }) => {
  const t = useTexts(auditText);
  const format = useFormat();
  const { actor, interaction, outcome, consent, risk } = entry;
  const target = [
    interaction?.kind,
    interaction?.type,
    interaction?.id,
    interaction?.operation && `$${interaction.operation}`,
  ]
    .filter(Boolean)
    .join(' ');
  const facts: readonly (readonly [keyof (typeof t)['facts'], string | undefined])[] = [
    ['when', format.time(entry.at)],
    ['who', actor === undefined ? t.nobody : [actor.user, actor.fhirUser].filter(Boolean).join(' · ')],
    ['client', actor?.client],
    ['organisation', actor?.organisation],
    ['roles', actor?.roles.join(', ')],
    ['purpose', entry.purpose],
    ['reason', entry.reason],
    ['what', interaction?.query === undefined ? target : `${target}?${interaction.query}`],
    ['patients', entry.patients.join(', ')],
    ['resources', entry.resources.join(', ')],
    ['returned', format.number(outcome.returned)],
    ['withheld', format.number(outcome.withheld)],
    ['masked', format.number(outcome.masked)],
    ['consent', consent && `${consent.basis} · ${consent.grants.join(', ')} · ${format.number(consent.block)}`],
    ['risk', risk && `${format.number(risk.score, 3)} · ${risk.action} · ${risk.reasons.join(', ')}`],
    ['policy', entry.policy?.hash],
    ['request', entry.requestId],
  ];
  return (
    <Stack>
      <Card withBorder>
        <dl className="story-facts">
          {facts.map(([name, value]) =>
            value === undefined || value === '' ? null : (
              <div key={name} style={{ display: 'contents' }}>
                <dt>{t.facts[name]}</dt>
                <dd>{value}</dd>
              </div>
            ),
          )}
        </dl>
      </Card>
      <Card withBorder component="section">
        <Title order={2} size="h4" mb="xs">
          {t.story}
        </Title>
        <ol className="stages">
          {entry.story.map(({ stage, rule, text }, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a story is never reordered, and a stage may stand in it twice
            <li key={i}>
              <Badge variant="light" tt="none" mr="xs">
                {stage}
              </Badge>
              <Told text={text} />{' '}
              <Text span size="sm" c="dimmed" className="long">
                {rule}
              </Text>
            </li>
          ))}
        </ol>
      </Card>
    </Stack>
  );
};
