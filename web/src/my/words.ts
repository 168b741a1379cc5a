import { wordsText } from '../text/my-words.ts';
import { useTexts } from '../text.tsx';

const find = (words: Readonly<Record<string, string>>, code: string): string => words[code] ?? code;

/** Codes as people say them; one that nobody put into words stays as it is. */
export const useWords = () => {
  const t = useTexts(wordsText);
  const list = (words: readonly string[]): string =>
    words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} ${t.and} ${words.at(-1)}`;
  return {
    t,
    list,
    role: (code: string) => find(t.roles, code),
    purpose: (code: string) => find(t.purposes, code),
    dataClass: (code: string) => find(t.classes, code),
    label: (code: string) => find(t.labels, code),
    types: (types: readonly string[]) =>
      types.length === 0
        ? t.yourRecord
        : list([...new Set(types.map((type) => (type in t.types ? find(t.types, type) : t.yourRecord)))]),
  };
};
