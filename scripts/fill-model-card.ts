/**
 * Puts what `npm run risk:measure` found into the card of the shipped model: figures with their intervals, cases found by kind of misuse, ordinary
 * user-days alerted by role. The card is part of what the model's hash names, so the figures' page gets the new name.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { readModelFile, shippedModelFile } from '../src/adapters/risk/tools.ts';
import { loadModel, type ModelCard, writeModel } from '../src/domain/risk/model.ts';

const page = new URL('../docs/risk-figures.md', import.meta.url);
const text = readFileSync(page, 'utf8');
const model = readModelFile(shippedModelFile);

/** The rows of the table whose heading begins so. */
const rows = (heading: string): string[][] => {
  const lines = text.split('\n');
  const from = lines.findIndex((line) => line.startsWith(`| ${heading}`));
  const to = lines.findIndex((line, index) => index > from && !line.startsWith('|'));
  return lines.slice(from + 2, to).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
};

const metrics: Record<string, string | number>[] = [];
for (const [name = '', combination = ''] of rows('figure')) {
  const [value, low, high] = (combination.match(/\d+(?:\.\d+)?/g) ?? []).map(Number);
  if (value !== undefined && low !== undefined && high !== undefined) metrics.push({ name, value, low, high });
}
/** The ends of an interval in percent, as shares. */
const ends = (text: string): { readonly low?: number; readonly high?: number } => {
  const [, low, high] = (text.match(/\d+(?:\.\d+)?/g) ?? []).map((found) => Number((Number(found) / 100).toFixed(4)));
  return low === undefined || high === undefined ? {} : { low, high };
};
for (const [name = '', found, of, share = ''] of rows('kind of misuse'))
  metrics.push({ name: `cases found: ${name}`, found: Number(found), of: Number(of), ...ends(share) });
for (const [name = '', alerted, of, share = ''] of rows('role'))
  metrics.push({
    name: `ordinary user-days alerted: ${name}`,
    alerted: Number(alerted),
    of: Number(of),
    ...ends(share),
  });

const card: ModelCard = {
  ...model.card,
  metrics: [...model.card.metrics.filter(({ name }) => String(name).startsWith('mean squared error')), ...metrics],
};
const written = writeModel({ ...model, card });
const again = loadModel(JSON.parse(written));
if ('fault' in again) throw new Error(again.text);
writeFileSync(shippedModelFile, written);
writeFileSync(page, text.replaceAll(model.id, again.id));
console.log(`${again.id}: ${metrics.length} figures in its card`);
