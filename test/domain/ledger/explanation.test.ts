import { describe, expect, it } from '@jest/globals';
import type { Instant } from '../../../src/domain/instant.ts';
import type { LedgerEntry } from '../../../src/domain/ledger/entry.ts';
import { callerExplanation, explanation } from '../../../src/domain/ledger/explanation.ts';

const receipt = { log: 'log.example', index: 7, leaf: 'leaf' };
const base: LedgerEntry = {
  kind: 'denied',
  at: Date.UTC(2026, 0, 1) as Instant,
  requestId: 'r1',
  decision: 'deny',
  code: 'consent-not-granted',
  stage: 'consent',
  patients: [],
  resources: [],
  outcome: { status: 0, returned: 0, withheld: 0, masked: 0 },
  interaction: { kind: 'read', type: 'Patient', id: 'x' },
  story: [
    { stage: 'classify', rule: 'read', text: 'Understood as read.' },
    { stage: 'consent', rule: 'consent:grantee', text: 'Nothing was granted to this caller.' },
  ],
  height: 0,
};

describe('what a caller reads of their own call', () => {
  it('is the same for a patient with other grants, a patient unknown and a record withheld after the call', () => {
    const others: LedgerEntry = {
      ...base,
      story: [
        { stage: 'classify', rule: 'read', text: 'Understood as read.' },
        { stage: 'locate', rule: 'patients', text: 'Named.' },
        { stage: 'consent', rule: '0xgrant', text: 'Granted for other purposes only.' },
      ],
    };
    const unknown: LedgerEntry = { ...base, code: 'subject-unknown', stage: 'locate' };
    const withheld: LedgerEntry = {
      ...base,
      stage: 'release',
      height: 9,
      outcome: { status: 0, returned: 0, withheld: 1, masked: 0 },
      risk: { score: 0.2, action: 'allow', model: 'm', reasons: [] },
    };
    const told = [base, others, unknown, withheld].map((entry) => JSON.stringify(callerExplanation(entry, receipt)));
    expect(new Set(told).size).toBe(1);
  });

  it('does not say how much was withheld, which the operator may know', () => {
    const { code: _code, stage: _stage, ...rest } = base;
    const search: LedgerEntry = {
      ...rest,
      kind: 'search',
      decision: 'permit',
      interaction: { kind: 'search', type: 'Observation' },
      outcome: { status: 200, returned: 3, withheld: 4, masked: 0 },
    };
    expect(callerExplanation(search, receipt).outcome).toEqual({ status: 200, returned: 3, masked: 0 });
    expect(explanation(search, receipt).outcome.withheld).toBe(4);
  });

  it('says of a batch only what holds for the whole, because its stages speak of each entry', () => {
    const { code: _code, stage: _stage, ...rest } = base;
    const batch: LedgerEntry = { ...rest, kind: 'search', decision: 'permit', interaction: { kind: 'batch' } };
    expect(callerExplanation(batch, receipt).stages.map(({ stage }) => stage)).toEqual(['classify']);
  });
});
