import { describe, expect, it } from '@jest/globals';
import { decide, decideAll, mayTouch } from '../../../src/domain/consent/decide.ts';
import type {
  ConsentAction,
  ConsentView,
  EpochSeconds,
  Grant,
  GranteeKey,
  GrantId,
} from '../../../src/domain/consent/grant.ts';
import { type ConsentPolicy, closedPolicy } from '../../../src/domain/consent/policy.ts';
import type { PurposeOfUse } from '../../../src/domain/identity/principal.ts';
import {
  actionBit,
  at,
  classBit,
  facts,
  grant,
  grantee,
  labelBit,
  now,
  purposeBit,
  question,
  subject,
  viewOf,
} from './world.ts';

const optIn = closedPolicy;
const policy = (more: Partial<ConsentPolicy>): ConsentPolicy => ({ ...closedPolicy, ...more });
const effect = (...args: Parameters<typeof decide>) => decide(...args).effect;

describe('a decision on one resource', () => {
  it('permits when a grant covers caller, purpose, action, class and time, and names grant and block', () => {
    const decision = decide(viewOf([grant()]), question(), facts(), optIn);
    expect(decision).toMatchObject({
      effect: 'permit',
      proof: { basis: 'grant', grants: ['0x01'], block: 7, purpose: 'TREAT' },
      obligations: [],
    });
  });

  it.each([
    ['another grantee', { grantee: grantee('other') }, 'consent:grantee'],
    ['another purpose', { purposes: purposeBit('HRESCH') }, 'consent:purpose'],
    ['another action', { actions: actionBit('export') }, 'consent:action'],
    ['a consent that has not begun', { from: at('2026-12-01T00:00:00Z') }, 'consent:not-yet'],
    ['a consent that ends this second', { until: now }, 'consent:expired'],
    ['another class', { classes: classBit('imaging') }, 'consent:class'],
    ['data older than the window', { dataFrom: at('2025-01-01T00:00:00Z') }, 'consent:date'],
    ['a referral that nobody attested', { conditions: 1 }, 'consent:condition'],
  ])('answers no-consent for %s and says so', (_, more, rule) => {
    const dates = { from: at('2024-05-01T00:00:00Z'), to: at('2024-05-01T00:00:00Z') };
    const decision = decide(viewOf([grant(more)]), question(), facts({ dates }), optIn);
    expect(decision.effect).toBe('no-consent');
    expect(decision.reasons.map((reason) => reason.rule)).toContain(rule);
  });

  it('lets a deny win over any number of permits, and names the most specific deny', () => {
    const view = viewOf([
      grant(),
      grant({ id: '0x02' as GrantId, effect: 'deny' }),
      grant({ id: '0x03' as GrantId, effect: 'deny', granteeKind: 'person', grantee: grantee('meyer') }),
    ]);
    const decision = decide(view, question(), facts(), optIn);
    expect(decision).toMatchObject({ effect: 'deny', grants: ['0x03'] });
  });

  it('opens sensitive data only by a permit that names every label of it', () => {
    const sensitive = facts({ labels: labelBit('PSY') | labelBit('HIV') });
    expect(effect(viewOf([grant()]), question(), sensitive, optIn)).toBe('no-consent');
    expect(effect(viewOf([grant({ labels: labelBit('PSY') })]), question(), sensitive, optIn)).toBe('no-consent');
    const both = grant({ labels: labelBit('PSY') | labelBit('HIV') });
    expect(effect(viewOf([both]), question(), sensitive, optIn)).toBe('permit');
  });

  it('needs a permit for all that a resource is, while a deny for any part of it closes it', () => {
    const geneticLab = facts({ classes: classBit('labs') | classBit('genetics') });
    const labs = grant({ classes: classBit('labs') });
    expect(effect(viewOf([labs]), question(), geneticLab, optIn)).toBe('no-consent');
    const notGenetics = grant({ id: '0x02' as GrantId, effect: 'deny', classes: classBit('genetics') });
    expect(effect(viewOf([grant(), notGenetics]), question(), geneticLab, optIn)).toBe('deny');
    expect(effect(viewOf([grant(), notGenetics]), question(), facts(), optIn)).toBe('permit');
  });

  it('keeps a dated permit closed and a dated deny shut for a resource without a date', () => {
    const windowed = { dataFrom: at('2020-01-01T00:00:00Z') };
    expect(effect(viewOf([grant(windowed)]), question(), facts(), optIn)).toBe('no-consent');
    const deny = grant({ id: '0x02' as GrantId, effect: 'deny', ...windowed });
    expect(effect(viewOf([grant(), deny]), question(), facts(), optIn)).toBe('deny');
  });

  it('wants the whole stay inside the window of a permit, and only an overlap with that of a deny', () => {
    const window = { dataFrom: at('2024-01-01T00:00:00Z'), dataUntil: at('2025-01-01T00:00:00Z') };
    const across = facts({ dates: { from: at('2024-12-30T00:00:00Z'), to: at('2025-01-02T00:00:00Z') } });
    expect(effect(viewOf([grant(window)]), question(), across, optIn)).toBe('no-consent');
    const deny = grant({ id: '0x02' as GrantId, effect: 'deny', ...window });
    expect(effect(viewOf([grant(), deny]), question(), across, optIn)).toBe('deny');
  });

  it('opens a conditional grant while the attestation lasts and closes with it', () => {
    const referral = grant({ conditions: 1, classes: classBit('imaging') });
    const until = at('2026-11-22T12:00:01Z');
    const view = viewOf([referral], [{ grant: referral.id, condition: 'REFERRAL', until }]);
    const imaging = facts({ classes: classBit('imaging') });
    expect(effect(view, question(), imaging, optIn)).toBe('permit');
    expect(effect(view, question({ now: until }), imaging, optIn)).toBe('no-consent');
  });

  it('applies a deny whose conditions nobody attested', () => {
    const deny = grant({ id: '0x02' as GrantId, effect: 'deny', conditions: 1 });
    expect(effect(viewOf([grant(), deny]), question(), facts(), optIn)).toBe('deny');
  });

  it('finds the caller by person, role, care team, study and app', () => {
    const by = (granteeKind: 'person' | 'role' | 'care-team' | 'app', name: string) =>
      effect(viewOf([grant({ granteeKind, grantee: grantee(name) })]), question(), facts(), optIn);
    expect(by('person', 'meyer')).toBe('permit');
    expect(by('role', 'physician')).toBe('permit');
    expect(by('care-team', 'team')).toBe('permit');
    expect(by('app', 'app')).toBe('permit');
    expect(by('person', 'physician')).toBe('no-consent');
  });

  it('does not confuse patients', () => {
    expect(effect(viewOf([grant({ subject: subject('bert') })]), question(), facts(), optIn)).toBe('no-consent');
    expect(effect(viewOf([grant()]), question({ subject: undefined }), facts(), optIn)).toBe('no-consent');
  });

  it('asks for de-identification only when no plain permit fits', () => {
    const coded = grant({ id: '0x02' as GrantId, actions: actionBit('read') | actionBit('deidentified') });
    expect(decide(viewOf([coded]), question(), facts(), optIn).obligations).toEqual([{ code: 'DEIDENTIFY' }]);
    expect(decide(viewOf([coded, grant()]), question(), facts(), optIn).obligations).toEqual([]);
  });

  it('treats a purpose and an action outside the lists as covered only by a grant for any', () => {
    const unknown = question({ purpose: 'XYZ' as PurposeOfUse });
    expect(effect(viewOf([grant()]), unknown, facts(), optIn)).toBe('no-consent');
    expect(effect(viewOf([grant({ purposes: 0 })]), unknown, facts(), optIn)).toBe('permit');
    const strange = question({ action: 'strange' as ConsentAction });
    expect(effect(viewOf([grant()]), strange, facts(), optIn)).toBe('no-consent');
  });

  it('opens nothing when the state of the chain cannot be had', () => {
    expect(decide(undefined, question(), facts(), optIn)).toMatchObject({
      effect: 'deny',
      reasons: [{ rule: 'consent:unverifiable' }],
    });
  });
});

