import { Alert, Button, Card, Group, Select, SimpleGrid, Stack, Text, Textarea, TextInput, Title } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { consentActions, consentPurposes } from '../../../../src/domain/consent/grant.ts';
import type { ConsoleExplanation } from '../../../../src/domain/console/consent.ts';
import { call } from '../../api.ts';
import { consentText } from '../../text/consent.ts';
import { useTexts } from '../../text.tsx';
import { ProblemAlert } from '../problem.tsx';
import { Told } from '../told.tsx';

const fields = ['patient', 'person', 'organisation', 'roles'] as const;

const listOf = (text: string): readonly string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean);

/** Would this caller be let in, and why: decided as a call would be, and nothing is read. */
export const TryDecision = ({ patient }: { readonly patient: string | undefined }) => {
  const t = useTexts(consentText);
  const [form, setForm] = useState({ patient: patient ?? '', person: '', organisation: '', roles: '' });
  const [purpose, setPurpose] = useState<string>('TREAT');
  const [action, setAction] = useState<string>('read');
  const [resource, setResource] = useState('');
  const parsed = parse(resource);
  const decision = useMutation({
    mutationFn: async () => {
      const { roles, ...names } = form;
      const body = {
        ...Object.fromEntries(Object.entries(names).filter(([, value]) => value.trim() !== '')),
        ...(listOf(roles).length === 0 ? {} : { roles: listOf(roles) }),
        purpose,
        action,
        ...(parsed === undefined ? {} : { resource: parsed }),
      };
      return (await call<ConsoleExplanation>('/api/v1/consents/explain', { method: 'POST', body })).body;
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (parsed !== null) decision.mutate();
  };
  return (
    <Stack>
      <Text>{t.tryHelp}</Text>
      <form onSubmit={submit}>
        <Stack>
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            {fields.map((name) => (
              <TextInput
                key={name}
                label={t.field[name]}
                description={t.fieldHelp[name]}
                required={name === 'patient'}
                value={form[name]}
                onChange={({ currentTarget: { value } }) => setForm((now) => ({ ...now, [name]: value }))}
              />
            ))}
            <Select
              label={t.purpose}
              data={[...consentPurposes]}
              value={purpose}
              onChange={(value) => setPurpose(value ?? 'TREAT')}
              allowDeselect={false}
              comboboxProps={{ withinPortal: false }}
            />
            <Select
              label={t.action}
              data={[...consentActions]}
              value={action}
              onChange={(value) => setAction(value ?? 'read')}
              allowDeselect={false}
              comboboxProps={{ withinPortal: false }}
            />
          </SimpleGrid>
          <Textarea
            label={t.resource}
            description={t.resourceHelp}
            autosize
            minRows={3}
            maxRows={14}
            value={resource}
            onChange={({ currentTarget: { value } }) => setResource(value)}
            error={parsed === null ? t.noJson : undefined}
          />
          <Group>
            <Button type="submit" loading={decision.isPending}>
              {t.decide}
            </Button>
          </Group>
        </Stack>
      </form>
      <div aria-live="polite">
        {decision.isError ? <ProblemAlert error={decision.error} /> : null}
        {decision.data === undefined ? null : <Decided decision={decision.data} />}
      </div>
    </Stack>
  );
};

const Decided = ({ decision: { decision, reasons, grants } }: { readonly decision: ConsoleExplanation }) => {
  const t = useTexts(consentText);
  const words = decision in t.decided ? t.decided[decision as keyof typeof t.decided] : decision;
  return (
    <Card withBorder>
      <Stack gap="xs">
        <Alert color={decision === 'permit' ? 'green' : 'red'} variant="light">
          <Title order={2} size="h4">
            {words}
          </Title>
        </Alert>
        <ul>
          {reasons.map(({ rule, text }) => (
            <li key={`${rule} ${text}`}>
              <Told text={text} />{' '}
              <Text span size="sm" c="dimmed" className="wrap">
                ({rule})
              </Text>
            </li>
          ))}
        </ul>
        {grants.length === 0 ? null : (
          <>
            <Text fw={600}>{t.byGrants}</Text>
            <ul>
              {grants.map(({ id, grantee }) => (
                <li key={id} className="wrap">
                  {grantee ?? t.unnamed}{' '}
                  <Text span size="sm" c="dimmed">
                    {id}
                  </Text>
                </li>
              ))}
            </ul>
          </>
        )}
      </Stack>
    </Card>
  );
};

/** `undefined`: nothing was given; `null`: no JSON object. */
function parse(text: string): object | undefined | null {
  if (text.trim() === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
