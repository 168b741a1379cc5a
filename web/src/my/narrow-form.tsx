import { Button, Checkbox, Modal, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { actionBit, classBit, conditionBit, purposeBit } from '../../../src/domain/consent/bits.ts';
import { dataClasses } from '../../../src/domain/consent/grant.ts';
import { labelClosure } from '../../../src/domain/consent/labels.ts';
import { choicesText } from '../text/choices.ts';
import { shellText } from '../text/shell.ts';
import { useTexts } from '../text.tsx';
import { type Outcome, useChange } from './change.tsx';
import { narrow, type ShownGrant } from './consents.ts';
import { useWords } from './words.ts';

interface Props {
  readonly patient: string;
  readonly grant: ShownGrant;
  readonly name: string;
  readonly tell: (outcome: Outcome) => void;
  readonly close: () => void;
}

/** Takes kinds of data away from a choice and leaves the rest as it is. */
export const NarrowForm = ({ patient, grant, name, tell, close }: Props) => {
  const t = useTexts(choicesText);
  const shell = useTexts(shellText);
  const { dataClass } = useWords();
  const offered = grant.classes ?? dataClasses;
  const [kept, setKept] = useState<readonly string[]>(offered);
  const change = useChange<readonly string[]>(
    'narrowed',
    (classes) => {
      const { actions, purposes, labels, conditions, from, until, dataFrom, dataUntil } = grant;
      const scope = { actions, purposes, classes, labels, conditions, from, until, dataFrom, dataUntil };
      return narrow(
        patient,
        grant.id,
        Object.fromEntries(Object.entries(scope).filter(([, value]) => value)),
        bitsOf(scope),
      );
    },
    (outcome) => {
      tell(outcome);
      close();
    },
  );
  return (
    <Modal opened onClose={close} title={t.narrowTitle(name)} closeButtonProps={{ 'aria-label': shell.close }}>
      <Stack>
        <Text>{t.narrowHelp}</Text>
        <Checkbox.Group value={[...kept]} onChange={setKept} label={t.may}>
          <Stack gap="xs" mt="xs">
            {offered.map((each) => (
              <Checkbox key={each} value={each} label={dataClass(each)} />
            ))}
          </Stack>
        </Checkbox.Group>
        <Button
          disabled={kept.length === 0 || kept.length === offered.length}
          loading={change.isPending}
          onClick={() => change.mutate(kept)}
        >
          {t.narrowDo}
        </Button>
      </Stack>
    </Modal>
  );
};

interface Scope {
  readonly actions?: readonly string[] | undefined;
  readonly purposes?: readonly string[] | undefined;
  readonly classes: readonly string[];
  readonly labels?: readonly string[] | undefined;
  readonly conditions?: readonly string[] | undefined;
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  readonly dataFrom?: string | undefined;
  readonly dataUntil?: string | undefined;
}

/** As the gateway reads the same words, so that a wallet signs what the gateway brings to the registry. */
function bitsOf(scope: Scope): Parameters<typeof narrow>[3] {
  const bits = (names: readonly string[] | undefined, bit: (name: string) => number): number =>
    (names ?? []).reduce((sum, name) => sum | bit(name), 0);
  const seconds = (time: string | undefined): never =>
    (time === undefined ? 0 : Math.floor(Date.parse(time) / 1000)) as never;
  return {
    actions: bits(scope.actions, actionBit),
    purposes: bits(scope.purposes, purposeBit),
    classes: bits(scope.classes, classBit),
    labels: bits(scope.labels, labelClosure),
    conditions: bits(scope.conditions, conditionBit),
    from: seconds(scope.from),
    until: seconds(scope.until),
    dataFrom: seconds(scope.dataFrom),
    dataUntil: seconds(scope.dataUntil),
  };
}
