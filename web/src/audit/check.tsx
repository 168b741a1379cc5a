import { Button, FileInput, Group, Stack, Text } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { auditText } from '../text/audit.ts';
import { useTexts } from '../text.tsx';
import { TrustedKey, useTrustedKey, Verdict } from './proof.tsx';
import { Story } from './story.tsx';
import { type Verified, verifyInBrowser } from './verify.ts';

/** Checks a proof file here and now: nothing of it leaves the browser. */
export const Check = () => {
  const t = useTexts(auditText);
  const [key, setKey] = useTrustedKey();
  const [file, setFile] = useState<File | null>(null);
  const [verdict, setVerdict] = useState<{ readonly verified: Verified | undefined } | undefined>(undefined);
  const check = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (file !== null) setVerdict({ verified: await verifyInBrowser(await file.text(), key) });
  };
  const entry = verdict?.verified?.entry;
  return (
    <Stack>
      <Text>{t.checkAbout}</Text>
      <form onSubmit={(event) => void check(event)}>
        <Stack>
          <FileInput label={t.file} value={file} onChange={setFile} clearable={false} />
          <TrustedKey value={key} onChange={setKey} />
          <Group>
            <Button type="submit" disabled={file === null}>
              {t.check}
            </Button>
          </Group>
        </Stack>
      </form>
      {verdict === undefined ? null : <Verdict verified={verdict.verified} />}
      {entry === undefined ? null : <Story entry={entry} />}
    </Stack>
  );
};
