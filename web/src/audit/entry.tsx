import { Alert, Badge, Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { AuditEntry } from '../../../src/domain/console/audit.ts';
import { useApi } from '../api.ts';
import { useCodeWords } from '../parts/code-words.ts';
import { Loaded } from '../parts/loaded.tsx';
import { Told } from '../parts/told.tsx';
import { Link } from '../router.tsx';
import { auditText } from '../text/audit.ts';
import { useFormat, useTexts } from '../text.tsx';
import { download } from './download.ts';
import { ProofHeading, TrustedKey, useTrustedKey, Verdict } from './proof.tsx';
import { Story } from './story.tsx';
import { type Verified, verifyInBrowser } from './verify.ts';

/** One entry: its story as the proof tells it, and the proof itself. */
export const Entry = ({ index }: { readonly index: number }) => {
  const t = useTexts(auditText);
  const format = useFormat();
  const query = useApi<AuditEntry>(`/api/v1/audit/entries/${index}`);
  return (
    <Stack>
      <Link to="audit" className="no-print">
        {t.back}
      </Link>
      <Title order={1}>{t.entry(format.number(index))}</Title>
      <Loaded query={query} height={320}>
        {(entry) =>
          entry.state === 'damaged' ? (
            <Stack>
              <Alert color="red" role="alert" title={t.tampered}>
                <Text>{t.damagedFile(entry.file)}</Text>
                <Text size="sm">{entry.text}</Text>
              </Alert>
              <Group>
                <Button variant="default" onClick={() => void query.refetch()}>
                  {t.verify}
                </Button>
              </Group>
            </Stack>
          ) : (
            <Proven entry={entry} again={() => void query.refetch()} busy={query.isFetching} />
          )
        }
      </Loaded>
    </Stack>
  );
};

type Readable = Exclude<AuditEntry, { state: 'damaged' }>;

/** `again` reads the entry anew: what the log holds now is verified, not what it held when the page was opened. */
const Proven = ({
  entry,
  again,
  busy,
}: {
  readonly entry: Readable;
  readonly again: () => void;
  readonly busy: boolean;
}) => {
  const t = useTexts(auditText);
  const words = useCodeWords();
  const [key, setKey] = useTrustedKey();
  const [verdict, setVerdict] = useState<{ readonly verified: Verified | undefined } | undefined>(undefined);
  useEffect(() => {
    let wanted = true;
    if (key === '') return;
    void verifyInBrowser(entry.proof, key, entry.anchor).then((verified) => {
      if (wanted) setVerdict({ verified });
    });
    return () => {
      wanted = false;
    };
  }, [entry, key]);
  const shown = verdict?.verified?.entry;
  return (
    <Stack>
      {entry.explanation === undefined ? null : (
        <Group>
          <Badge variant="light" tt="none" color={entry.explanation.decision === 'permit' ? 'green' : 'orange'}>
            {t.outcomes[entry.explanation.decision]}
          </Badge>
          <Text>
            {entry.explanation.code === undefined ? (
              <Told text={entry.explanation.summary} />
            ) : (
              t.refusedFor(words(entry.explanation.code))
            )}
          </Text>
        </Group>
      )}
      {entry.state === 'erased' ? <Alert color="gray">{t.erasedAbout}</Alert> : null}
      <Card withBorder component="section">
        <Stack>
          <ProofHeading onVerify={again} busy={busy} />
          <Text size="sm">{t.proofAbout}</Text>
          {verdict === undefined ? (
            <Text role="status">{t.verifying}</Text>
          ) : (
            <Verdict
              verified={verdict.verified}
              {...(entry.anchor === undefined ? {} : { anchor: entry.anchor.event })}
            />
          )}
          <TrustedKey value={key} onChange={setKey} />
          <Group className="no-print">
            <Button
              variant="default"
              onClick={() => download(`entry-${entry.index}.tlog-proof`, new Blob([entry.proof]))}
            >
              {t.download}
            </Button>
          </Group>
        </Stack>
      </Card>
      {shown === undefined ? null : <Story entry={shown} />}
    </Stack>
  );
};
