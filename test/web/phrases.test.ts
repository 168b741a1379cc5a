import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { featureRows } from '../../src/domain/risk/feature-schema.ts';
import { phraseIn } from '../../web/src/text/phrases.ts';

const german = (text: string): string => phraseIn('de', text) ?? `untranslated: ${text}`;
const untranslated = (texts: readonly string[]): readonly string[] =>
  texts.filter((text) => phraseIn('de', text) === undefined);

describe('sentences of the gateway in German', () => {
  it('knows every reason that the risk model gives', () => {
    const reasons = featureRows.map(({ say }) => say).filter((text) => text !== '');
    expect(reasons.length).toBeGreaterThan(50);
    expect(untranslated(reasons)).toEqual([]);
  });

  it('knows every element class that is shipped', () => {
    const titles = readdirSync('policies/elements').map(
      (file) => (parse(readFileSync(`policies/elements/${file}`, 'utf8')) as { readonly title: string }).title,
    );
    expect(titles.length).toBeGreaterThan(25);
    expect(untranslated(titles)).toEqual([]);
  });

  it('puts the values of a sentence into their places', () => {
    expect(german('Allowed: 3 resources released, 12 elements masked.')).toBe(
      'Erlaubt: 3 Ressourcen herausgegeben, 12 Angaben verdeckt.',
    );
    expect(german('Labels of the data: PSY, R.')).toBe('Kennzeichnung der Daten: PSY, R.');
  });

  it('leaves alone what a house wrote itself, and names that every object has', () => {
    for (const text of ['Our own rule.', 'constructor', '__proto__', '']) {
      expect(phraseIn('de', text)).toBeUndefined();
      expect(phraseIn('en', text)).toBe(text);
    }
  });
});
