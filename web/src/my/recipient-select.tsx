import { Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQueries } from '@tanstack/react-query';
import { useState } from 'react';
import type { GranteeKind } from '../../../src/domain/consent/grant.ts';
import { call } from '../api.ts';
import { choicesText } from '../text/choices.ts';
import { useTexts } from '../text.tsx';
import type { Bundle } from './fhir.ts';
import { nameOf } from './names.ts';

export interface Recipient {
  readonly kind: GranteeKind;
  readonly reference: string;
}

const searched = [
  { kind: 'person', type: 'Practitioner', by: 'name' },
  { kind: 'organisation', type: 'Organization', by: 'name' },
  { kind: 'study', type: 'ResearchStudy', by: 'title' },
] as const;

interface Props {
  readonly value: Recipient | undefined;
  readonly choose: (recipient: Recipient | undefined) => void;
  readonly error: string | undefined;
}

/** People, hospitals and studies by name, as the hospital's own directory has them. */
export const RecipientSelect = ({ value, choose, error }: Props) => {
  const t = useTexts(choicesText);
  const [typed, setTyped] = useState('');
  const [wanted] = useDebouncedValue(typed, 250);
  const name = wanted.replace(/[^\p{L}\p{M}\p{N} .'-]/gu, '').trim();
  const found = useQueries({
    queries: searched.map(({ type, by }) => ({
      queryKey: ['directory', type, name],
      staleTime: 60_000,
      placeholderData: keepPreviousData,
      queryFn: async () =>
        (
          await call<Bundle>(
            `/fhir/${type}?_count=20&_elements=name,title${name === '' ? '' : `&${by}=${encodeURIComponent(name)}`}`,
          )
        ).body,
    })),
  });
  const data = searched.map(({ kind }, index) => ({
    group: t.groups[kind],
    items: (found[index]?.data?.entry ?? []).flatMap(({ resource }) =>
      resource?.id === undefined
        ? []
        : [
            {
              value: `${kind} ${resource.resourceType}/${resource.id}`,
              label: nameOf(resource) ?? resource.id,
            },
          ],
    ),
  }));
  return (
    <Select
      label={t.who}
      description={t.whoHelp}
      searchable
      data={data}
      filter={({ options }) => options}
      value={value === undefined ? null : `${value.kind} ${value.reference}`}
      searchValue={typed}
      onSearchChange={setTyped}
      error={error}
      comboboxProps={{ withinPortal: false }}
      onChange={(chosen) => {
        const [kind, reference = ''] = (chosen ?? '').split(' ');
        choose(chosen === null ? undefined : { kind: kind as GranteeKind, reference });
      }}
    />
  );
};
