import { describe, expect, it } from '@jest/globals';
import { createRiskEngine, emptyParts, RiskFailure } from '../../../src/domain/risk/engine.ts';
import type { AccessEvent } from '../../../src/domain/risk/event.ts';
import { loadModel, type RiskModel, writeModel } from '../../../src/domain/risk/model.ts';
import { usualRiskPolicy } from '../../../src/domain/risk/risk-policy.ts';
import { shippedModel } from './shipped-model.ts';

const noon = Date.parse('2026-03-04T12:00:00Z');
const engineWith = (model: RiskModel = shippedModel()) => createRiskEngine({ model, policy: usualRiskPolicy });

const house = (patients: number, staff = 'Practitioner/treating') => {
  const engine = engineWith();
  for (let n = 0; n < patients; n++)
    engine.observeContext({
      kind: 'encounter',
      patient: `p${n}`,
      staff: [staff],
      start: '2026-03-01T00:00:00Z',
      recordedAt: '2026-03-01T00:00:00Z',
    });
  return engine;
};

const read = (user: string, patient: string, more: Partial<AccessEvent> = {}): AccessEvent => ({
  user,
  role: 'clinician',
  client: 'ward-app',
  ip: '10.0.0.7',
  purpose: 'TREAT',
  interaction: 'read',
  type: 'Patient',
  patient,
  status: 200,
  ...more,
});

describe('the risk engine in a fresh house', () => {
  it('lets a treating clinician read the own patients at any rate and hour', () => {
    const engine = house(8);
    const seen = new Set<string>();
    for (let call = 0; call < 3_000; call++) {
      const event = read('Practitioner/treating', `p${call % 8}`);
      const { action, explained } = engine.assess(event, noon + call);
      seen.add(`${action} ${explained}`);
      engine.observe(event, noon + call);
    }
    expect([...seen]).toEqual(['allow true']);
  });

  it('does not stop a clinician who reads the same few records without a known link thousands of times', () => {
    const engine = house(8);
    const actions = new Set<string>();
    for (let call = 0; call < 5_000; call++) {
      const event = read('Practitioner/other', `p${call % 8}`);
      actions.add(engine.assess(event, noon + call).action);
      engine.observe(event, noon + call);
    }
    expect([...actions].every((action) => action === 'allow' || action === 'notice')).toBe(true);
  });

  it('does not stop anybody on novelty when nothing is known of any patient', () => {
    const engine = engineWith();
    for (let call = 0; call < 3_000; call++) {
      const event = read('Practitioner/new', `p${call % 500}`, {
        ip: `203.0.${call % 9}.4`,
        agent: `agent ${call % 5}`,
      });
      expect(['allow', 'notice']).toContain(engine.assess(event, noon + call * 50).action);
      engine.observe(event, noon + call * 50);
    }
  });

  it('judges each entry of a batch as if those before it had been made, and learns nothing by that', () => {
    const actionsOf = (oneByOne: boolean): string[] => {
      const engine = house(40);
      engine.observeContext({ kind: 'client', id: 'ward-app' });
      const batch = oneByOne ? undefined : {};
      return Array.from({ length: 80 }, (_, n) => {
        const odd = { client: 'unknown-app', interaction: 'search', query: ['patient'] } as const;
        const event = read('Practitioner/other', `p${n % 40}`, odd);
        const { action } = engine.assess(event, noon, batch);
        if (oneByOne) engine.observe(event, noon);
        return action;
      });
    };
    const [batch, oneByOne] = [actionsOf(false), actionsOf(true)];
    for (const step of ['step-up', 'block']) expect(batch.indexOf(step)).toBe(oneByOne.indexOf(step));
    expect(batch).toContain('block');
    const engine = house(40);
    const before = engine.assess(read('Practitioner/other', 'p1'), noon);
    const call = {};
    for (let n = 0; n < 40; n++) engine.assess(read('Practitioner/other', `p${n}`), noon, call);
    expect(engine.assess(read('Practitioner/other', 'p1'), noon)).toEqual(before);
  });

  it('stops an unknown application that reads one stranger after another within some tens of calls', () => {
    const engine = house(24);
    engine.observeContext({ kind: 'client', id: 'ward-app' });
    let calls = 0;
    let action = 'allow';
    for (; calls < 60 && action !== 'block'; calls++) {
      const broad: AccessEvent = {
        user: 'Practitioner/strand',
        role: 'clinician',
        client: 'exporter',
        interaction: 'search',
        type: 'Patient',
        query: ['_count'],
        status: 200,
      };
      const event = calls % 4 === 0 ? broad : read('Practitioner/strand', `p${calls % 24}`, { client: 'exporter' });
      action = engine.assess(event, noon + calls * 400).action;
      engine.observe(event, noon + calls * 400);
    }
    expect(action).toBe('block');
    expect(calls).toBeLessThan(40);
  });

  it('counts patients who were refused as strangers too', () => {
    const engine = house(30);
    engine.observeContext({ kind: 'client', id: 'ward-app' });
    for (let n = 0; n < 20; n++)
      engine.observe(read('Practitioner/strand', `p${n}`, { client: 'exporter', status: 403 }), noon + n * 900);
    expect(engine.assess(read('Practitioner/strand', 'p21', { client: 'exporter' }), noon + 20_000).action).toBe(
      'block',
    );
  });

  it('never hard-blocks documented treatment, not even of somebody who is harvesting', () => {
    const engine = house(40, 'Practitioner/strand');
    for (let n = 40; n < 400; n++)
      engine.observeContext({
        kind: 'encounter',
        patient: `p${n}`,
        staff: ['Practitioner/treating'],
        start: '2026-03-01T00:00:00Z',
      });
    for (let n = 40; n < 400; n++) engine.observe(read('Practitioner/strand', `p${n}`), noon + n * 500);
    expect(engine.assess(read('Practitioner/strand', 'p399'), noon + 200_000).action).toBe('block');
    expect(engine.assess(read('Practitioner/strand', 'p1'), noon + 200_000).action).not.toBe('block');
  });

  it('lets a system client walk through everybody', () => {
    const engine = house(600);
    for (let n = 0; n < 600; n++) {
      const event = read('backend', `p${n}`, { role: 'system', client: 'warehouse', purpose: 'HOPERAT' });
      expect(['allow', 'notice']).toContain(engine.assess(event, noon + n * 20).action);
      engine.observe(event, noon + n * 20);
    }
  });
});

