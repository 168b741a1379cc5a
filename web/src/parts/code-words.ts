import { type ProblemCode, problemRow } from '../../../src/domain/problem.ts';
import { codeText } from '../text/codes.ts';
import { problemTexts } from '../text/problems.ts';
import { useLanguage, useTexts } from '../text.tsx';

/** What an answer's code means: a row of the table of refusals, or one of the few that are none. */
export const useCodeWords = () => {
  const t = useTexts(codeText);
  const { language } = useLanguage();
  return (code: string): string => {
    if (code in t) return t[code as keyof typeof t];
    const translated = language === 'en' ? undefined : problemTexts[language].get(code);
    return translated ?? problemRow(code as ProblemCode)?.text ?? code;
  };
};
