import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { FEATURES, featureNames } from '../../../src/domain/risk/feature-schema.ts';
import { averaged, networkPass } from '../../../src/domain/risk/network.ts';
import { shippedModel } from './shipped-model.ts';

const page = readFileSync('docs/risk-figures.md', 'utf8');

describe('the shipped model', () => {
  // Loading it has compared its hash with its content, and its feature schema with the code's.
  const model = shippedModel();

  it('is the one that the page of figures measured, and its card says the same', () => {
    expect(page).toContain(`model ${model.id}`);
    const shown = [...page.matchAll(/^\| (cases found at 0\.1 % of ordinary user-days|AUC, per access) \| ([\d.]+)/gm)];
    expect(shown).toHaveLength(2);
    for (const [, name, figure] of shown)
      expect(model.card.metrics).toContainEqual(expect.objectContaining({ name, value: Number(figure) }));
    expect(model.card.metrics.filter(({ name }) => String(name).startsWith('cases found: ')).length).toBeGreaterThan(
      15,
    );
  });

  it('has the seed of the command that makes it, and one input per feature', () => {
    const script = readFileSync('scripts/train-risk-model.ts', 'utf8');
    expect(script).toContain(`seed: { type: 'string', default: '${model.seed}' }`);
    expect(model.net.sizes[0]).toBe(FEATURES);
    const file = JSON.parse(readFileSync('models/risk.json', 'utf8')) as { features: string[] };
    expect(file.features).toEqual(featureNames);
  });
});

describe('nets that are averaged', () => {
  it('give the mean of their log-odds', () => {
    const net = (weight: number) => ({
      sizes: [2, 1, 1],
      weights: [Float32Array.of(weight, -1), Float32Array.of(2 * weight)],
      biases: [Float32Array.of(0.5), Float32Array.of(weight)],
    });
    const logit = (p: number): number => Math.log(p / (1 - p));
    const input = Float64Array.of(0.3, 0.8);
    const [one, two] = [net(1), net(-0.5)].map((each) => logit(networkPass(each)(input)));
    expect(logit(networkPass(averaged([net(1), net(-0.5)]))(input))).toBeCloseTo(((one ?? 0) + (two ?? 0)) / 2, 5);
  });

  it('are refused when they differ in depth', () => {
    const deep = { sizes: [2, 1, 1, 1], weights: [], biases: [] };
    expect(() => averaged([deep])).toThrow(RangeError);
  });
});
