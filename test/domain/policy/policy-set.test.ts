import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { methodNames } from '../../../src/domain/masking/method.ts';
import { judgeApprovals } from '../../../src/domain/policy/approval.ts';
import { safeHarborCoverage } from '../../../src/domain/policy/coverage.ts';
import { diffPolicies } from '../../../src/domain/policy/diff.ts';
import { faultLine } from '../../../src/domain/policy/fault.ts';
import { compilePolicySet } from '../../../src/domain/policy/policy-set.ts';
import { mask, planOf, setOf, shippedFiles, shippedSet } from '../masking/shipped.ts';

const policy = (rule: string, more = ''): string =>
  `policy: p\nroles: [r]\npurposes: [TREAT]\nunnamed: keep\nextensions: keep\nunknown: keep\n${more}rules:\n  - id: one\n${rule
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n')}\n`;
const faultsOf = (...texts: string[]): string[] => {
  const load = compilePolicySet(texts.map((text, i) => ({ name: `${i}.yaml`, text })));
  return load.ok ? [] : load.faults.map(faultLine);
};

describe('a policy that is not understood', () => {
  it.each([
    [
      policy('paths: [Patient.nmae]\nmethod: remove'),
      '0.yaml:9:21: error: Patient has no element `nmae`. Did you mean `name`?',
    ],
    [
      policy('paths: [Pateint.name]\nmethod: remove'),
      '0.yaml:9:13: error: `Pateint` is no resource type or datatype of FHIR R4. Did you mean `Patient`?',
    ],
    [policy('paths: [Patient.name]\nmethod: remvoe'), 'Did you mean `remove`?'],
    [
      policy('paths: [Patient.name]\nmehtod: remove'),
      '0.yaml:10:5: error: A rule has no field `mehtod`. Did you mean `method`?',
    ],
    [policy('paths: [Patient.name.first()]\nmethod: remove'), '`first` is not allowed here'],
    [policy('paths: ["Patient.name.where(given.matches(\'(a+)+$\'))"]\nmethod: remove'), 'A pattern is of characters'],
    [policy('paths: ["Patient.name.where(given.contains(\'x\'))"]\nmethod: remove'), '`contains` is not allowed here'],
    [policy('paths: ["Patient.identifier.where(sytem = \'x\')"]\nmethod: remove'), 'Did you mean `system`?'],
    [policy('paths: ["Observation.where(value = 1).note"]\nmethod: remove'), 'Did you mean `valueQuantity`?'],
    [
      policy('paths: ["Patient.birthDate.where($this = \'x\')"]\nmethod: remove'),
      '`where` must stand at an element that has members',
    ],
    [policy('paths: [Observation.value.ofType(Quanttiy)]\nmethod: remove'), 'Did you mean `Quantity`?'],
    [
      policy('paths: [Patient.active]\nmethod: date-shift'),
      '`date-shift` can do nothing with Patient.active (boolean).',
    ],
    [policy('classes: [Nmaes]\nmethod: remove'), 'There is no element class `Nmaes`.'],
    [policy('paths: [Patient.name]\nmethod: remove', 'extends: [other]\n'), 'There is no policy `other` to extend.'],
    [policy('paths: [Patient.name]\nmethod: remove', 'resources: [Pateint]\n'), 'Did you mean `Patient`?'],
    [policy('paths: [Patient.name]\nmethod: remove').replace('TREAT', 'TRAET'), 'Did you mean `TREAT`?'],
    [policy('method: remove'), 'A rule needs `classes` or `paths`'],
    [policy('paths: [Patient.name]\nmethod: generalise\nwith: { to: yaer }'), 'Did you mean `year`?'],
    [policy('paths: [Patient.name]\nmethod: partial\nwith: { last: -1 }'), '`last` must be greater than zero.'],
    ['policy: [', 'This is not YAML'],
    ['hello: world', 'The file is no policy, element class or test'],
  ])('is refused with the place and the nearest name (%#)', (text, expected) => {
    expect(faultsOf(text).join('\n')).toContain(expected);
  });
  it('tells of every fault at once', () => {
    expect(faultsOf(policy('paths: [Patient.nmae, Patient.gendre]\nmethod: remvoe'))).toHaveLength(3);
  });
  it('is refused for ids used twice and circles', () => {
    const one = policy('paths: [Patient.name]\nmethod: remove', 'extends: [q]\n');
    const two = 'policy: q\nextends: [p]\nrules:\n  - id: one\n    paths: [Patient.photo]\n    method: remove\n';
    const faults = faultsOf(one, two).join('\n');
    expect(faults).toContain('The rule id `one` is already used in 0.yaml, line 9.');
    expect(faults).toContain('The policy extends itself by way of `q`.');
  });
  it('is refused with a red case', () => {
    const test =
      'tests: t\nrole: r\npurpose: TREAT\ncases:\n  - name: Names stay\n    resource: { resourceType: Patient, name: [{ family: Berg }] }\n    present: [Berg]\n';
    expect(faultsOf(policy('paths: [Patient.name]\nmethod: remove'), test)).toEqual([
      '1.yaml:5:1: error: The test "Names stay" fails: "Berg" is gone.',
    ]);
  });
});

