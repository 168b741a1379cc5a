import { usePhrase } from '../parts/told.tsx';
import { recordText } from '../text/record.ts';
import { useFormat, useTexts } from '../text.tsx';
import type { Access } from './accounting.ts';
import { useWords } from './words.ts';

/** An access in sentences to the patient: what was done, and what else there is to say of it. */
export const useTelling = () => {
  const t = useTexts(recordText);
  const format = useFormat();
  const phrase = usePhrase();
  const { list, types, purpose } = useWords();
  return {
    /** Without who did it, and without the full stop. */
    sentence: (access: Access): string =>
      t[access.kind](types(access.types), access.purpose === undefined ? '' : purpose(access.purpose)),
    remarks: ({ kind, hidden, hiddenWhat, allowedByYou, client }: Access): string =>
      [
        kind === 'refused' ? t.nothingShown : '',
        kind === 'emergency' ? t.reviewed : '',
        hidden > 0 ? t.hidden(format.number(hidden), hidden === 1, list(hiddenWhat.map(phrase))) : '',
        allowedByYou ? t.allowed : '',
        client === undefined ? '' : t.through(client),
      ]
        .filter(Boolean)
        .join(' '),
  };
};