describe('the model of a purpose', () => {
  const optOut = policy({ models: new Map([['TREAT', 'opt-out']]) });

  it('opt-out opens ordinary data until the patient refuses', () => {
    expect(decide(viewOf([]), question(), facts(), optOut)).toMatchObject({
      effect: 'permit',
      proof: { basis: 'opt-out' },
    });
    expect(effect(viewOf([grant({ effect: 'deny' })]), question(), facts(), optOut)).toBe('deny');
  });

  it('opt-out still wants a permit that names the label of sensitive data', () => {
    const sensitive = facts({ labels: labelBit('SUD') });
    expect(effect(viewOf([]), question(), sensitive, optOut)).toBe('no-consent');
    expect(effect(viewOf([grant({ labels: labelBit('SUD') })]), question(), sensitive, optOut)).toBe('permit');
  });

  it('not-required asks nobody and closed opens for nobody', () => {
    const models = policy({
      models: new Map([
        ['PUBHLTH', 'not-required'],
        ['HMARKT', 'closed'],
      ]),
    });
    const report = question({ purpose: 'PUBHLTH' as PurposeOfUse });
    expect(decide(viewOf([]), report, facts(), models)).toMatchObject({ proof: { basis: 'not-required' } });
    const marketing = question({ purpose: 'HMARKT' as PurposeOfUse });
    expect(effect(viewOf([grant({ purposes: 0 })]), marketing, facts(), models)).toBe('deny');
  });

  it('lets patients read their own record by the rule for it', () => {
    const self = policy({ self: { purposes: new Set(['PATRQT']), actions: new Set<ConsentAction>(['read']) } });
    const own = question({ self: true, purpose: 'PATRQT' as PurposeOfUse });
    expect(decide(viewOf([]), own, facts(), self)).toMatchObject({ effect: 'permit', proof: { basis: 'self' } });
    expect(effect(viewOf([]), { ...own, action: 'delete' }, facts(), self)).toBe('no-consent');
    expect(effect(viewOf([]), { ...own, self: false }, facts(), self)).toBe('no-consent');
  });
});

