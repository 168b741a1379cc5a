import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { ModelStore, PromotionRefused } from '../../../src/adapters/risk/model-store.ts';
import { emptyParts } from '../../../src/domain/risk/engine.ts';
import { writeModel } from '../../../src/domain/risk/model.ts';

let folder = '';
const keyFile = (name: string): string => join(folder, `${name}.pem`);
const modelFile = (seed: number): string => {
  const file = join(folder, `model-${seed}.json`);
  writeFileSync(
    file,
    writeModel({ ...emptyParts, seed, card: { trainedOn: 'nothing', window: 'none', metrics: [], limits: [] } }),
  );
  return file;
};
const store = (): ModelStore => new ModelStore(join(folder, 'store'), 2, () => new Date('2026-03-04T12:00:00Z'));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'models-'));
  mkdirSync(join(folder, 'store'));
  const listed: Record<string, string> = {};
  for (const name of ['ruth', 'sam', 'eve']) {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(keyFile(name), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    if (name !== 'eve') listed[name] = String(publicKey.export({ type: 'spki', format: 'pem' }));
  }
  writeFileSync(join(folder, 'store', 'approvers.json'), JSON.stringify(listed));
});

describe('the store of models', () => {
  it('puts a model into use when two people have signed it, and back with one step', () => {
    const first = modelFile(1);
    expect(store().promote(first, 'ruth', keyFile('ruth'))).toMatchObject({ state: 'waiting' });
    expect(store().champion()).toBeUndefined();
    expect(store().promote(first, 'sam', keyFile('sam'))).toMatchObject({
      state: 'promoted',
      approvals: ['ruth', 'sam'],
    });
    expect(store().champion()?.seed).toBe(1);
    const second = modelFile(2);
    store().promote(second, 'sam', keyFile('sam'));
    store().promote(second, 'ruth', keyFile('ruth'));
    expect(store().champion()?.seed).toBe(2);
    store().rollback('ruth', keyFile('ruth'));
    expect(store().champion()?.seed).toBe(1);
    store().rollback('ruth', keyFile('ruth'));
    expect(store().champion()).toBeUndefined();
    expect(() => store().rollback('ruth', keyFile('ruth'))).toThrow(PromotionRefused);
  });

  it('counts one person once', () => {
    const file = modelFile(1);
    store().promote(file, 'ruth', keyFile('ruth'));
    expect(store().promote(file, 'ruth', keyFile('ruth'))).toMatchObject({ state: 'waiting', approvals: ['ruth'] });
  });

  it('refuses strangers, wrong keys and broken models', () => {
    const file = modelFile(1);
    expect(() => store().promote(file, 'eve', keyFile('eve'))).toThrow(PromotionRefused);
    expect(() => store().promote(file, 'ruth', keyFile('sam'))).toThrow(PromotionRefused);
    writeFileSync(join(folder, 'broken.json'), '{"format":"consentry-risk-model/1"}');
    expect(() => store().promote(join(folder, 'broken.json'), 'ruth', keyFile('ruth'))).toThrow(PromotionRefused);
  });
});
