import { describe, expect, it } from '@jest/globals';
import { callOf, isAutomatedRole } from '../../../src/domain/risk/call.ts';
import { RiskContext } from '../../../src/domain/risk/context.ts';
import { createRiskEngine } from '../../../src/domain/risk/engine.ts';
import type { AccessEvent } from '../../../src/domain/risk/event.ts';
import { at } from '../../../src/domain/risk/feature-schema.ts';
import { type Look, RiskFeatures } from '../../../src/domain/risk/features.ts';
import { usualRiskPolicy } from '../../../src/domain/risk/risk-policy.ts';
import { ruleHits } from '../../../src/domain/risk/rules.ts';
import { shippedModel } from './shipped-model.ts';

const noon = Date.parse('2026-03-10T12:00:00Z');
const read = (user: string, patient: string, more: Partial<AccessEvent> = {}): AccessEvent => ({
  user,
  patient,
  interaction: 'read',
  type: 'Patient',
  ...more,
});
const rules = (look: Look): string[] => ruleHits(look, usualRiskPolicy).map(({ rule }) => rule);

describe('a log of another house', () => {
  it.each([
    'Patient Services Rep',
    'Social Services',
    'Environmental Services',
    'Systems Analyst',
    'Interface Engineer',
  ])('names people, not programs, with %s', (role) => expect(isAutomatedRole(role)).toBe(false));

  it.each(['service', 'svc-epic', 'service-account', 'system', 'Backend Service', 'HL7 Interface', 'batch_user'])(
    'names programs with %s',
    (role) => expect(isAutomatedRole(role)).toBe(true),
  );

  it('that leaves out role and department has those of the staff list', () => {
    const context = new RiskContext();
    context.add({ kind: 'staff', id: 'n1', role: 'RN', department: '4W' });
    context.add({ kind: 'encounter', patient: 'p1', department: '4W', start: '2026-03-09T00:00:00Z' });
    const features = new RiskFeatures(context);
    const bare = callOf(read('n1', 'p1'));
    const told = callOf(read('n1', 'p1', { role: 'RN', department: '4W' }));
    const vector = [...features.look(told, noon).vector];
    expect([...features.look(bare, noon).vector]).toEqual(vector);
    features.commit(bare, noon, features.look(bare, noon));
    expect([...features.peers.keys()]).toEqual(['RN', 'RN|4W']);
  });

  it('without any role compares people of one department', () => {
    const features = new RiskFeatures(new RiskContext());
    const call = callOf(read('x', 'p1', { department: '4W' }));
    features.commit(call, noon, features.look(call, noon));
    expect([...features.peers.keys()]).toEqual(['in 4W', 'in 4W|4W']);
  });

  it('that names roles otherwise than the staff list is not all impostors; one who differs from the rest is one', () => {
    const context = new RiskContext();
    for (let n = 0; n < 6; n++) context.add({ kind: 'staff', id: `n${n}`, role: 'Pflege' });
    const features = new RiskFeatures(context);
    const mismatch = (user: string, role: string): number =>
      features.look(callOf(read(user, 'p1', { role })), noon).vector[at.roleMismatch] ?? 0;
    for (let n = 0; n < 4; n++) {
      const call = callOf(read(`n${n}`, 'p1', { role: 'RN' }));
      for (const time of [noon, noon + 1_000]) features.commit(call, time, features.look(call, time));
    }
    expect(mismatch('n5', 'RN')).toBe(0);
    expect(mismatch('n5', 'Attending MD')).toBe(1);
    expect(mismatch('n5', 'Pflege')).toBe(0);
  });
});

