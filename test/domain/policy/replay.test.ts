import { describe, expect, it } from '@jest/globals';
import type { LedgerEntry } from '../../../src/domain/ledger/entry.ts';
import { compilePolicySet, type PolicySet } from '../../../src/domain/policy/policy-set.ts';
import { factGatherer, replay } from '../../../src/domain/policy/replay.ts';

const setOf = (rules: string, more = ''): PolicySet => {
  const text = `policy: ward\nroles: [nurse]\npurposes: [TREAT]\nunnamed: keep\n${more}rules: ${rules}\n`;
  const load = compilePolicySet([{ name: 'ward.yaml', text }]);
  if (!load.ok) throw new Error(JSON.stringify(load.faults));
  return load.set;
};
const open = setOf('[]');
const noContact = setOf('[{ id: no-contact, paths: [Patient.telecom], method: remove }]');
const noPatients = setOf('[]', 'without: [Patient]\n');

const entry = (more: Partial<LedgerEntry>): LedgerEntry =>
  ({
    kind: 'read',
    decision: 'permit',
    actor: { user: 'u', issuer: 'i', client: 'ward-app', roles: ['nurse'] },
    purpose: 'TREAT',
    patients: ['p1'],
    resources: ['Patient/p1/_history/1'],
    interaction: { kind: 'read', type: 'Patient', id: 'p1' },
    ...more,
  }) as LedgerEntry;
const factsOf = (...entries: LedgerEntry[]) => {
  const gatherer = factGatherer();
  for (const each of entries) gatherer.add(each);
  return gatherer.facts();
};
const search = (query: string, more: Partial<LedgerEntry> = {}) =>
  entry({ kind: 'search', interaction: { kind: 'search', type: 'Patient', query }, ...more });

describe('a replay', () => {
  it('gathers what is alike, and takes along no patient, no user and no id', () => {
    const facts = factsOf(entry({}), entry({ interaction: { kind: 'read', type: 'Patient', id: 'p2' } }));
    expect(facts).toMatchObject([{ calls: 2, released: { Patient: 2 }, client: 'ward-app' }]);
    expect(JSON.stringify(facts)).not.toMatch(/p1|p2|"u"/);
  });

  it('tells what would have been shown and hidden, with the elements, by role and client', () => {
    const facts = factsOf(
      entry({}),
      search('gender=female', { resources: ['Patient/a/_history/1', 'Patient/b/_history/1'] }),
    );
    const less = replay(open, noContact, facts);
    expect(less).toMatchObject({ calls: 2, denied: [], allowed: [], exposed: [], unjudged: 0 });
    expect(less.hidden).toMatchObject([
      {
        role: 'nurse',
        client: 'ward-app',
        type: 'Patient',
        calls: 2,
        resources: 3,
        because: expect.arrayContaining(['Patient.telecom.value: keep becomes remove']),
      },
    ]);
    const more = replay(noContact, open, facts);
    expect(more.hidden).toEqual([]);
    expect(more.exposed[0]?.because).toContainEqual(expect.stringMatching(/^Patient\.telecom.*: remove becomes keep$/));
  });

  it('tells which calls would have been refused: no policy for the type, or a criterion on what is masked', () => {
    expect(replay(open, noPatients, factsOf(entry({}))).denied).toMatchObject([
      { calls: 1, because: ['No policy of the role covers Patient.'] },
    ]);
    const facts = factsOf(search('telecom=555'), search('gender=male'));
    expect(replay(open, noContact, facts).denied).toMatchObject([
      { calls: 1, because: ['The criterion telecom is closed by no-contact.'] },
    ]);
  });

  it('tells which refusals the draft would lift, and none that consent or risk caused', () => {
    const refused = { kind: 'denied', decision: 'deny', resources: [] } as const;
    const facts = factsOf(
      search('telecom=555', { ...refused, code: 'masked-parameter' }),
      search('telecom=555', { ...refused, code: 'consent-not-granted' }),
    );
    expect(replay(noContact, open, facts)).toMatchObject({ calls: 1, allowed: [{ calls: 1 }], denied: [] });
    expect(replay(noContact, noContact, facts)).toMatchObject({ allowed: [], denied: [] });
  });

  it('counts what it cannot judge instead of guessing', () => {
    const facts = factsOf(search('a=1&&=&%zz'));
    expect(replay(open, noPatients, facts)).toMatchObject({ calls: 1, unjudged: 1, denied: [] });
  });

  it('of a draft that is the set in force tells nothing', () => {
    const facts = factsOf(entry({}), search('telecom=555'));
    expect(replay(noContact, noContact, facts)).toMatchObject({ denied: [], allowed: [], exposed: [], hidden: [] });
  });
});
