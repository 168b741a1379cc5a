import { Button, Group, Stack, Text, TextInput, Title } from '@mantine/core';
import type { FormEvent } from 'react';
import { useApi } from '../api.ts';
import { type Access, accessesOf } from '../my/accounting.ts';
import type { Bundle } from '../my/fhir.ts';
import { useTelling } from '../my/telling.ts';
import { useWords } from '../my/words.ts';
import { Loaded } from '../parts/loaded.tsx';
import { Link, navigate, useHere } from '../router.tsx';
import { auditText } from '../text/audit.ts';
import { useFormat, useTexts } from '../text.tsx';

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
  const { sentence, remarks } = useTelling();
  const { role, t: words } = useWords();
  /** As the ledger names them, so that a reader of the printed page can be answered. */
  const whoOf = (access: Access): string =>
    access.self
      ? words.you
      : access.who === ''
        ? words.nobody
        : [access.who, access.role === undefined ? '' : `(${role(access.role)})`].filter(Boolean).join(' ');
  const query = useApi<Bundle>(`/fhir/Patient/${patient}/$accounting-of-disclosures`);
  return (
    <Loaded query={query}>
      {(bundle) => {
        const accesses = accessesOf(bundle, patient);
        const days = Map.groupBy(accesses, ({ at }) => new Date(at).toDateString());
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
            {accesses.length === 0 ? <Text>{t.accountingNone}</Text> : null}
            {[...days].map(([day, told]) => (
              <section key={day}>
                <Title order={3} size="h5">
                  {format.day(new Date(day))}
                </Title>
                <ul>
                  {told.map((access) => (
                    <li key={access.id}>
                      {format.clock(access.at)} {whoOf(access)} {sentence(access)}. {remarks(access)}{' '}
                      <Link to={`audit/entry/${access.id}`}>{t.entryNumber(access.id)}</Link>
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
