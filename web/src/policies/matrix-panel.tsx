import { Alert, Skeleton, Table } from '@mantine/core';
import { useMemo } from 'react';
import { withoutTests } from '../../../src/domain/policy/draft.ts';
import type { PolicyTask } from '../../../src/domain/policy/task.ts';
import { Told } from '../parts/told.tsx';
import { policiesText } from '../text/policies.ts';
import { useTexts } from '../text.tsx';
import type { ClassInfo } from './class-form.tsx';
import type { Draft } from './use-draft.ts';
import { useTask } from './use-task.ts';
import type { Place } from './yaml-editor.tsx';

type MatrixTask = Extract<PolicyTask, { readonly kind: 'matrix' }>;

/** The roles of the draft, or of the set in force, by element class. */
export const useMatrix = (draft: Draft) => {
  const task = useMemo((): MatrixTask => ({ kind: 'matrix', files: withoutTests(draft.files) }), [draft.files]);
  const result = useTask(task);
  return result?.ok === true ? result.rows : result?.ok === false ? 'broken' : undefined;
};

interface Props {
  readonly rows: ReturnType<typeof useMatrix>;
  readonly classes: readonly ClassInfo[];
  onPlace(place: Place): void;
}

export const MatrixPanel = ({ rows, classes, onPlace }: Props) => {
  const t = useTexts(policiesText);
  if (rows === 'broken') return <Alert color="red">{t.doesNotLoad}</Alert>;
  if (rows === undefined) return <Skeleton height={300} />;
  return (
    <Table.ScrollContainer minWidth={600} mah="40rem" scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table withTableBorder withColumnBorders stickyHeader fz="xs" captionSide="top">
        <Table.Caption>{t.matrixHint}</Table.Caption>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{t.elementClass}</Table.Th>
            {rows.map(({ plan, role, purpose }) => (
              <Table.Th scope="col" key={plan}>
                {role}
                <br />
                <small>{purpose}</small>
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {classes.map(({ name, title }) => (
            <Table.Tr key={name}>
              <Table.Th scope="row">
                <Told text={title} />
              </Table.Th>
              {rows.map(({ plan, cells }) => {
                const cell = cells.find((each) => each.class === name);
                const rule = cell?.rules[0];
                const told =
                  cell === undefined
                    ? ''
                    : cell.mildest === cell.strictest
                      ? cell.strictest
                      : `${cell.mildest} – ${cell.strictest}`;
                return (
                  <Table.Td key={plan}>
                    {rule === undefined ? (
                      told
                    ) : (
                      <button type="button" className="place" title={rule.id} onClick={() => onPlace(rule)}>
                        {told}
                      </button>
                    )}
                  </Table.Td>
                );
              })}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
};
