import { describe, expect, it } from '@jest/globals';
import { RiskContext } from '../../../src/domain/risk/context.ts';
import { createRiskEngine } from '../../../src/domain/risk/engine.ts';
import type { AccessEvent } from '../../../src/domain/risk/event.ts';
import { RiskFeatures } from '../../../src/domain/risk/features.ts';
import { networkPass } from '../../../src/domain/risk/network.ts';
import { usableReviews } from '../../../src/domain/risk/review.ts';
import { failureMode, readRiskPolicy, usualRiskPolicy } from '../../../src/domain/risk/risk-policy.ts';
import { simulate, usualSimulation } from '../../../src/domain/risk/simulator/simulate.ts';
import { shippedModel } from './shipped-model.ts';

const noon = Date.parse('2026-03-04T12:00:00Z');
const day = 86_400_000;
const model = shippedModel();
const engineOf = (features?: RiskFeatures) =>
  createRiskEngine({ model, policy: usualRiskPolicy, ...(features === undefined ? {} : { features }) });
const read = (user: string, patient: string, more: Partial<AccessEvent> = {}): AccessEvent => ({
  user,
  role: 'nurse',
  department: 'w1',
  interaction: 'read',
  type: 'Patient',
  patient,
  patients: [patient],
  status: 200,
  ...more,
});
const small = { ...usualSimulation, users: 25, patients: 400, days: 6, misusePerDay: 60, calmDays: 1 };

describe('the same code online and offline', () => {
  it('gives the same scores call by call as in one pass over a file', () => {
    const online = engineOf();
    const offline = engineOf();
    let events = 0;
    for (const item of simulate(small)) {
      if (item.kind === 'fact') {
        online.observeContext(item.fact);
        offline.observeContext(item.fact);
        continue;
      }
      const { event, time } = item.told;
      const judged = online.assess(event, time);
      online.observe(event, time);
      if (judged.score !== offline.step(event, time).score) throw new Error(`line ${item.line} differs`);
      events++;
    }
    expect(events).toBeGreaterThan(2_000);
  });

  it('goes on from a snapshot as if it had never stopped', () => {
    const straight = engineOf();
    let resumed = engineOf();
    let n = 0;
    for (const item of simulate(small)) {
      if (item.kind === 'fact') {
        straight.observeContext(item.fact);
        resumed.observeContext(item.fact);
        continue;
      }
      if (++n === 1_500) {
        const context = new RiskContext();
        const features = new RiskFeatures(context);
        expect(context.restore(resumed.context.state())).toBe(true);
        expect(features.restore(resumed.features.state())).toBe(true);
        resumed = engineOf(features);
      }
      const { event, time } = item.told;
      if (straight.step(event, time).score !== resumed.step(event, time).score)
        throw new Error(`line ${item.line} differs`);
    }
    expect(n).toBeGreaterThan(2_000);
  });

  it('takes nothing from a snapshot of another version', () => {
    expect(new RiskFeatures(new RiskContext()).restore({ version: 'other' })).toBe(false);
    expect(new RiskContext().restore(null)).toBe(false);
  });
});

describe('floods', () => {
  it('keep the memory bounded', () => {
    const context = new RiskContext({ patients: 500, staff: 100, relationsPerPatient: 8 });
    const features = new RiskFeatures(context, { users: 50, patients: 200, groups: 20, values: 100 });
    const engine = engineOf(features);
    for (let n = 0; n < 5_000; n++) {
      engine.observeContext({
        kind: 'encounter',
        patient: `p${n % 700}`,
        staff: [`s${n}`],
        start: new Date(noon - n * 1_000).toISOString(),
      });
      engine.observe(read(`u${n}`, `p${n}`, { role: `r${n}`, device: `d${n}`, ip: `203.0.${n % 250}.1` }), noon + n);
    }
    expect(features.sizes).toMatchObject({ users: 50, patients: 200, groups: 20, values: 100 });
    expect(context.sizes.patients).toBe(500);
    expect(context.patient('p5')?.relations.length ?? 0).toBeLessThanOrEqual(8);
  });

  it('of patients by one user keep its profile bounded', () => {
    const engine = engineOf();
    for (let n = 0; n < 3_000; n++) engine.observe(read('u', `p${n}`), noon + n);
    expect(engine.features.user('u')?.pairs.size).toBeLessThanOrEqual(600);
  });
});

describe('clocks that jump', () => {
  it('back or far ahead give numbers, and later calls still count', () => {
    const engine = engineOf();
    for (const time of [noon, noon - 400 * day, noon + 4_000 * day, 0, noon + 1, 8.64e15]) {
      const { score } = engine.assess(read('u', 'p1'), time);
      expect(Number.isFinite(score)).toBe(true);
      engine.observe(read('u', 'p1'), time);
    }
  });

  it('ahead once do not silence a harvest that comes after', () => {
    const engine = engineOf();
    for (let n = 0; n < 60; n++)
      engine.observeContext({ kind: 'encounter', patient: `p${n}`, staff: ['t'], start: '2026-03-01T00:00:00Z' });
    engine.observeContext({ kind: 'client', id: 'known' });
    engine.observe(read('u', 'p0'), noon + 4_000 * day);
    let action = 'allow';
    for (let n = 0; n < 60 && action !== 'block'; n++) {
      const event = read('u', `p${n}`, { client: 'strange', status: 403 });
      engine.observe(event, noon + n * 1_000);
      action = engine.assess(read('u', `p${n}`, { client: 'strange' }), noon + n * 1_000 + 1).action;
    }
    expect(action).toBe('block');
  });
});

