import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { readLabels } from '../../../src/adapters/risk/label-file.ts';
import { auc, figuresOf, interval, type Scored, shareInterval } from '../../../src/domain/risk/metrics.ts';
import { shippedModel } from '../../domain/risk/shipped-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'risk-'));
const file = (name: string): string => join(folder, name);
const main = new URL('../../../src/main.ts', import.meta.url).pathname;

/** The command as people call it, in a process of its own. */
const risk = async (...args: string[]): Promise<Record<string, unknown>> => {
  const { stdout } = await promisify(execFile)(process.execPath, [main, 'risk', ...args, '--json'], {
    maxBuffer: 1 << 26,
  });
  return JSON.parse(stdout) as Record<string, unknown>;
};
const evaluate = async (
  more: readonly string[],
  events = 'events.ndjson',
  out = 'out',
  until = '2026-01-12T00:00:00Z',
): Promise<Record<string, Record<string, number | boolean | string>>> =>
  (await risk('evaluate', '--events', file(events), '--out', file(out), '--train-until', until, ...more)) as never;
const context = ['--context', file('context.ndjson')];
interface Line {
  readonly line: number;
  readonly score: number;
  readonly action: string;
  readonly explained: boolean;
  readonly reasons: readonly unknown[];
}
const output = (name = 'out'): Line[] =>
  readFileSync(file(name), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

beforeAll(async () => {
  await risk(
    'simulate',
    '--users',
    '25',
    '--patients',
    '600',
    '--days',
    '10',
    '--misuse',
    '60',
    '--seed',
    '3',
    '--world',
    '77',
    '--out',
    folder,
  );
});

describe('risk evaluate', () => {
  it('scores every event after the time, in order, and finds misuse it was never told of', async () => {
    const { summary, figures } = await evaluate([...context, '--labels', file('labels.ndjson')]);
    const lines = output();
    const total = readFileSync(file('events.ndjson'), 'utf8').trim().split('\n').length;
    expect(lines.length).toBe(summary?.scored);
    expect(Number(summary?.scored) + Number(summary?.trainedOn)).toBe(total);
    expect(lines.map((each) => each.line)).toEqual(lines.map((_, index) => Number(summary?.trainedOn) + index + 1));
    expect(lines.every((each) => each.score >= 0 && each.score <= 1 && Array.isArray(each.reasons))).toBe(true);
    expect(figures?.auc).toBeGreaterThan(0.85);
  });

  it('reads packed files, and files out of order, to the same effect', async () => {
    const lines = readFileSync(file('events.ndjson'), 'utf8').trim().split('\n');
    const order = lines.map((_, index) => index).sort((a, b) => ((a * 7919) % 104_729) - ((b * 7919) % 104_729));
    writeFileSync(file('mixed.gz'), gzipSync(order.map((index) => lines[index]).join('\n')));
    const { summary } = await evaluate(context, 'mixed.gz', 'mixed-out');
    expect(summary?.sorted).toBe(false);
    const straight = new Map(output().map((each) => [each.line, each.score]));
    const mixed = output('mixed-out');
    expect(mixed.length).toBe(straight.size);
    const close = mixed.filter(
      (each) => Math.abs(each.score - (straight.get((order[each.line - 1] ?? -1) + 1) ?? 9)) < 0.02,
    );
    // Events of one millisecond may change places.
    expect(close.length / mixed.length).toBeGreaterThan(0.95);
  });

  it('bears broken lines, absent fields, absent context and odd times', async () => {
    const broken = [
      '{"t":',
      '[]',
      '7',
      '',
      '{}',
      '{"t":"nonsense","user":3}',
      '{"t":"2026-01-11T10:00:00Z","patients":{"a":1},"query":"x"}',
      '{"user":"u1","results":-5}',
    ];
    const good = Array.from(
      { length: 30 },
      (_, n) => `{"t":"2026-01-15T0${n % 10}:00:00Z","user":"u${n % 4}","patient":"p${n}"}`,
    );
    writeFileSync(file('broken'), [...broken, ...good].join('\r\n'));
    const { summary } = await evaluate([], 'broken', 'broken-out');
    expect(summary?.scored).toBe(30);
    expect(output('broken-out').every((each) => Number.isFinite(each.score))).toBe(true);
  });

  it('uses the base model alone when nothing lies before the time', async () => {
    const { summary } = await evaluate(context, 'events.ndjson', 'cold', '2020-01-01T00:00:00Z');
    expect(summary).toMatchObject({ trainedOn: 0, model: shippedModel().id });
    expect(output('cold').length).toBe(summary?.scored);
  });
});

describe('labels', () => {
  it.each([
    ['objects', '{"line":3,"label":1,"scenario":"family"}\n{"line":5,"misuse":false}\n{"line":"7","misuse":true}'],
    ['bare numbers', '3\n7\n'],
    ['CSV with a heading', 'scenario,line,label\nfamily,3,1\nnone,5,0\nscrape,7,true'],
    ['CSV without one', '3,1\n5,0\n7,1'],
    ['words', '{"line":3,"label":"misuse"}\n{"line":5,"label":"benign"}\n{"line":7,"scenario":"slow-drip"}'],
    [
      'in the order of events',
      '{"label":0}\n{"label":0}\n{"label":1}\n{"label":0}\n{"label":0}\n{"label":0}\n{"label":1}',
    ],
  ])('are read as %s', async (name, text) => {
    writeFileSync(file(`labels-${name.length}`), text);
    const { labels } = await readLabels(file(`labels-${name.length}`));
    expect([...labels].filter(([, each]) => each.label === 1).map(([line]) => line)).toEqual([3, 7]);
  });
});

describe('figures', () => {
  it('count ties half in the area under the curve', () => {
    expect(auc([0.1, 0.4, 0.4, 0.9], [0, 0, 1, 1])).toBeCloseTo(0.875);
    expect(auc([1, 1], [0, 1])).toBe(0.5);
    expect(auc([1], [1])).toBeNaN();
  });

  it('count the alerted days of one user as one case, as the review queue does, and say which hold no misuse', () => {
    const at = (user: string, day: number, score: number, label: 0 | 1 = 0): Scored => ({
      score,
      label,
      day: `${user}/${day}`,
      time: day * 86_400_000,
      explained: false,
      alert: false,
      blocked: false,
    });
    const rows = [
      ...Array.from({ length: 10 }, (_, day) => at('drip', day, 0.9, 1)),
      ...Array.from({ length: 2_000 }, (_, n) => at(`u${n}`, n % 10, 0.1)),
      at('odd', 3, 0.8),
      at('odd', 4, 0.8),
    ];
    const { alertsPerDay, falseAlertsPerDay } = figuresOf(rows, 1_000);
    expect([alertsPerDay, falseAlertsPerDay]).toEqual([0.2, 0.1]);
  });

  it('have intervals that widen as houses differ, and weigh houses by their cases', () => {
    expect(interval([0.5, 0.5, 0.5], 1)).toEqual({ mean: 0.5, low: 0.5, high: 0.5 });
    const { mean, low, high } = shareInterval(
      [
        { part: 9, of: 10 },
        { part: 0, of: 2 },
        { part: 0, of: 0 },
      ],
      1,
    );
    expect(mean).toBeCloseTo(0.75);
    expect([low, high]).toEqual([0, 0.9]);
    expect(interval([], 1).mean).toBeNaN();
  });
});
