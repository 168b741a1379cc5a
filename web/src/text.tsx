import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';

export const languages = { en: 'English', de: 'Deutsch' } as const;
export type Language = keyof typeof languages;

type Entry = string | ((...values: never[]) => string) | { readonly [key: string]: Entry };

/** The same keys, and the same values to put in, in every language: a missing or foreign key does not compile. */
type Translation<T> = {
  readonly [K in keyof T]: T[K] extends string
    ? string
    : T[K] extends (...values: infer Values) => string
      ? (...values: Values) => string
      : Translation<T[K]>;
};

export type Catalogue<T> = Readonly<Record<Language, Translation<T>>>;

/** A catalogue of a page: English is the measure, every other language must say as much. */
export const texts = <const T extends { readonly [key: string]: Entry }>(
  en: T,
  others: Readonly<Record<Exclude<Language, 'en'>, Translation<T>>>,
): Catalogue<T> => ({ en: en as unknown as Translation<T>, ...others });

interface Chosen {
  readonly language: Language;
  readonly choose: (language: Language) => void;
}

const Context = createContext<Chosen>({ language: 'en', choose: () => undefined });
const key = 'consentry.language';

const isLanguage = (text: string | null | undefined): text is Language =>
  text !== null && text !== undefined && text in languages;

const preferred = (): Language => {
  const kept = localStorage.getItem(key);
  if (isLanguage(kept)) return kept;
  return navigator.languages.map((tag) => tag.slice(0, 2)).find(isLanguage) ?? 'en';
};

export const LanguageProvider = ({ children }: { readonly children: ReactNode }) => {
  const [language, setLanguage] = useState(preferred);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const chosen = useMemo(
    () => ({
      language,
      choose: (next: Language) => {
        localStorage.setItem(key, next);
        setLanguage(next);
      },
    }),
    [language],
  );
  return <Context value={chosen}>{children}</Context>;
};

export const useLanguage = (): Chosen => useContext(Context);

export const useTexts = <T,>(catalogue: Catalogue<T>): Translation<T> => catalogue[useLanguage().language];

/** Numbers, dates and durations as the language writes them. */
export const useFormat = () => {
  const { language } = useLanguage();
  return useMemo(() => {
    const time = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
    const dayOf = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });
    const day = new Intl.DateTimeFormat(language, { dateStyle: 'full' });
    const date = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' });
    const clock = new Intl.DateTimeFormat(language, { timeStyle: 'short' });
    const seconds = new Intl.DateTimeFormat(language, { timeStyle: 'medium' });
    const number = new Intl.NumberFormat(language);
    const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
    return {
      time: (at: number | Date) => time.format(at),
      dateOf: (at: number | Date) => dayOf.format(at),
      day: (at: number | Date) => day.format(at),
      clock: (at: number | Date) => clock.format(at),
      clockSeconds: (at: number | Date) => seconds.format(at),
      /** A day without a time: `2026-03-04`. */
      date: (text: string) => date.format(new Date(`${text}T00:00:00Z`)),
      number: (value: number, digits?: number) =>
        digits === undefined
          ? number.format(value)
          : new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value),
      percent: (value: number) =>
        new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 }).format(value),
      ago: (seconds: number) => {
        for (const [unit, size] of units)
          if (seconds >= size) return relative.format(-Math.floor(seconds / size), unit);
        return relative.format(-Math.floor(seconds), 'second');
      },
    };
  }, [language]);
};

const units = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;