describe('search answers', () => {
  const page = (user: string, from: number, count: number, query: string[]): AccessEvent => ({
    user,
    role: 'RN',
    interaction: 'search',
    type: 'Patient',
    patient: null,
    patients: Array.from({ length: count }, (_, n) => `p${from + n}`),
    query,
    results: count,
  });
  const house = (): RiskFeatures => {
    const context = new RiskContext();
    for (let n = 0; n < 900; n++)
      context.add({ kind: 'encounter', patient: `p${n}`, staff: [n === 3 ? 'u' : 'x'], start: '2026-03-09T00:00:00Z' });
    return new RiskFeatures(context);
  };

  it('are explained by one patient of the user when few answer to a name, not when a page lists everybody', () => {
    const features = house();
    expect(features.look(callOf(page('u', 0, 6, ['name'])), noon).explained).toBe(true);
    expect(features.look(callOf(page('u', 0, 50, ['name'])), noon).explained).toBe(false);
  });

  it('that page through the house are a rule of their own', () => {
    const features = house();
    let look = features.look(callOf(page('u', 10, 50, ['_count'])), noon);
    expect(rules(look)).not.toContain('listing');
    for (let n = 1; n < 12; n++) {
      const call = callOf(page('u', 10 + n * 50, 50, ['_count']));
      look = features.look(call, noon + n * 5_000);
      features.commit(call, noon + n * 5_000, look);
    }
    expect(rules(look)).toContain('listing');
  });
});

describe('documented work', () => {
  it('keeps its score while its reader harvests beside it', () => {
    const engine = createRiskEngine({ model: shippedModel(), policy: usualRiskPolicy });
    for (let n = 0; n < 500; n++)
      engine.observeContext({
        kind: 'encounter',
        patient: `p${n}`,
        staff: [n < 5 ? 'u' : 'x'],
        start: '2026-03-09T00:00:00Z',
      });
    for (let n = 5; n < 400; n++) engine.observe(read('u', `p${n}`, { role: 'RN' }), noon + n * 1_000);
    const stranger = engine.assess(read('u', 'p401', { role: 'RN' }), noon + 401_000);
    const own = engine.assess(read('u', 'p1', { role: 'RN' }), noon + 401_000);
    expect(stranger.action).toBe('block');
    expect(own.reasons.map(({ feature }) => feature)).not.toContain('rule:enumeration');
    expect(own.score).toBeLessThan(stranger.score);
  });
});

describe('a front desk', () => {
  it('that opens many unlinked patients over a day is not blocked for it, however high the score', () => {
    const highest = { notice: 0, stepUp: 0, block: 0 };
    const engine = createRiskEngine({
      model: shippedModel(),
      policy: { ...usualRiskPolicy, ladder: highest, cold: { total: 0, user: 0 } },
    });
    for (let n = 0; n < 200; n++)
      engine.observeContext({ kind: 'encounter', patient: `p${n}`, staff: ['x'], start: '2026-03-09T00:00:00Z' });
    const seat = { role: 'registration', ip: '10.1.0.4', device: 'desk-1' };
    const pace = 10 * 60_000;
    for (let n = 0; n < 60; n++) {
      const event = read('clerk', `p${n}`, seat);
      expect(engine.assess(event, noon + n * pace).action).toBe('step-up');
      engine.observe(event, noon + n * pace);
    }
    // The same clerk's account, fast and from elsewhere, is.
    const elsewhere = { ...seat, ip: '198.51.100.7', device: 'other' };
    const later = noon + 60 * pace;
    for (let n = 60; n < 90; n++) engine.observe(read('clerk', `p${n}`, elsewhere), later + n * 20_000);
    expect(engine.assess(read('clerk', 'p99', { ...elsewhere, device: 'third' }), later + 2_000_000).action).toBe(
      'block',
    );
  });
});

describe('a program', () => {
  it('that never looked people up and begins to is used by a person', () => {
    const features = new RiskFeatures(new RiskContext());
    const seat = { role: 'svc-hl7', ip: '10.0.0.9', client: 'engine' };
    for (let n = 0; n < 400; n++) {
      const call = callOf(read('svc', `p${n % 90}`, { ...seat, interaction: 'create', type: 'Observation' }));
      features.commit(call, noon + n * 60_000, features.look(call, noon + n * 60_000));
    }
    const later = noon + 401 * 60_000;
    const search = callOf({ user: 'svc', ...seat, interaction: 'search', type: 'Patient', query: ['name'] });
    const look = features.look(search, later);
    expect(look.vector[at.serviceAsPerson]).toBeGreaterThan(0.5);
    features.commit(search, later, look);
    expect(features.look(callOf(read('svc', 'p1', seat)), later + 9_000).vector[at.serviceAsPerson]).toBeGreaterThan(
      0.5,
    );
  });
});