describe('a set of policies', () => {
  const set = shippedSet();
  it('gives no plan without a policy for role and purpose', () => {
    expect(set.planFor({ roles: ['clinician'], purpose: 'HMARKT' })).toBeUndefined();
    expect(set.planFor({ roles: ['nobody'], purpose: 'TREAT' })).toBeUndefined();
    expect(set.planFor({ roles: [], purpose: 'TREAT' })).toBeUndefined();
    expect(set.planFor({ roles: ['deidentified'], purpose: 'HRESCH' })).toBeUndefined();
  });
  it('gives the same plan for the same caller, and plans that differ for those who differ', () => {
    const who = { roles: ['clinician'], purpose: 'TREAT' };
    expect(set.planFor(who)).toBe(set.planFor({ ...who }));
    expect(set.planFor(who)?.id).not.toBe(set.planFor({ ...who, roles: ['specialist'] })?.id);
  });
  it('shows to several roles what each of them may see, and no more', () => {
    const both = set.planFor({ roles: ['clinician', 'front-desk'], purpose: 'TREAT' });
    if (both === undefined) throw new Error('no plan');
    expect(both.covers('Observation' as never)).toBe(false);
    expect(both.covers('Patient' as never)).toBe(true);
    const encounter = { resourceType: 'Encounter', status: 'finished', reasonCode: [{ text: 'x' }] };
    expect(JSON.stringify(mask(encounter, both))).not.toContain('"x"');
    expect(JSON.stringify(mask(encounter, planOf('clinician', 'TREAT')))).toContain('"x"');
  });
  it('can be narrowed and never widened by an overlay', () => {
    const who = { roles: ['clinician'], purpose: 'TREAT' };
    const plan = planOf('clinician', 'TREAT');
    const narrow = set.narrowed(plan, ['obligation-no-free-text'], who);
    expect(
      JSON.stringify(mask({ resourceType: 'Observation', note: [{ text: 'secret' }] }, narrow ?? plan)),
    ).not.toContain('secret');
    expect(set.narrowed(plan, ['no-such'], who)).toBeUndefined();
    const patient = planOf('patient', 'PATRQT');
    const raised = set.narrowed(patient, ['raised'], { roles: ['patient'], purpose: 'PATRQT' });
    expect(
      JSON.stringify(
        mask({ resourceType: 'Patient', name: [{ family: 'Berg' }], telecom: [{ value: '555' }] }, raised ?? patient),
      ),
    ).toMatch(/^(?=.*Berg)(?!.*555)/);
  });
  it('holds within its dates', () => {
    const dated = setOf([
      {
        name: 'a.yaml',
        text: policy('paths: [Patient.name]\nmethod: remove', 'from: 2026-02-01\nuntil: 2026-03-01\n'),
      },
    ]);
    const on = (day: string) => dated.planFor({ roles: ['r'], purpose: 'TREAT', on: day }) !== undefined;
    expect([on('2026-01-31'), on('2026-02-01'), on('2026-02-28'), on('2026-03-01')]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
  it('lets rules hold for some clients alone', () => {
    const some = setOf([{ name: 'a.yaml', text: policy('paths: [Patient.name]\nclients: [app]\nmethod: remove') }]);
    const sees = (client: string) => {
      const plan = some.planFor({ roles: ['r'], purpose: 'TREAT', client });
      return (
        plan !== undefined &&
        JSON.stringify(mask({ resourceType: 'Patient', name: [{ family: 'Berg' }] }, plan)).includes('Berg')
      );
    };
    expect([sees('app'), sees('other')]).toEqual([false, true]);
  });
  it('closes all eighteen rows of Safe Harbor for that role, and not for a limited data set', () => {
    const open = (role: string) =>
      safeHarborCoverage(set, planOf(role, 'HRESCH'))
        .filter((row) => !row.covered)
        .map((row) => row.row);
    expect(open('safe-harbor')).toEqual([]);
    expect(open('limited-data-set')).toContain('C');
  });
  it('is described by the schema that editors use', () => {
    const schema = JSON.parse(readFileSync('policies/policy.schema.json', 'utf8')) as {
      $defs: { rule: { properties: { method: { enum: string[] } } } };
    };
    expect(schema.$defs.rule.properties.method.enum).toEqual([...methodNames]);
  });
  it('warns of rules that want different things', () => {
    const text = policy('paths: [Patient.name]\nmethod: remove\n- id: two\n  paths: [Patient.name]\n  method: keep')
      .replace('    - id: two\n      paths', '  - id: two\n    paths')
      .replace('      method: keep', '    method: keep');
    expect(setOf([{ name: 'a.yaml', text }]).warnings.map((warning) => warning.text)).toEqual([
      'Rules `two` and `one` want different things of Patient.name; `remove` of `one` holds.',
    ]);
  });
});

describe('a change of policies', () => {
  const one = (rule: string, more = '') => setOf([{ name: 'a.yaml', text: policy(rule, more) }]);
  const strict = one('paths: [Patient.address.city, Patient.name]\nmethod: remove', 'resources: [Patient]\n');
  it('is told in sentences', () => {
    const mild = one('paths: [Patient.name]\nmethod: remove', 'resources: [Patient]\n');
    expect(diffPolicies(strict, mild).map((change) => change.text)).toEqual([
      'R (TREAT) gains Patient.address.city: remove becomes keep.',
    ]);
    expect(diffPolicies(mild, strict).map((change) => `${change.kind}: ${change.text}`)).toEqual([
      'narrows: R (TREAT) loses Patient.address.city: keep becomes remove.',
    ]);
    expect(diffPolicies(strict, strict)).toEqual([]);
  });
  it('names the element, where all of it becomes the same, and its parts where they differ', () => {
    const rule = (paths: string) => one(`paths: [${paths}]\nmethod: remove`, 'resources: [Patient]\n');
    const sentences = (before: string, after: string) =>
      diffPolicies(rule(before), rule(after)).map((change) => change.text);
    const phones =
      'Patient.telecom.value, Patient.telecom.system, Patient.telecom.use, Patient.telecom.rank, Patient.telecom.period, Patient.telecom.extension';
    expect(sentences('Patient.birthDate', `Patient.birthDate, Patient.photo`)).toEqual([
      'R (TREAT) loses Patient.photo: keep becomes remove.',
    ]);
    expect(sentences('Patient.birthDate, Patient.photo', 'Patient.birthDate')).toEqual([
      'R (TREAT) gains Patient.photo: remove becomes keep.',
    ]);
    expect(sentences('Patient.birthDate', `Patient.birthDate, ${phones}`)).toEqual([
      'R (TREAT) loses Patient.telecom: keep becomes remove.',
    ]);
    expect(sentences('Patient.birthDate', 'Patient.birthDate, Patient.telecom.value, Patient.telecom.use')).toEqual([
      'R (TREAT) loses Patient.telecom.value: keep becomes remove.',
      'R (TREAT) loses Patient.telecom.use: keep becomes remove.',
    ]);
  });
  it('that opens a type or a role widens', () => {
    const types = one(
      'paths: [Patient.address.city, Patient.name]\nmethod: remove',
      'resources: [Patient, Observation]\n',
    );
    expect(diffPolicies(strict, types).map((change) => change.text)).toEqual(['R (TREAT) gains Observation.']);
    expect(diffPolicies(types, strict).every((change) => change.kind === 'narrows')).toBe(true);
  });
  it('with other options counts as widening: who can tell', () => {
    const [four, six] = [4, 6].map((last) =>
      one(`paths: [Identifier.value]\nmethod: partial\nwith: { last: ${last} }`, 'resources: [Patient]\n'),
    );
    if (four === undefined || six === undefined) throw new Error();
    expect(diffPolicies(four, six).map((change) => change.kind)).toContain('widens');
  });
  it('needs two people to widen, one to narrow, and nobody counts twice', () => {
    const approval = (approver: string, to = 'b') => ({ from: 'a', to, approver, reason: 'r', signature: 's' });
    const judge = (kind: 'widens' | 'narrows', ...approvals: ReturnType<typeof approval>[]) =>
      judgeApprovals(
        { from: 'a', to: 'b', changes: [{ kind, role: 'r', purpose: 'p', path: 'x', text: 't' }] },
        approvals,
        (name) => name !== 'forged',
      ).ok;
    expect(judge('widens', approval('ann'), approval('bob'))).toBe(true);
    expect(judge('widens', approval('ann'), approval('ann'))).toBe(false);
    expect(judge('widens', approval('ann'), approval('forged'))).toBe(false);
    expect(judge('widens', approval('ann'), approval('bob', 'c'))).toBe(false);
    expect(judge('narrows', approval('ann'))).toBe(true);
    expect(judge('narrows')).toBe(false);
  });
  it('changes the hash', () => {
    const files = shippedFiles();
    const other = files.map((file, i) => (i === 0 ? { ...file, text: `${file.text}# more\n` } : file));
    expect(setOf(other).hash).not.toBe(setOf(files).hash);
  });
});
