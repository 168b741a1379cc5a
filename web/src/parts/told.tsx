import { phraseIn } from '../text/phrases.ts';
import { useLanguage } from '../text.tsx';

/** A sentence of the gateway in the reader's language; one without translation is marked as English, for who has it read out. */
export const Told = ({ text }: { readonly text: string }) => {
  const { language } = useLanguage();
  const words = phraseIn(language, text);
  return words === undefined ? <span lang="en">{text}</span> : words;
};

/** The same where no element can stand. */
export const usePhrase = (): ((text: string) => string) => {
  const { language } = useLanguage();
  return (text) => phraseIn(language, text) ?? text;
};
