import { Button, Group, Stack, Text, TextInput, Title } from '@mantine/core';
import type { FormEvent } from 'react';
import { useApi } from '../api.ts';
import { Loaded } from '../parts/loaded.tsx';
import { Link, navigate, useHere } from '../router.tsx';
import { auditText } from '../text/audit.ts';
import { useFormat, useTexts } from '../text.tsx';

interface Bundle {
  readonly entry?: readonly {
    readonly resource: { readonly id: string; readonly recorded: string; readonly outcomeDesc?: string };
  }[];
}

const isId = (text: string): boolean => /^[A-Za-z0-9.-]{1,64}$/.test(text);

/** The accounting of disclosures of one patient, ready for the printer. */
export const Accounting = () => {
  const t = useTexts(auditText);
  const patient = useHere().query.get('patient') ?? '';
  const open = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const wanted = String(new FormData(event.currentTarget).get('patient') ?? '').trim();
    if (isId(wanted)) navigate(`audit/accounting?patient=${encodeURIComponent(wanted)}`);
  };
  return (
    <Stack>
      <Text className="no-print">{t.accountingAbout}</Text>
      <form onSubmit={open} className="no-print" key={patient}>
        <Group align="flex-end">
          <TextInput name="patient" label={t.patient} defaultValue={patient} required autoComplete="off" />
          <Button type="submit">{t.show}</Button>
        </Group>
      </form>
      {isId(patient) ? <Report patient={patient} /> : null}
    </Stack>
  );
};

const Report = ({ patient }: { readonly patient: string }) => {
  const t = useTexts(auditText);
  const format = useFormat();
  const query = useApi<Bundle>(`/fhir/Patient/${patient}/$accounting-of-disclosures`);
  return (
    <Loaded query={query}>
      {({ entry = [] }) => {
        const days = Map.groupBy(entry, ({ resource }) => new Date(resource.recorded).toDateString());
        return (
          <Stack component="section" gap="sm">
            <Group justify="space-between">
              <Title order={2} size="h3">
                {t.accountingOf(patient)}
              </Title>
              <Button variant="default" className="no-print" onClick={() => print()}>
                {t.print}
              </Button>
            </Group>
            {entry.length === 0 ? <Text>{t.accountingNone}</Text> : null}
            {[...days].map(([day, told]) => (
              <section key={day}>
                <Title order={3} size="h5">
                  {format.day(new Date(day))}
                </Title>
                <ul>
                  {told.map(({ resource }) => (
                    <li key={resource.id}>
                      {resource.outcomeDesc} <Link to={`audit/entry/${resource.id}`}>{t.entryNumber(resource.id)}</Link>
                    </li>
                  ))}
                </ul>
              </section>
            ))}
          </Stack>
        );
      }}
    </Loaded>
  );
};
