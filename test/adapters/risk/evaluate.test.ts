import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type EvaluateOptions, evaluate } from '../../../src/adapters/risk/evaluate.ts';
import { readLabels } from '../../../src/adapters/risk/label-file.ts';
import { simulateToFiles } from '../../../src/adapters/risk/simulate-files.ts';
import { auc, figuresOf } from '../../../src/domain/risk/metrics.ts';
import { usualRiskPolicy } from '../../../src/domain/risk/risk-policy.ts';
import { usualSimulation } from '../../../src/domain/risk/simulator/simulate.ts';
import { shippedModel } from '../../domain/risk/shipped-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'risk-'));
const file = (name: string): string => join(folder, name);
const options = (more: Partial<EvaluateOptions> = {}): EvaluateOptions => ({
  events: file('events'),
  context: file('context'),
  trainUntil: Date.parse('2026-01-14T00:00:00Z'),
  trainLabels: undefined,
  labels: file('labels'),
  out: file('out'),
  base: shippedModel(),
  policy: usualRiskPolicy,
  seed: 1,
  rows: 4_000,
  iterations: 6,
  onProgress: () => undefined,
  ...more,
});
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
  await simulateToFiles(
    { ...usualSimulation, users: 40, patients: 900, days: 14, misusePerDay: 40, calmDays: 2, seed: 3, world: 77 },
    { events: file('events'), context: file('context'), labels: file('labels') },
    () => undefined,
  );
});

describe('risk evaluate', () => {
  it('scores every event after the time, in order, and finds misuse it was never told of', async () => {
    const result = await evaluate(options());
    const lines = output();
    const total = readFileSync(file('events'), 'utf8').trim().split('\n').length;
    expect(lines.length).toBe(result.scored);
    expect(result.scored + result.trainedOn).toBe(total);
    expect(lines.map((each) => each.line)).toEqual(lines.map((_, index) => result.trainedOn + index + 1));
    expect(lines.every((each) => each.score >= 0 && each.score <= 1 && Array.isArray(each.reasons))).toBe(true);
    expect(figuresOf(result.rows ?? [], result.users).auc).toBeGreaterThan(0.85);
  });

  it('gives the same scores for the same seed', async () => {
    await evaluate(options({ out: file('again') }));
    expect(output('again')).toEqual(output());
  });

  it('reads packed files, and files out of order, to the same effect', async () => {
    const lines = readFileSync(file('events'), 'utf8').trim().split('\n');
    const order = lines.map((_, index) => index).sort((a, b) => ((a * 7919) % 104_729) - ((b * 7919) % 104_729));
    writeFileSync(file('mixed.gz'), gzipSync(order.map((index) => lines[index]).join('\n')));
    const result = await evaluate(options({ events: file('mixed.gz'), labels: undefined, out: file('mixed-out') }));
    expect(result.sorted).toBe(false);
    const straight = new Map(output().map((each) => [each.line, each.score]));
    const mixed = output('mixed-out');
    expect(mixed.length).toBe(straight.size);
    const close = mixed.filter(
      (each) => Math.abs(each.score - (straight.get((order[each.line - 1] ?? -1) + 1) ?? 9)) < 0.02,
    );
    // Events of one millisecond may change places.
    expect(close.length / mixed.length).toBeGreaterThan(0.97);
  });

  it('bears broken lines, absent fields, absent context and odd times', async () => {
    const broken = [
      '{"t":',
      '[]',
      '7',
      '',
      '{}',
      '{"t":"nonsense","user":3}',
      '{"t":"2026-01-13T10:00:00Z","patients":{"a":1},"query":"x"}',
      '{"user":"u1","results":-5}',
      '{"t":"2026-01-13T11:00:00Z","user":"u1","patient":null,"type":9}',
    ];
    const good = Array.from(
      { length: 30 },
      (_, n) => `{"t":"2026-01-15T0${n % 10}:00:00Z","user":"u${n % 4}","patient":"p${n}"}`,
    );
    writeFileSync(file('broken'), [...broken, ...good].join('\r\n'));
    const result = await evaluate(
      options({ events: file('broken'), context: undefined, labels: undefined, out: file('broken-out') }),
    );
    expect(result.scored).toBe(30);
    expect(output('broken-out').every((each) => Number.isFinite(each.score))).toBe(true);
  });

  it('uses the base model alone when nothing lies before the time', async () => {
    const base = shippedModel();
    const result = await evaluate(options({ trainUntil: 0, labels: undefined, out: file('cold') }));
    expect(result.trainedOn).toBe(0);
    expect(result.model.id).toBe(base.id);
    expect(output('cold').length).toBe(result.scored);
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
});
