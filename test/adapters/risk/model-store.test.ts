import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
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
const begun = Date.parse('2026-03-04T12:00:00Z');
let now = begun;
const store = (shadowDays = 0): ModelStore =>
  new ModelStore(join(folder, 'store'), { approvals: 2, shadowDays }, () => new Date(now));
const ruth = () => ({ by: 'ruth', keyFile: keyFile('ruth') });
const sam = () => ({ by: 'sam', keyFile: keyFile('sam') });
/** Puts a model beside the one in use, and gives its hash. */
const beside = (seed: number, shadowDays = 0): string => {
  const text = readFileSync(modelFile(seed), 'utf8');
  store(shadowDays).challenge(text, ruth());
  return (JSON.parse(text) as { hash: string }).hash;
};

beforeEach(() => {
  now = begun;
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
    const first = beside(1);
    expect(store().promote(first, ruth())).toMatchObject({ state: 'waiting' });
    expect(store().champion()).toBeUndefined();
    expect(store().promote(first, sam())).toMatchObject({ state: 'promoted', approvals: ['ruth', 'sam'] });
    expect(store().champion()?.seed).toBe(1);
    expect(store().challenger()).toBeUndefined();
    const second = beside(2);
    store().promote(second, sam());
    store().promote(second, ruth());
    expect(store().champion()?.seed).toBe(2);
    store().rollback(ruth());
    expect(store().champion()?.seed).toBe(1);
    store().rollback(ruth());
    expect(store().champion()).toBeUndefined();
    expect(() => store().rollback(ruth())).toThrow(PromotionRefused);
    expect(
      store()
        .status()
        .history.map(({ what }) => what),
    ).toEqual(['challenger', 'promotion', 'challenger', 'promotion', 'rollback', 'rollback']);
  });

  it('takes approvals only when the model has run beside the one in use for its days', () => {
    const hash = beside(1, 14);
    now += 13.5 * 86_400_000;
    expect(() => store(14).promote(hash, ruth())).toThrow('1 is missing');
    now += 86_400_000;
    expect(store(14).promote(hash, ruth())).toMatchObject({ state: 'waiting' });
    expect(store(14).promote(hash, sam())).toMatchObject({ state: 'promoted' });
  });

  it('takes no approval of a model that does not run beside', () => {
    const other = (JSON.parse(readFileSync(modelFile(2), 'utf8')) as { hash: string }).hash;
    beside(1);
    expect(() => store().promote(other, ruth())).toThrow(PromotionRefused);
    const next = beside(3);
    store().promote(next, ruth());
    expect(store().status().waiting).toEqual([{ model: next, approvedBy: ['ruth'] }]);
    // Another challenger ends the one before, with its approvals.
    beside(4);
    expect(store().status().waiting).toEqual([]);
    expect(() => store().promote(next, sam())).toThrow(PromotionRefused);
  });

  it('counts one person once', () => {
    const hash = beside(1);
    store().promote(hash, ruth());
    expect(store().promote(hash, ruth())).toMatchObject({ state: 'waiting', approvals: ['ruth'] });
  });

  it('does not add an approval by key to one by token: it may be the same person', () => {
    const hash = beside(1);
    store().promote(hash, ruth());
    expect(store().promote(hash, { by: 'adler (https://issuer)' })).toMatchObject({
      state: 'waiting',
      approvals: ['adler (https://issuer)'],
    });
    expect(store().promote(hash, { by: 'brook (https://issuer)' })).toMatchObject({ state: 'promoted' });
  });

  it('refuses strangers, wrong keys and broken models', () => {
    const hash = beside(1);
    expect(() => store().promote(hash, { by: 'eve', keyFile: keyFile('eve') })).toThrow(PromotionRefused);
    expect(() => store().promote(hash, { by: 'ruth', keyFile: keyFile('sam') })).toThrow(PromotionRefused);
    for (const text of ['{"format":"consentry-risk-model/1"}', 'nonsense'])
      expect(() => store().challenge(text, ruth())).toThrow(PromotionRefused);
  });

  it('gives no model when the file of the one in use was altered', () => {
    const hash = beside(1);
    store().promote(hash, ruth());
    store().promote(hash, sam());
    const file = join(folder, 'store', `${hash}.json`);
    writeFileSync(file, readFileSync(file, 'utf8').replace('"bias":-5', '"bias":-9'));
    expect(() => store().champion()).toThrow(PromotionRefused);
  });
});
