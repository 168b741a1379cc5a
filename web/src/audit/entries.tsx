import { Button, Group, NativeSelect, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { problemCodes } from '../../../src/domain/problem.ts';
import { ApiError } from '../api.ts';
import { useCodeWords } from '../parts/code-words.ts';
import { ProblemAlert } from '../parts/problem.tsx';
import { navigate, useHere } from '../router.tsx';
import { accessToken } from '../session.ts';
import { auditText } from '../text/audit.ts';
import { useTexts } from '../text.tsx';
import { download } from './download.ts';
import { asked, filterNames, filterOf } from './filter.ts';
import { Rows } from './rows.tsx';
import { Summary } from './summary.tsx';

/** Filters, pictures and the list; the filter lives in the address, so that it can be linked to. */
export const Entries = () => {
  const { query } = useHere();
  const filter = filterOf(query);
  const key = filter.toString();
  return (
    <Stack>
      <Filters key={key} filter={filter} />
      <Summary filter={asked(filter)} shows="time" />
      <Rows key={`rows ${key}`} filter={asked(filter)} />
      <Summary filter={asked(filter)} shows="hours" />
    </Stack>
  );
};

const Filters = ({ filter }: { readonly filter: URLSearchParams }) => {
  const t = useTexts(auditText);
  const words = useCodeWords();
  const [exporting, setExporting] = useState(false);
  const [error, setError] = useState<unknown>(undefined);

  const apply = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const next = filterOf(new URLSearchParams(filterNames.map((name) => [name, String(form.get(name) ?? '')])));
    navigate(next.size === 0 ? 'audit' : `audit?${next.toString()}`);
  };
  const save = async (format: 'csv' | 'ndjson'): Promise<void> => {
    setExporting(true);
    setError(undefined);
    try {
      const wanted = asked(filter);
      wanted.set('format', format);
      const answer = await fetch(`/api/v1/audit/export?${wanted.toString()}`, {
        headers: { authorization: `Bearer ${accessToken() ?? ''}` },
        credentials: 'omit',
        cache: 'no-store',
      });
      if (!answer.ok) throw new ApiError(answer.status, 'unknown', '');
      download(`audit.${format}`, await answer.blob());
    } catch (problem) {
      setError(problem);
    } finally {
      setExporting(false);
    }
  };

  return (
    <form onSubmit={apply} aria-label={t.filters} className="no-print">
      <SimpleGrid cols={{ base: 2, md: 4 }} spacing="sm" verticalSpacing="sm">
        {(['patient', 'user', 'client', 'purpose'] as const).map((name) => (
          <TextInput key={name} name={name} label={t[name]} defaultValue={filter.get(name) ?? ''} autoComplete="off" />
        ))}
        <NativeSelect
          name="outcome"
          label={t.outcome}
          defaultValue={filter.get('outcome') ?? ''}
          data={[
            { value: '', label: '–' },
            { value: 'permit', label: t.outcomes.permit },
            { value: 'deny', label: t.outcomes.deny },
          ]}
        />
        <NativeSelect
          name="code"
          label={t.code}
          defaultValue={filter.get('code') ?? ''}
          data={[
            { value: '', label: '–' },
            ...problemCodes
              .map((value) => ({ value, label: words(value) }))
              .sort((a, b) => a.label.localeCompare(b.label)),
          ]}
        />
        <TextInput type="datetime-local" name="from" label={t.from} defaultValue={filter.get('from') ?? ''} />
        <TextInput type="datetime-local" name="until" label={t.until} defaultValue={filter.get('until') ?? ''} />
      </SimpleGrid>
      <Group mt="sm">
        <Button type="submit">{t.apply}</Button>
        <Button variant="default" onClick={() => navigate('audit')}>
          {t.clear}
        </Button>
        {(['csv', 'ndjson'] as const).map((format) => (
          <Button key={format} variant="default" disabled={exporting} onClick={() => void save(format)}>
            {t.exportAs[format]}
          </Button>
        ))}
        {exporting ? <Text role="status">{t.exporting}</Text> : null}
      </Group>
      {error === undefined ? null : <ProblemAlert error={error} />}
    </form>
  );
};
