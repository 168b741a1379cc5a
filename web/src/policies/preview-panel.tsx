import {
  Alert,
  Button,
  Code,
  Group,
  NativeSelect,
  SimpleGrid,
  Stack,
  Table,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useMemo, useState } from 'react';
import { withoutTests } from '../../../src/domain/policy/draft.ts';
import type { Preview } from '../../../src/domain/policy/preview.ts';
import type { PolicyTask } from '../../../src/domain/policy/task.ts';
import { usePhrase } from '../parts/told.tsx';
import { policiesText } from '../text/policies.ts';
import { useTexts } from '../text.tsx';
import { samples } from './samples.ts';
import type { Draft } from './use-draft.ts';
import { runTask, useTask } from './use-task.ts';
import type { Place } from './yaml-editor.tsx';

type PreviewTask = Extract<PolicyTask, { readonly kind: 'preview' }>;

interface Props {
  readonly draft: Draft;
  readonly roles: readonly string[];
  readonly role: string;
  readonly readOnly: boolean;
  onRole(role: string): void;
  onPlace(place: Place): void;
}

const today = (): string => new Date().toISOString().slice(0, 10);
const pretty = (text: string): string => {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
};

/** A resource before and after, as the draft would have it, with the rule and the line behind each masked element. */
export const PreviewPanel = ({ draft, roles, role, readOnly, onRole, onPlace }: Props) => {
  const t = useTexts(policiesText);
  const phrase = usePhrase();
  const [resource, setResource] = useState(samples.Patient ?? '');
  const [name, setName] = useState('');
  const [saved, setSaved] = useState<string>();
  // A red test stops a change, and not the look at what it would do.
  const files = useMemo(() => withoutTests(draft.files), [draft.files]);
  const task = useMemo(
    (): PreviewTask => ({
      kind: 'preview',
      files,
      requests: [{ role, asOf: today() }],
      resource: new TextEncoder().encode(resource),
    }),
    [files, role, resource],
  );
  const result = useTask(task);
  const preview = result?.ok === true ? result.previews[0] : undefined;

  const save = async (shown: Preview): Promise<void> => {
    const wanted = { name, role: shown.role, purpose: shown.purpose, asOf: today() };
    const answer = await runTask({
      kind: 'save-test',
      files: draft.files,
      wanted,
      resource: new TextEncoder().encode(resource),
    });
    if (!answer.ok) setSaved(t.notSaved);
    else if (!answer.saved.ok) setSaved(answer.saved.text);
    else {
      const { change } = answer.saved;
      draft.set(change.name, change.text ?? '');
      setSaved(t.saved(change.name));
    }
  };

  return (
    <Stack gap="sm">
      <Group align="end">
        <NativeSelect
          label={t.seenBy}
          value={role}
          data={[...roles]}
          onChange={({ currentTarget }) => onRole(currentTarget.value)}
        />
        <NativeSelect
          label={t.sample}
          data={[{ value: '', label: t.pasted }, ...Object.keys(samples)]}
          value={Object.keys(samples).find((each) => samples[each] === resource) ?? ''}
          onChange={({ currentTarget }) => setResource(samples[currentTarget.value] ?? resource)}
        />
      </Group>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Textarea
          label={t.before}
          value={resource}
          onChange={({ currentTarget }) => setResource(currentTarget.value)}
          autosize
          minRows={12}
          maxRows={22}
          spellCheck={false}
          styles={{ input: { fontFamily: 'monospace', fontSize: '0.8rem' } }}
        />
        <div>
          <Text component="h3" size="sm" fw={500} id="after">
            {t.after}
          </Text>
          {preview?.ok === true && preview.masked !== undefined ? (
            <Code block className="after" tabIndex={0} role="region" aria-labelledby="after">
              {pretty(preview.masked)}
            </Code>
          ) : (
            <Alert color="orange" role="status">
              {result === undefined
                ? t.working
                : !result.ok
                  ? t.doesNotLoad
                  : preview?.ok === true
                    ? t.withheld(phrase(preview.withheld ?? ''))
                    : preview?.text}
            </Alert>
          )}
        </div>
      </SimpleGrid>
      {preview?.ok !== true || preview.elements.length === 0 ? null : (
        <Table.ScrollContainer minWidth={560} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
          <Table withTableBorder captionSide="top">
            <Table.Caption>{t.masked(preview.elements.length)}</Table.Caption>
            <Table.Thead>
              <Table.Tr>
                {[t.element, t.action, t.rule].map((head) => (
                  <Table.Th key={head} scope="col">
                    {head}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {preview.elements.map((element) => (
                <Table.Tr key={element.path}>
                  <Table.Td>{element.path}</Table.Td>
                  <Table.Td>{element.method}</Table.Td>
                  <Table.Td>
                    {element.file === undefined || element.line === undefined ? (
                      element.rule
                    ) : (
                      <button
                        type="button"
                        className="place"
                        onClick={() => onPlace({ file: element.file ?? '', line: element.line ?? 1 })}
                      >
                        {element.rule} ({element.file}:{element.line})
                      </button>
                    )}
                    {element.because === undefined ? null : <Text size="xs">{element.because}</Text>}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {readOnly || preview?.ok !== true ? null : (
        <Group align="end">
          <TextInput label={t.testName} value={name} onChange={({ currentTarget }) => setName(currentTarget.value)} />
          <Button variant="default" disabled={name.trim() === ''} onClick={() => void save(preview)}>
            {t.saveTest}
          </Button>
          <Text size="sm" role="status">
            {saved}
          </Text>
        </Group>
      )}
    </Stack>
  );
};