describe('break-glass', () => {
  const emergency = policy({
    breakGlass: {
      purposes: new Set(['ETREAT']),
      roles: new Set(['physician']),
      reasonLength: 10,
      seconds: 3600,
      reviewSeconds: 86400,
      actions: new Set<ConsentAction>(['read', 'search']),
    },
  });
  const claim = { reason: 'unconscious after a fall' };
  const call = question({ purpose: 'ETREAT' as PurposeOfUse, breakGlass: claim });

  it('opens without any grant, with notice and review, even past a deny and without a chain', () => {
    const deny = grant({ effect: 'deny', purposes: 0 });
    for (const view of [viewOf([]), viewOf([deny]), undefined]) {
      expect(decide(view, call, facts(), emergency)).toMatchObject({
        effect: 'permit',
        proof: { basis: 'break-glass' },
        obligations: [{ code: 'NOTIFY' }, { code: 'REVIEW', by: now + 86400, until: now + 3600 }],
      });
    }
  });

  it('opens sensitive data but never what is marked NO-OVERRIDE', () => {
    expect(effect(viewOf([]), call, facts({ labels: labelBit('PSY') }), emergency)).toBe('permit');
    expect(effect(viewOf([]), call, facts({ labels: labelBit('NO-OVERRIDE') }), emergency)).not.toBe('permit');
  });

  it('stays closed where the patient closed it, whoever asks, and while the chain is away', () => {
    const closing = (change: Partial<Grant> = {}) =>
      grant({ effect: 'deny', purposes: 0, labels: labelBit('NO-OVERRIDE'), grantee: '0x99' as GranteeKey, ...change });
    const closed = viewOf([closing()]);
    const verdict = (view: ConsentView | undefined, lastView?: ConsentView, resource = facts()) =>
      decide(view, { ...call, breakGlass: { ...claim, lastView } }, resource, emergency).effect;
    expect(verdict(closed)).not.toBe('permit');
    expect(verdict(undefined, closed)).not.toBe('permit');
    expect(mayTouch(closed, call, 0, emergency).effect).not.toBe('permit');
    expect(verdict(viewOf([]), closed)).toBe('permit');
    expect(verdict(viewOf([closing({ effect: 'permit' })]))).toBe('permit');
    expect(verdict(viewOf([closing({ until: now })]))).toBe('permit');
    expect(verdict(viewOf([closing({ from: (now + 1) as EpochSeconds })]))).toBe('permit');
    const labs = viewOf([closing({ classes: classBit('labs') })]);
    expect(verdict(labs, undefined, facts({ classes: classBit('labs') }))).not.toBe('permit');
    expect(verdict(labs, undefined, facts({ classes: classBit('imaging') }))).toBe('permit');
    expect(mayTouch(labs, call, 0, emergency).effect).toBe('permit');
  });

  it('closes nothing that was granted: a refusal that names NO-OVERRIDE is about emergencies', () => {
    const closing = grant({ id: '0x02' as GrantId, effect: 'deny', purposes: 0, labels: labelBit('NO-OVERRIDE') });
    expect(effect(viewOf([grant({ purposes: 0 }), closing]), question(), facts(), optIn)).toBe('permit');
  });

  it.each([
    ['another role', { roles: ['billing'] }],
    ['another purpose', { purpose: 'TREAT' as PurposeOfUse }],
    ['a write', { action: 'update' as ConsentAction }],
    ['a reason that is too short', { breakGlass: { reason: '   urgent   ' } }],
    ['a time box that is over', { breakGlass: { ...claim, openedAt: at('2026-11-22T11:00:00Z') } }],
  ])('stays closed for %s', (_, more) => {
    expect(effect(viewOf([]), { ...call, ...more }, facts(), emergency)).not.toBe('permit');
  });

  it('is not used where the patient has granted the access anyway', () => {
    const decision = decide(viewOf([grant({ purposes: 0 })]), call, facts(), emergency);
    expect(decision).toMatchObject({ effect: 'permit', proof: { basis: 'grant' }, obligations: [] });
  });
});

