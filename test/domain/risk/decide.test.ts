import { describe, expect, it } from '@jest/globals';
import { callOf } from '../../../src/domain/risk/call.ts';
import { decide } from '../../../src/domain/risk/decide.ts';
import { createRiskEngine } from '../../../src/domain/risk/engine.ts';
import type { AccessEvent } from '../../../src/domain/risk/event.ts';
import type { Look } from '../../../src/domain/risk/features.ts';
import { fullLadder } from '../../../src/domain/risk/model.ts';
import { usualRiskPolicy } from '../../../src/domain/risk/risk-policy.ts';
import { shippedModel } from './shipped-model.ts';

const noon = Date.parse('2026-03-04T12:00:00Z');
const event: AccessEvent = { user: 'u', role: 'clinician', interaction: 'read', type: 'Patient', patient: 'p' };
const ladder = { notice: 0.2, stepUp: 0.3, maskMore: 0.5, rateLimit: 0.7, block: 0.9 };
const policy = { ...usualRiskPolicy, scoreCap: 'rate-limit' } as const;
const fresh = createRiskEngine({ model: shippedModel(), policy }).features.look(callOf(event), noon);
const seasoned: Look = { ...fresh, evidence: { ...fresh.evidence, total: 1e6, history: 1e4 } };
const harvesting: Look = {
  ...seasoned,
  evidence: { ...seasoned.evidence, strangersHour: 32, strangeClient: true, contextKnown: true },
};
const scores = [0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1];
const actions = (look: Look, more: Partial<AccessEvent> = {}, rules: Parameters<typeof decide>[4] = policy) =>
  scores.map((score) => decide(score, look, callOf({ ...event, ...more }), ladder, rules));

describe('the ladder', () => {
  it('has a step for each score, and blocks only with many unlinked patients beside it', () => {
    const steps = ['allow', 'notice', 'step-up', 'mask-more', 'rate-limit'];
    expect(actions(harvesting)).toEqual([...steps, 'block', 'block']);
    expect(actions(seasoned)).toEqual([...steps, 'rate-limit', 'rate-limit']);
    expect(actions(seasoned, {}, usualRiskPolicy)).toEqual([...steps.slice(0, 3), ...Array(4).fill('step-up')]);
  });

  it('masks nothing from documented treatment, emergencies, newcomers and patients in their own record', () => {
    const most = ['allow', 'notice', 'step-up', 'step-up', 'step-up'];
    expect(actions({ ...harvesting, documented: true })).toEqual([...most, 'step-up', 'step-up']);
    expect(actions(seasoned, { own: true })).toEqual([...most, 'step-up', 'step-up']);
    expect(new Set(actions(harvesting, { breakGlass: true, reason: 'unconscious on arrival' }))).toEqual(
      new Set(['allow', 'notice']),
    );
    expect(new Set(actions(fresh))).toEqual(new Set(['allow', 'notice']));
    expect(actions({ ...harvesting, documented: true }, {}, { ...policy, documentedCap: 'mask-more' })[3]).toBe(
      'mask-more',
    );
  });

  it('spreads the steps that a card does not name between the step-up and the block', () => {
    expect(fullLadder({ notice: 0.1, stepUp: 0.3, block: 0.9 })).toMatchObject({
      maskMore: expect.closeTo(0.5),
      rateLimit: expect.closeTo(0.7),
    });
    expect(fullLadder({ notice: 0.1, stepUp: 0.3, maskMore: 0.8, block: 0.9 }).rateLimit).toBe(0.8);
    expect(fullLadder({ notice: 0.1, stepUp: 0.3, rateLimit: 0.4, block: 0.9 }).maskMore).toBe(0.4);
  });
});
