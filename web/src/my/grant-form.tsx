import { Alert, Button, Checkbox, Chip, Group, Modal, Radio, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { dataClasses, securityLabels } from '../../../src/domain/consent/grant.ts';
import { choicesText } from '../text/choices.ts';
import { shellText } from '../text/shell.ts';
import { useTexts } from '../text.tsx';
import { ChangeResult, type Outcome, useChange } from './change.tsx';
import { type Draft, grant } from './consents.ts';
import { isTooBroad } from './grant-card.tsx';
import { type Recipient, RecipientSelect } from './recipient-select.tsx';
import { useWords } from './words.ts';

export interface Start {
  readonly effect: 'permit' | 'deny';
  readonly recipient?: Recipient;
  readonly classes?: readonly string[];
  readonly referral?: boolean;
}

interface Props {
  readonly patient: string;
  readonly start: Start;
  readonly tell: (outcome: Outcome) => void;
  readonly close: () => void;
}

type End = 'month' | 'year' | 'ever' | 'date';
type Purpose = 'TREAT' | 'HPAYMT' | 'HRESCH' | 'HOPERAT';

const offeredLabels = securityLabels.filter((label) => label !== 'NO-OVERRIDE');

/** Whom, what, what for, until when. What is chosen at first is what most people want: a year, for treatment, nothing protected. */
export const GrantForm = ({ patient, start, tell, close }: Props) => {
  const t = useTexts(choicesText);
  const shell = useTexts(shellText);
  const { dataClass, label } = useWords();
  const permit = start.effect === 'permit';
  const [recipient, setRecipient] = useState(start.recipient);
  const [some, setSome] = useState(start.classes !== undefined);
  const [classes, setClasses] = useState(start.classes ?? []);
  const [labels, setLabels] = useState<readonly string[]>([]);
  const [purpose, setPurpose] = useState<Purpose>('TREAT');
  const [end, setEnd] = useState<End>(permit ? 'year' : 'ever');
  const [day, setDay] = useState('');
  const [referral, setReferral] = useState(start.referral === true);
  const [tried, setTried] = useState(false);
  const until = untilOf(end, day);
  const faults = {
    who: recipient === undefined,
    what: some && classes.length === 0,
    day: until === 'bad',
  };
  const [failed, setFailed] = useState<Outcome>();
  const change = useChange<Draft>(
    'granted',
    (draft) => grant(patient, [draft]),
    (outcome) => {
      if ('error' in outcome) return setFailed(outcome);
      tell(outcome);
      close();
    },
  );

  const submit = (): void => {
    setTried(true);
    if (recipient === undefined || faults.what || until === 'bad') return;
    change.mutate({
      effect: start.effect,
      grantee: recipient,
      ...(permit ? { actions: purpose === 'HRESCH' ? ['read', 'search', 'deidentified'] : ['read', 'search'] } : {}),
      ...(permit ? { purposes: [purpose] } : {}),
      ...(some ? { classes } : {}),
      ...(labels.length === 0 ? {} : { labels }),
      ...(referral ? { conditions: ['REFERRAL'] } : {}),
      ...(until === undefined ? {} : { until }),
    });
  };

  return (
    <Modal
      opened
      onClose={close}
      title={permit ? t.allow : t.refuse}
      size="lg"
      closeButtonProps={{ 'aria-label': shell.close }}
    >
      <Stack component="form" onSubmit={(event: React.FormEvent) => event.preventDefault()}>
        <RecipientSelect
          value={recipient}
          choose={(chosen) => {
            setRecipient(chosen);
            if (chosen?.kind === 'study') setPurpose('HRESCH');
          }}
          error={tried && faults.who ? t.chooseWho : undefined}
        />
        <Radio.Group label={t.what} value={some ? 'some' : 'all'} onChange={(value) => setSome(value === 'some')}>
          <Stack gap="xs" mt="xs">
            <Radio value="all" label={permit ? t.whatEverything : t.everythingDenied} />
            <Radio value="some" label={t.whatSome} />
          </Stack>
        </Radio.Group>
        {some ? (
          <Checkbox.Group
            aria-label={t.whatSome}
            value={[...classes]}
            onChange={setClasses}
            error={tried && faults.what ? t.chooseWhat : undefined}
          >
            <Stack gap="xs">
              {dataClasses.map((each) => (
                <Checkbox key={each} value={each} label={dataClass(each)} />
              ))}
            </Stack>
          </Checkbox.Group>
        ) : null}
        {permit ? (
          <>
            <details>
              <summary>{t.labels}</summary>
              <Checkbox.Group aria-label={t.labels} value={[...labels]} onChange={setLabels}>
                <Stack gap="xs" mt="xs">
                  {offeredLabels.map((each) => (
                    <Checkbox key={each} value={each} label={label(each)} />
                  ))}
                </Stack>
              </Checkbox.Group>
            </details>
            <Radio.Group label={t.purpose} value={purpose} onChange={(value) => setPurpose(value as Purpose)}>
              <Stack gap="xs" mt="xs">
                {Object.entries(t.purposes).map(([code, words]) => (
                  <Radio key={code} value={code} label={words} />
                ))}
              </Stack>
            </Radio.Group>
          </>
        ) : null}
        <Radio.Group label={t.end} value={end} onChange={(value) => setEnd(value as End)}>
          <Group mt="xs">
            {Object.entries(t.ends).map(([code, words]) => (
              <Radio key={code} value={code} label={words} />
            ))}
          </Group>
        </Radio.Group>
        {end === 'date' ? (
          <TextInput
            type="date"
            label={t.endDate}
            value={day}
            onChange={(event) => setDay(event.currentTarget.value)}
            error={tried && faults.day ? t.chooseDate : undefined}
          />
        ) : null}
        {permit ? (
          <Chip checked={referral} onChange={setReferral}>
            {t.referral}
          </Chip>
        ) : null}
        {isTooBroad({
          effect: start.effect,
          ...(some ? { classes } : {}),
          ...(until === undefined ? {} : { until }),
        }) ? (
          <Alert color="orange" title={t.tooBroad}>
            {t.tooBroadHelp}
          </Alert>
        ) : null}
        {failed === undefined ? null : <ChangeResult outcome={failed} />}
        <Button type="submit" color={permit ? 'indigo' : 'red'} loading={change.isPending} onClick={submit}>
          {permit ? t.submitAllow : t.submitRefuse}
        </Button>
      </Stack>
    </Modal>
  );
};

/** The last day counts whole, on the clock of whoever chose it. */
function untilOf(end: End, day: string): string | undefined | 'bad' {
  const at = new Date();
  switch (end) {
    case 'ever':
      return undefined;
    case 'month':
      at.setMonth(at.getMonth() + 1);
      return at.toISOString();
    case 'year':
      at.setFullYear(at.getFullYear() + 1);
      return at.toISOString();
    case 'date': {
      const last = new Date(`${day}T00:00:00`);
      if (Number.isNaN(last.getTime())) return 'bad';
      last.setDate(last.getDate() + 1);
      return last > at ? last.toISOString() : 'bad';
    }
  }
}
