import { Alert, Button, Group, Stack, Text, Textarea, Title } from '@mantine/core';
import { useEffect, useState } from 'react';
import { auditText } from '../text/audit.ts';
import { useFormat, useTexts } from '../text.tsx';
import type { Verified } from './verify.ts';

const KEPT = 'consentry.ledger-key';

/** The key that this browser trusts: what was entered here last, or what the gateway gives at first sight. */
export function useTrustedKey(): readonly [string, (key: string) => void] {
  const [key, setKey] = useState(() => localStorage.getItem(KEPT) ?? '');
  useEffect(() => {
    if (localStorage.getItem(KEPT) !== null) return;
    const given = new AbortController();
    fetch('/ledger/key', { credentials: 'omit', signal: given.signal })
      .then(async (answer) => (answer.ok ? answer.text() : ''))
      .then((text) => {
        const [first = ''] = text.split('\n');
        if (first !== '') localStorage.setItem(KEPT, first);
        setKey(first);
      })
      .catch(() => undefined);
    return () => given.abort();
  }, []);
  return [
    key,
    (next) => {
      localStorage.setItem(KEPT, next.trim());
      setKey(next.trim());
    },
  ];
}

export const TrustedKey = ({
  value,
  onChange,
}: {
  readonly value: string;
  readonly onChange: (key: string) => void;
}) => {
  const t = useTexts(auditText);
  return (
    <Textarea
      label={t.trustedKey}
      description={t.trustedKeyHelp}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      autosize
      minRows={1}
      spellCheck={false}
    />
  );
};

const steps = ['openings', 'leaf', 'checkpoint', 'anchor'] as const;

/** Every step of a verification in words; red as soon as one of them does not hold. */
export const Verdict = ({
  verified,
  anchor,
}: {
  readonly verified: Verified | undefined;
  readonly anchor?: { readonly transaction: string; readonly block: number };
}) => {
  const t = useTexts(auditText);
  const format = useFormat();
  if (verified === undefined)
    return (
      <Alert color="red" role="alert" title={t.tampered}>
        {t.notAProof}
      </Alert>
    );
  const broken = steps.some((step) => verified[step] === 'bad');
  return (
    <Alert color={broken ? 'red' : 'green'} role={broken ? 'alert' : 'status'} title={broken ? t.tampered : t.verified}>
      <Stack gap="xs" component="ul" m={0} pl="md">
        {steps.map((step) => (
          <li key={step} data-step={step} data-state={verified[step]}>
            <strong>
              {t.steps[step].name} ({t.stepStates[verified[step]]})
            </strong>
            : {t.steps[step][verified[step]]}
            {step === 'checkpoint' && verified.checkpoint === 'good'
              ? ` ${t.signedBy(verified.signedBy.join(', '), format.number(verified.size))}`
              : ''}
            {step === 'anchor' && anchor !== undefined ? (
              <Text span className="long">
                {' '}
                {t.transaction(anchor.transaction, format.number(anchor.block))}
              </Text>
            ) : null}
          </li>
        ))}
      </Stack>
    </Alert>
  );
};

export const ProofHeading = ({ onVerify, busy }: { readonly onVerify: () => void; readonly busy: boolean }) => {
  const t = useTexts(auditText);
  return (
    <Group justify="space-between">
      <Title order={2} size="h4">
        {t.proof}
      </Title>
      <Button onClick={onVerify} disabled={busy} className="no-print">
        {busy ? t.verifying : t.verify}
      </Button>
    </Group>
  );
};