describe('decoy relations', () => {
  const score = (recordedBy: string, hoursAgo: number, cancelled = false): { readonly explained: boolean } => {
    const engine = engineOf();
    engine.observeContext({ kind: 'encounter', patient: 'other', staff: ['x'], start: '2026-03-01T00:00:00Z' });
    engine.observeContext({
      kind: 'appointment',
      patient: 'p1',
      staff: ['u'],
      start: new Date(noon).toISOString(),
      recordedAt: new Date(noon - hoursAgo * 3_600_000).toISOString(),
      recordedBy,
      ...(cancelled ? { cancelledAt: new Date(noon - 1).toISOString() } : {}),
    });
    return engine.assess(read('u', 'p1'), noon);
  };

  it('that the user made within the day explain nothing', () => {
    expect(score('u', 2).explained).toBe(false);
    expect(score('u', 30).explained).toBe(true);
    expect(score('clerk', 2).explained).toBe(true);
  });

  it('that were cancelled, or are recorded later, explain nothing', () => {
    expect(score('clerk', 2, true).explained).toBe(false);
    expect(score('clerk', -2).explained).toBe(false);
  });
});

describe('poisoning', () => {
  it('by one loud caller does not move what colleagues count as usual', () => {
    const engine = engineOf();
    for (let n = 0; n < 4_000; n++) engine.observe(read(`u${n % 20}`, `p${n % 60}`), noon + n * 60_000);
    const before = engine.features.peers.peek('nurse|w1')?.mean.slice() ?? new Float64Array();
    for (let n = 0; n < 4_000; n++) engine.observe(read('loud', `q${n}`), noon + 4_000 * 60_000 + n * 20);
    const after = engine.features.peers.peek('nurse|w1')?.mean ?? new Float64Array();
    before.forEach((mean, index) => {
      expect(Math.abs((after[index] ?? 0) - mean)).toBeLessThan(0.8);
    });
  });

  it('by one reviewer, by a reviewer about themselves, or without a reason does not teach', () => {
    const review = (more: object) => ({
      user: 'u',
      day: '2026-03-04',
      decision: 'dismissed' as const,
      reviewer: 'r1',
      reason: 'was on call',
      ...more,
    });
    expect(usableReviews([review({})], usualRiskPolicy).labels.size).toBe(0);
    expect(usableReviews([review({}), review({ reviewer: 'r2' })], usualRiskPolicy).labels.get('u/2026-03-04')).toBe(0);
    expect(usableReviews([review({ reviewer: 'u' }), review({ reason: '' })], usualRiskPolicy)).toMatchObject({
      used: 0,
      leftOut: 2,
    });
    expect(
      usableReviews(
        [review({}), review({ reviewer: 'r2' }), review({ reviewer: 'r3', decision: 'confirmed' })],
        usualRiskPolicy,
      ).labels.get('u/2026-03-04'),
    ).toBe(1);
    const many = Array.from({ length: 80 }, (_, n) => review({ user: `u${n}`, decision: 'confirmed' }));
    expect(usableReviews(many, usualRiskPolicy).labels.size).toBe(50);
  });
});

describe('the risk policy', () => {
  it('refuses what would loosen it by mistake', () => {
    for (const broken of [
      null,
      { ladder: { notice: 0.9, stepUp: 0.5, block: 1 } },
      { documentedCap: 'block' },
      { scoreCap: 'block' },
      { scoreCap: 'mask' },
      { ladder: { notice: 0.3, stepUp: 0.5, maskMore: 0.4, block: 1 } },
      { ladder: { notice: 0.3, stepUp: 0.5, maskMore: 0.8, rateLimit: 0.7, block: 1 } },
      { ladder: { notice: 0.3, stepUp: 0.5, maskmore: 0.7, block: 1 } },
      { ladder: { notice: 0.3, stepUp: 0.5, rateLimit: Number.NaN, block: 1 } },
      { rateLimit: { callsPerMinute: 0 } },
      { rateLimit: { callsPerMinute: Number.NaN } },
      { maskMore: { overlay: 3 } },
      { enumeration: { patientHour: [1] } },
      { promotion: { approvals: 1 } },
      { failure: { purposes: { HRESCH: 'serve-flag-notify' } } },
      { failure: { default: 'serve-flag-notify' } },
      { cold: { total: -1 } },
    ])
      expect(readRiskPolicy(broken)).toHaveProperty('fault');
    expect(readRiskPolicy({ version: 1 })).toEqual(usualRiskPolicy);
  });

  it('says what a failure means, by purpose', () => {
    const policy = readRiskPolicy({ failure: { purposes: { TREAT: 'serve-flag-notify' } } });
    if ('fault' in policy) throw new Error(policy.text);
    expect([failureMode(policy, 'TREAT'), failureMode(policy, 'HRESCH'), failureMode(policy, undefined)]).toEqual([
      'serve-flag-notify',
      'closed',
      'closed',
    ]);
  });
});

describe('the forward pass', () => {
  it('gives NaN for NaN and for a wrong length', () => {
    const pass = networkPass(model.net);
    const size = model.net.sizes[0] ?? 0;
    expect(pass(new Float64Array(size).fill(Number.NaN))).toBeNaN();
    expect(pass(new Float64Array(size - 1))).toBeNaN();
    expect(pass(new Float64Array(size))).toBeGreaterThanOrEqual(0);
  });
});
