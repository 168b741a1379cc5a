import { describe, expect, it } from '@jest/globals';
import type { AccessEvent } from '../../../src/domain/risk/event.ts';
import { ReviewQueue } from '../../../src/domain/risk/review-queue.ts';
import { type Assessment, type RiskAction, unscored } from '../../../src/domain/risk/score.ts';

const noon = Date.parse('2026-03-04T12:00:00Z');
const DAY = 86_400_000;
const read = (user: string, patient: string): AccessEvent => ({
  user,
  login: `${user}-login`,
  role: 'nurse',
  patient,
  interaction: 'read',
  type: 'Observation',
});
const assessed = (action: RiskAction = 'step-up', score = 0.9): Assessment => ({
  score: score as never,
  action,
  explained: false,
  model: 'm',
  reasons: [
    { feature: 'household', text: 'User and patient share a home address.', weight: 0.4 },
    { feature: 'explained:order', text: 'An order.', weight: 0 },
  ],
});
const ruth = { name: 'ruth' };

describe('the review queue', () => {
  it('gathers alerts of a user and a day, in words, with the accesses behind them', () => {
    const queue = new ReviewQueue();
    queue.add(read('u', 'p1'), assessed(), noon);
    queue.add(read('u', 'p2'), assessed('notice', 0.4), noon + 1);
    queue.add(read('u', 'p3'), assessed('allow'), noon + 2);
    expect(queue.list()).toMatchObject([
      {
        kind: 'user-day',
        user: 'u',
        login: 'u-login',
        day: '2026-03-04',
        events: 2,
        score: 0.9,
        action: 'step-up',
        patients: ['p1', 'p2'],
        reasons: ['User and patient share a home address.'],
        accesses: [{ patient: 'p1' }, { patient: 'p2', action: 'notice' }],
      },
    ]);
    expect(queue.list()[0]?.id).toMatch(/^[0-9a-f]{24}$/);
  });

  it('says a rule that counts once, with its highest count', () => {
    const queue = new ReviewQueue();
    for (const [weight, text] of [
      [0.5, '12 patients'],
      [0.9, '17 patients'],
      [0.7, '15 patients'],
    ] as const)
      queue.add(read('u', 'p1'), { ...assessed(), reasons: [{ feature: 'rule:enumeration', text, weight }] }, noon);
    expect(queue.list()[0]?.reasons).toEqual(['17 patients']);
  });

  it('lets the alerted days of one user join while the case is open, and says a return to one patient in it', () => {
    const queue = new ReviewQueue();
    for (const day of [0, 1, 9, 23]) {
      const before = queue.list()[0]?.score ?? 0;
      queue.add(read('u', 'p1'), assessed('notice', 0.3), noon + day * DAY);
      expect(queue.list()[0]?.score).toBeGreaterThan(before);
    }
    expect(queue.list()).toMatchObject([
      { kind: 'user-day', days: ['2026-03-04', '2026-03-05', '2026-03-13', '2026-03-27'], events: 4 },
    ]);
  });

  it('opens another case after a long silence or a decision, and shows what returns across cases as its own', () => {
    const queue = new ReviewQueue();
    queue.add(read('u', 'p1'), assessed(), noon);
    queue.decide(queue.list()[0]?.id ?? '', 'dismissed', ruth, 'a colleague asked', noon);
    queue.add(read('u', 'p1'), assessed(), noon + DAY);
    expect(queue.list().map(({ kind, days }) => [kind, days.length])).toEqual(
      expect.arrayContaining([
        ['user-day', 1],
        ['user-patient', 2],
      ]),
    );
    queue.add(read('u', 'p2'), assessed(), noon + 16 * DAY);
    expect(queue.list().filter(({ kind }) => kind === 'user-day')).toHaveLength(2);
  });

  it('takes a decision with a reason, not by the user themselves, and not twice by one person', () => {
    const queue = new ReviewQueue();
    queue.add(read('u', 'p1'), assessed(), noon);
    const id = queue.list()[0]?.id ?? '';
    expect(queue.decide('none', 'confirmed', ruth, 'family, no care', noon)).toBe('unknown');
    expect(queue.decide(id, 'confirmed', ruth, '   short ', noon)).toBe('no-reason');
    for (const self of [{ name: 'u' }, { name: 'u-login' }, { name: 'x', aliases: ['u'] }])
      expect(queue.decide(id, 'dismissed', self, 'I did nothing', noon)).toBe('own');
    expect(queue.decide(id, 'dismissed', ruth, 'a colleague asked', noon)).toBe('decided');
    expect(queue.decide(id, 'dismissed', ruth, 'a colleague asked', noon)).toBe('twice');
    expect(queue.list()).toEqual([]);
    expect(queue.reviews()).toEqual([
      { user: 'u', day: '2026-03-04', decision: 'dismissed', reviewer: 'ruth', reason: 'a colleague asked' },
    ]);
  });

  it('holds the stricter view where two people differ, and opens no decided case again', () => {
    const queue = new ReviewQueue();
    queue.add(read('u', 'p1'), assessed(), noon);
    const id = queue.list()[0]?.id ?? '';
    queue.decide(id, 'confirmed', ruth, 'family, no care', noon);
    queue.decide(id, 'dismissed', { name: 'sam' }, 'a colleague asked', noon);
    expect(queue.find(id)?.state).toBe('confirmed');
    queue.add(read('u', 'p2'), assessed(), noon + 1);
    expect(queue.list()).toEqual([]);
    expect(queue.list('confirmed')).toHaveLength(1);
  });

  it('stays bounded: the mildest goes, a confirmed case last, and what goes is told', () => {
    const queue = new ReviewQueue(10);
    queue.add({ ...read('first', 'p'), patient: null }, assessed('notice', 0.01), noon);
    const confirmed = queue.list()[0]?.id ?? '';
    queue.decide(confirmed, 'confirmed', ruth, 'family, no care', noon);
    queue.takeChanged();
    for (let n = 0; n < 100; n++)
      queue.add({ ...read(`u${n}`, 'p'), patient: null }, assessed('notice', n / 100), noon);
    expect(queue.list('all', 100)).toHaveLength(10);
    expect(queue.list()[0]?.score).toBeGreaterThan(0.9);
    expect(queue.find(confirmed)).toBeDefined();
    expect(queue.takeChanged().filter(([, kept]) => kept === undefined).length).toBe(91);
  });

  it('stays bounded in one case that never ends', () => {
    const queue = new ReviewQueue();
    for (let n = 0; n < 5_000; n++)
      queue.add(read('u', `p${n}`), unscored('block', { rule: `r${n}`, text: `t${n}` }), noon + n);
    const [worst] = queue.list();
    expect(worst?.events).toBe(5_000);
    expect([worst?.patients.length, worst?.accesses.length, worst?.reasons.length]).toEqual([200, 60, 8]);
  });

  it('comes back from what was kept', () => {
    const queue = new ReviewQueue();
    queue.add(read('u', 'p1'), assessed(), noon);
    const restored = new ReviewQueue();
    for (const [, kept] of queue.takeChanged()) if (kept !== undefined) restored.restore(kept);
    expect(restored.list('all')).toEqual(queue.list('all'));
    restored.add(read('u', 'p1'), assessed(), noon + DAY);
    expect(restored.list()).toMatchObject([{ events: 2, days: ['2026-03-04', '2026-03-05'] }]);
  });

  it('keeps nothing of a patient who was erased', () => {
    const queue = new ReviewQueue();
    queue.add(read('u', 'p-gone'), assessed(), noon);
    queue.add(read('u', 'p2'), assessed(), noon);
    queue.forget('p-gone');
    expect(JSON.stringify(queue.takeChanged())).not.toContain('p-gone');
    expect(queue.list()[0]).toMatchObject({ events: 2, patients: ['p2'] });
  });
});