describe('what is no number', () => {
  it('fails instead of scoring low when the time is not a number', () => {
    expect(() => house(1).assess(read('u', 'p0'), Number.NaN)).toThrow(RiskFailure);
  });

  it('fails when the event is not an object', () => {
    for (const event of [null, undefined, 7, 'x', []])
      expect(() => house(1).assess(event as unknown as AccessEvent, noon)).toThrow(RiskFailure);
  });

  it('fails when the weights hold NaN', () => {
    const model = shippedModel();
    const engine = engineWith({
      ...model,
      logistic: { weights: model.logistic.weights.map(() => Number.NaN), bias: 0 },
      combine: { weights: [1, 1, 1, 1], bias: 0 },
    });
    expect(() => engine.assess(read('u', 'p0'), noon)).toThrow(RiskFailure);
    expect(engine.status().failed).toBe(1);
  });

  it('gives a number in [0,1] whatever the fields hold', () => {
    const engine = house(3);
    const odd: unknown[] = [
      undefined,
      null,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      -1,
      1e308,
      '',
      'x'.repeat(10_000),
      {},
      [],
      [null, 3, {}],
      true,
    ];
    for (const value of odd)
      for (const field of [
        'user',
        'role',
        'department',
        'client',
        'ip',
        'device',
        'agent',
        'purpose',
        'breakGlass',
        'reason',
        'interaction',
        'type',
        'patient',
        'patients',
        'query',
        'results',
        'status',
      ]) {
        const event = { ...read('u', 'p0'), [field]: value } as AccessEvent;
        const { score } = engine.assess(event, noon);
        expect(score).toBeGreaterThanOrEqual(0);
        expect(score).toBeLessThanOrEqual(1);
        engine.observe(event, noon);
      }
  });
});

describe('the model file', () => {
  const file = (): Record<string, unknown> =>
    JSON.parse(
      writeModel({ ...emptyParts, seed: 3, card: { trainedOn: 'nothing', window: 'none', metrics: [], limits: [] } }),
    ) as Record<string, unknown>;

  it('loads what was written', () => {
    expect(loadModel(file())).toMatchObject({ seed: 3, hash: file().hash });
  });

  it('refuses a changed, truncated or foreign file', () => {
    const broken: unknown[] = [
      null,
      [],
      'x',
      {},
      { ...file(), seed: 4 },
      { ...file(), hash: 'x' },
      { ...file(), schema: 'other' },
      { ...file(), format: 'other' },
    ];
    for (const json of broken) expect(loadModel(json)).toHaveProperty('fault', 'risk-model');
  });
});