describe('before the call', () => {
  it('goes on when any grant could open something of the type', () => {
    const imaging = grant({ classes: classBit('imaging'), labels: 0 });
    const view = viewOf([imaging]);
    expect(mayTouch(view, question(), classBit('imaging') | classBit('labs'), optIn).effect).toBe('permit');
    expect(mayTouch(view, question(), classBit('labs'), optIn).effect).toBe('no-consent');
    expect(mayTouch(view, question(), 0, optIn).effect).toBe('permit');
  });

  it('stops at a deny only when that closes every resource', () => {
    const partly = grant({ id: '0x02' as GrantId, effect: 'deny', labels: labelBit('PSY') });
    expect(mayTouch(viewOf([grant(), partly]), question(), 0, optIn).effect).toBe('permit');
    const wholly = grant({ id: '0x02' as GrantId, effect: 'deny' });
    expect(mayTouch(viewOf([grant(), wholly]), question(), 0, optIn).effect).toBe('deny');
    const imaging = grant({ id: '0x02' as GrantId, effect: 'deny', classes: classBit('imaging') });
    expect(mayTouch(viewOf([grant(), imaging]), question(), classBit('imaging'), optIn).effect).toBe('deny');
  });
});

describe('a resource that names several patients', () => {
  const bert = grant({ id: '0x02' as GrantId, subject: subject('bert') });
  const both = [question(), question({ subject: subject('bert') })];

  it('opens when each of them permits, and names each grant', () => {
    const decision = decideAll(viewOf([grant(), bert]), both, facts(), optIn);
    expect(decision).toMatchObject({ effect: 'permit', proof: { grants: ['0x01', '0x02'] } });
  });

  it('stays closed when one has not, and is denied when one denies', () => {
    expect(decideAll(viewOf([grant()]), both, facts(), optIn).effect).toBe('no-consent');
    const refusing = { ...bert, effect: 'deny' as const };
    expect(decideAll(viewOf([grant(), refusing]), both, facts(), optIn).effect).toBe('deny');
    expect(decideAll(viewOf([refusing]), both, facts(), optIn).effect).toBe('deny');
  });

  it('stays closed when nobody is named', () => {
    expect(decideAll(viewOf([grant()]), [], facts(), optIn).effect).toBe('no-consent');
  });
});
