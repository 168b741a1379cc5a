import { NativeSelect, Table, Text } from '@mantine/core';
import { useMemo } from 'react';
import { type MethodName, type MethodOptions, methodNames } from '../../../src/domain/masking/method.ts';
import { classMethods, setClassMethod } from '../../../src/domain/policy/edit.ts';
import type { MatrixCell } from '../../../src/domain/policy/matrix.ts';
import { usePhrase } from '../parts/told.tsx';
import { policiesText } from '../text/policies.ts';
import { useTexts } from '../text.tsx';
import type { Place } from './yaml-editor.tsx';

export interface ClassInfo {
  readonly name: string;
  readonly title: string;
}

interface Props {
  readonly classes: readonly ClassInfo[];
  readonly text: string;
  /** What holds for the role of the file, inheritance included. */
  readonly cells: readonly MatrixCell[] | undefined;
  readonly taken: readonly string[];
  readonly readOnly: boolean;
  onChange(text: string): void;
  onPlace(place: Place): void;
}

/** Options without which a method means nothing; others are written in the YAML. */
const usualOptions = (method: MethodName, name: string): MethodOptions => {
  if (method === 'partial') return { last: 4 };
  if (method === 'date-shift') return { days: 365, time: 'keep' };
  if (method === 'perturb') return { percent: 5 };
  if (method !== 'generalise') return {};
  return { to: name === 'Postal codes' ? 'zip3' : name === 'Ages' ? 'ages' : 'year' };
};

/** Element class by action, for one policy file: the same text as the editor beside it. */
export const ClassForm = ({ classes, text, cells, taken, readOnly, onChange, onPlace }: Props) => {
  const t = useTexts(policiesText);
  const phrase = usePhrase();
  const said = useMemo(() => classMethods(text), [text]);
  const byClass = new Map(cells?.map((cell) => [cell.class, cell]));
  return (
    <Table.ScrollContainer minWidth={420} mah="34rem" scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table stickyHeader withTableBorder>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{t.elementClass}</Table.Th>
            <Table.Th scope="col">{t.action}</Table.Th>
            <Table.Th scope="col">{t.holds}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {classes.map(({ name, title: told }) => {
            const title = phrase(told);
            const cell = byClass.get(name);
            const rule = cell?.rules[0];
            return (
              <Table.Tr key={name}>
                <Table.Th scope="row" fw={500}>
                  {title}
                </Table.Th>
                <Table.Td>
                  <NativeSelect
                    aria-label={`${t.action}: ${title}`}
                    size="xs"
                    miw={150}
                    disabled={readOnly}
                    value={said.get(name)?.method ?? ''}
                    data={[{ value: '', label: t.unsaid }, ...methodNames]}
                    onChange={({ currentTarget }) => {
                      const method = methodNames.find((each) => each === currentTarget.value);
                      const edit =
                        method === undefined
                          ? { class: name }
                          : { class: name, method, options: usualOptions(method, name) };
                      onChange(setClassMethod(text, edit, taken));
                    }}
                  />
                </Table.Td>
                <Table.Td>
                  {cell === undefined ? null : (
                    <>
                      <Text size="sm">
                        {cell.mildest === cell.strictest ? cell.strictest : `${cell.mildest} – ${cell.strictest}`}
                      </Text>
                      {rule === undefined ? null : (
                        <button type="button" className="place" onClick={() => onPlace(rule)}>
                          {rule.id} ({rule.file}:{rule.line})
                        </button>
                      )}
                    </>
                  )}
                </Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
};
