import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { modelOf } from '../../../src/domain/consent/policy.ts';
import { parseConsentPolicy } from '../../../src/domain/policy/consent-policy.ts';

const shipped = readFileSync(new URL('../../../policies/consent.yaml', import.meta.url), 'utf8');

describe('policies/consent.yaml', () => {
  it('loads as shipped: opt-in for treatment, marketing closed, one hour of break-glass', () => {
    const read = parseConsentPolicy('consent.yaml', shipped);
    if (!read.ok) throw new Error(read.faults.map((fault) => fault.text).join('\n'));
    const policy = read.policyFor('default');
    expect(modelOf(policy, 'TREAT')).toBe('opt-in');
    expect(modelOf(policy, 'HMARKT')).toBe('closed');
    expect(modelOf(policy, 'UNKNOWN')).toBe('opt-in');
    expect(policy.breakGlass.seconds).toBe(3600);
    expect(policy.self.purposes.has('PATRQT')).toBe(true);
  });

  it('lets one upstream differ and leaves the others as they are', () => {
    const read = parseConsentPolicy(
      'consent.yaml',
      `${shipped}\nupstreams:\n  lab:\n    purposes: { TREAT: opt-out }\n`,
    );
    if (!read.ok) throw new Error('refused');
    expect(modelOf(read.policyFor('lab'), 'TREAT')).toBe('opt-out');
    expect(modelOf(read.policyFor('lab'), 'HMARKT')).toBe('closed');
    expect(modelOf(read.policyFor('other'), 'TREAT')).toBe('opt-in');
    expect(read.policyFor('lab').id).not.toBe(read.policyFor('other').id);
  });

  it.each([
    ['an unknown purpose', shipped.replace('HRESCH: opt-in', 'HRESHC: opt-in'), 'HRESCH'],
    ['an unknown action', shipped.replace('actions: [read, search]', 'actions: [raed, search]'), 'read'],
  ])('is refused for %s, with the nearest name', (_, text, nearest) => {
    const read = parseConsentPolicy('consent.yaml', text);
    expect(read.ok ? [] : read.faults).toEqual([expect.objectContaining({ nearest })]);
  });

  it.each([
    ['an unknown model', shipped.replace('HRESCH: opt-in', 'HRESCH: optin')],
    ['an unknown key', `${shipped}\nextra: 1\n`],
    ['a missing part', shipped.replace(/self:[\s\S]*?break-glass/, 'break-glass')],
    ['no YAML', ':\n  - [\n'],
  ])('is refused for %s', (_, text) => {
    expect(parseConsentPolicy('consent.yaml', text).ok).toBe(false);
  });
});
