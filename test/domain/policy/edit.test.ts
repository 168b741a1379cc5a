import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { readPolicyFolder } from '../../../src/adapters/policies/folder.ts';
import { maskingFiles } from '../../../src/domain/policy/draft.ts';
import { classMethods, setClassMethod } from '../../../src/domain/policy/edit.ts';
import { compilePolicySet } from '../../../src/domain/policy/policy-set.ts';
import { saveAsTest } from '../../../src/domain/policy/save-test.ts';

const policy = `# People at reception.
policy: desk
roles: [desk]   # one role
purposes: [HOPERAT]
unnamed: keep

rules:
  # Four digits are enough.
  - id: desk-ssn
    because: To tell two people apart. # as agreed
    classes: [SSN]
    method: partial
    with: { last: 4 }

  - id: desk-person
    classes: [Names, Contact]
    method: keep
  - id: desk-notes
    classes: [Notes]
    types: [Encounter]
    method: remove
`;

describe('an edit by the form', () => {
  it('changes the method where the rule stands, and leaves comments and all else as they were', () => {
    expect(setClassMethod(policy, { class: 'SSN', method: 'redact' })).toBe(
      policy.replace('method: partial\n    with: { last: 4 }', 'method: redact'),
    );
    expect(setClassMethod(policy, { class: 'SSN', method: 'partial', options: { last: 2 } })).toBe(
      policy.replace('last: 4', 'last: 2'),
    );
    expect(setClassMethod(policy, { class: 'SSN', method: 'partial', options: { last: 4 } })).toBe(policy);
  });

  it('takes a class out of a rule for several into one of its own', () => {
    const edited = setClassMethod(policy, { class: 'Contact', method: 'remove' }, ['desk-contact']);
    expect(edited).toBe(
      `${policy.replace('[Names, Contact]', '[Names]')}  - id: desk-contact-2\n    classes: [Contact]\n    method: remove\n`,
    );
  });

  it('says nothing of a class any more, and leaves narrower rules alone', () => {
    expect(setClassMethod(policy, { class: 'Notes' })).toBe(policy);
    expect(setClassMethod(policy, { class: 'SSN' })).not.toContain('desk-ssn');
    expect(classMethods(setClassMethod(policy, { class: 'Names' })).get('Names')).toBeUndefined();
  });

  it('reads back what it wrote', () => {
    const edited = setClassMethod(policy, { class: 'Postal codes', method: 'generalise', options: { to: 'zip3' } });
    expect(classMethods(edited).get('Postal codes')).toEqual({
      class: 'Postal codes',
      method: 'generalise',
      options: { to: 'zip3' },
    });
    expect(classMethods(edited).get('Notes')).toBeUndefined();
  });

  it('begins the rules of a policy that has none', () => {
    const edited = setClassMethod('policy: bare\nroles: [desk]\npurposes: [HOPERAT]\n', {
      class: 'SSN',
      method: 'remove',
    });
    expect(edited).toBe(
      'policy: bare\nroles: [desk]\npurposes: [HOPERAT]\nrules:\n  - id: bare-ssn\n    classes: [SSN]\n    method: remove\n',
    );
  });

  it('keeps every comment of the shipped policies', () => {
    for (const name of readdirSync('policies').filter((each) => /^[a-z-]+\.yaml$/.test(each))) {
      const text = readFileSync(`policies/${name}`, 'utf8');
      if (!text.includes('\npolicy:') && !text.startsWith('policy:')) continue;
      const edited = setClassMethod(text, { class: 'Devices', method: 'hide' });
      const comments = text.split('\n').filter((line) => line.trim().startsWith('#'));
      for (const comment of comments) expect([name, edited.includes(comment.trim())]).toEqual([name, true]);
    }
  });

  it('does not guess at a file that is no YAML', () => {
    expect(() => setClassMethod('policy: x\nrules: [\n', { class: 'SSN', method: 'remove' })).toThrow(RangeError);
  });
});

describe('a preview that is saved as a test', () => {
  const files = maskingFiles(readPolicyFolder('policies'));
  const load = compilePolicySet(files);
  const bytes = new TextEncoder().encode(
    '{"resourceType":"Patient","id":"p9","birthDate":"1950-03-04","gender":"male"}',
  );
  const wanted = { name: 'A man of 1950', role: 'researcher', purpose: 'HRESCH', asOf: '2026-01-01' };
  const save = (name: string, asOf = wanted.asOf) => {
    if (!load.ok) throw new Error('the shipped policies do not load');
    const saved = saveAsTest(files, load.set, { ...wanted, name, asOf }, bytes);
    if (!saved.ok) throw new Error(saved.text);
    return saved.change;
  };

  it('is green now and red once the outcome is another', () => {
    const change = save('A man of 1950');
    const others = files.filter(({ name }) => name !== change.name);
    const withCase = [...others, { name: change.name, text: change.text ?? '' }];
    const green = compilePolicySet(withCase);
    expect(green.ok && green.set.tests.some(({ name }) => name === 'A man of 1950')).toBe(true);
    const red = compilePolicySet(
      withCase.map((file) =>
        file.name === 'researcher.yaml'
          ? { ...file, text: setClassMethod(file.text, { class: 'Dates', method: 'remove' }) }
          : file,
      ),
    );
    expect(red).toMatchObject({ ok: false });
    expect(JSON.stringify(!red.ok && red.faults)).toContain('A man of 1950');
  });

  it('stands with the cases of the same role and day, or in a file of its own, and takes the place of its namesake', () => {
    const researchers = files.find(({ name }) => name === 'tests/researcher.test.yaml')?.text ?? '';
    const asOf = /^as-of: (\S+)/m.exec(researchers)?.[1] ?? '';
    expect(save('x', asOf).name).toBe('tests/researcher.test.yaml');
    const own = save('x', '2020-02-02');
    expect(own.name).toBe('tests/researcher-hresch.test.yaml');
    const again = load.ok
      ? saveAsTest(
          [...files, { name: own.name, text: own.text ?? '' }],
          load.set,
          { ...wanted, name: 'x', asOf: '2020-02-02' },
          bytes,
        )
      : undefined;
    expect(again?.ok && again.change.text).toBe(own.text);
  });
});
