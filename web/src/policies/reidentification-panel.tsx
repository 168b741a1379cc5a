import { Alert, Button, FileButton, Group, NativeSelect, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { patientsIn, type ReidentificationRisk, sharesBySize } from '../../../src/domain/masking/reidentification.ts';
import { reidentificationPage } from '../../../src/domain/masking/reidentification-page.ts';
import { withoutTests } from '../../../src/domain/policy/draft.ts';
import { Bars } from '../parts/chart/chart.tsx';
import { save } from '../parts/save.ts';
import { policiesText } from '../text/policies.ts';
import { useFormat, useTexts } from '../text.tsx';
import type { Draft } from './use-draft.ts';
import { runTask } from './use-task.ts';

interface Props {
  readonly draft: Draft;
  readonly roles: readonly string[];
  readonly role: string;
  onRole(role: string): void;
}

/** How well the patients of a file could be told apart, before masking and as a role gets them. The file stays in the browser. */
export const ReidentificationPanel = ({ draft, roles, role, onRole }: Props) => {
  const t = useTexts(policiesText);
  const format = useFormat();
  const run = useMutation({
    mutationFn: async (file: File | null) => {
      const patients = file === null ? undefined : patientsIn(await file.text());
      if (patients === undefined) return t.noPatients;
      const request = { role, asOf: new Date().toISOString().slice(0, 10) };
      const result = await runTask({ kind: 'reidentification', files: withoutTests(draft.files), request, patients });
      if (!result.ok) return t.doesNotLoad;
      return result.report === undefined ? (result.refused ?? t.doesNotLoad) : { role, report: result.report };
    },
  });
  const told = run.data;
  const rows: readonly (readonly [string, (risk: ReidentificationRisk) => string])[] = [
    [t.people, ({ people }) => format.number(people)],
    [t.unique, ({ unique }) => format.percent(unique)],
    [t.belowEleven, ({ belowEleven }) => format.percent(belowEleven)],
    [t.smallestGroup, ({ smallest }) => format.number(smallest)],
    [t.highestChance, ({ highest }) => format.percent(highest)],
    [t.meanChance, ({ average }) => format.percent(average)],
  ];
  return (
    <Stack>
      <Text size="sm">{t.reidentificationHint}</Text>
      <Group align="end">
        <NativeSelect
          label={t.seenBy}
          value={role}
          data={[...roles]}
          onChange={({ currentTarget }) => {
            run.reset();
            onRole(currentTarget.value);
          }}
        />
        <FileButton onChange={(file) => run.mutate(file)} accept=".json,.ndjson">
          {(props) => (
            <Button {...props} loading={run.isPending}>
              {t.patientsFile}
            </Button>
          )}
        </FileButton>
        {typeof told === 'object' ? (
          <Button
            variant="default"
            onClick={() => save(reidentificationPage(told.report, told.role), 'reidentification.html', 'text/html')}
          >
            {t.saveReport}
          </Button>
        ) : null}
      </Group>
      {typeof told === 'string' ? (
        <Alert color="orange" role="status">
          {told}
        </Alert>
      ) : null}
      {run.isError ? <Alert color="red">{t.noPatients}</Alert> : null}
      {typeof told !== 'object' ? null : (
        <>
          <Table withTableBorder captionSide="top">
            <Table.Caption>{t.toldApart(told.report.before.by.join(', '), told.role)}</Table.Caption>
            <Table.Thead>
              <Table.Tr>
                <Table.Td />
                <Table.Th scope="col">{t.masking.before}</Table.Th>
                <Table.Th scope="col">{t.masking.after}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map(([label, value]) => (
                <Table.Tr key={label}>
                  <Table.Th scope="row">{label}</Table.Th>
                  <Table.Td>{value(told.report.before)}</Table.Td>
                  <Table.Td>{value(told.report.after)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
          <SimpleGrid cols={{ base: 1, md: 2 }}>
            {(['before', 'after'] as const).map((when) => (
              <section key={when}>
                <Title order={2} size="h5">
                  {t.masking[when]}
                </Title>
                <Bars
                  label={t.bySize(t.masking[when])}
                  of={t.groupSize}
                  series={[{ name: 'people', label: t.people, color: 'indigo.5' }]}
                  rows={sharesBySize(told.report[when]).map((share, at) => ({
                    label: Object.values(t.sizes)[at] ?? '',
                    // The axis counts in whole numbers.
                    values: { people: Math.round(share * told.report[when].people) },
                  }))}
                  number={format.number}
                />
              </section>
            ))}
          </SimpleGrid>
        </>
      )}
    </Stack>
  );
};
