import { Alert, Button, Stack, Text } from '@mantine/core';
import { ApiError } from '../api.ts';
import { problemTexts } from '../text/problems.ts';
import { shellText } from '../text/shell.ts';
import { useLanguage, useTexts } from '../text.tsx';

/** A refusal in words, with what to quote and a way to try again. */
export const ProblemAlert = ({ error, retry }: { readonly error: unknown; readonly retry?: () => void }) => {
  const t = useTexts(shellText);
  const words = useProblemWords();
  const requestId = error instanceof ApiError ? error.requestId : undefined;
  return (
    <Alert color="red" role="alert" my="sm">
      <Stack align="flex-start" gap="xs">
        <Text>{words(error)}</Text>
        {requestId === undefined ? null : (
          <Text size="sm" c="dimmed">
            {t.quote(requestId)}
          </Text>
        )}
        {retry === undefined ? null : (
          <Button variant="default" size="xs" onClick={retry}>
            {t.retry}
          </Button>
        )}
      </Stack>
    </Alert>
  );
};

/** The sentence for an error: the table's own in English, its translation otherwise. */
export const useProblemWords = () => {
  const t = useTexts(shellText);
  const { language } = useLanguage();
  return (error: unknown): string => {
    if (!(error instanceof ApiError)) return t.unknown;
    if (error.code === 'unreachable') return t.unreachable;
    if (error.code === 'ended') return t.ended;
    const translated = language === 'en' ? undefined : problemTexts[language].get(error.code);
    return translated ?? (error.message === '' ? t.unknown : error.message);
  };
};
